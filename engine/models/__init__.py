"""The models that the package brings, each a folder here, opened by its name from anywhere."""

from pathlib import Path

EMBEDDED = ("base", "mini")
DEFAULT = "base"
"""What is meant where no model is named."""
CAPTIONER = "mini"
"""What looks at pictures for a model that cannot say what it sees."""


def folder(name: str) -> Path:
    """Return the folder of an embedded model, one of EMBEDDED."""
    return Path(__file__).parent / name
