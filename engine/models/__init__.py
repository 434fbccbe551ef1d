"""The embedded models, one folder each, opened by name."""

from pathlib import Path

EMBEDDED = ("base", "mini")
DEFAULT = "base"
"""The model used if none is named."""
CAPTIONER = "mini"
"""The model that captions pictures for models without a captioner."""


def folder(name: str) -> Path:
    """Return the folder of an embedded model, one of EMBEDDED."""
    return Path(__file__).parent / name
