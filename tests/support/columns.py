"""Columns of payloads, as a snapshot has them."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.columns import Columns, write_columns


def columns_of(payloads: Sequence[Mapping[str, Any]]) -> Columns:
    """Write payloads and open what was written; the file is gone afterwards, but mapped still."""
    with tempfile.TemporaryDirectory() as folder:
        write_columns(Path(folder), payloads, len(payloads))
        return Columns(Path(folder), len(payloads))
