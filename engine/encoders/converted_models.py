"""A disk cache of models converted for another runtime: converting takes seconds, and gives the same result every time.

A folder appears under its name atomically. Anything lost is converted again.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

SUMS = "sums.json"


def default_root() -> Path:
    """Return the cache folder: under DIPTYCH_CACHE, or under diptych in the user's cache folder."""
    own = os.environ.get("DIPTYCH_CACHE")
    if own:
        return Path(own) / "encoders"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "diptych" / "encoders"


class ConvertedModels:
    """Folders of converted models by everything that determines them."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = default_root() if root is None else root

    def find(self, identity: Mapping[str, Any]) -> Path | None:
        """Return the folder stored under this key, None if there is none or its files are damaged.

        Reads all files, about a second per GB.
        """
        folder = self.root / key(identity)
        try:
            sums = json.loads((folder / SUMS).read_text(encoding="utf-8"))
            whole = {name: _sum(folder / name) for name in sums} == sums
        except (OSError, ValueError, TypeError):
            return None
        return folder if whole else None

    def store(self, identity: Mapping[str, Any], write: Callable[[Path], object]) -> Path | None:
        """Let `write` fill a folder, store it under this key and return it; None if it cannot be written."""
        folder = self.root / key(identity)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.root))
        except OSError as error:
            log.info("converted models are not stored: %s", error)
            return None
        try:
            write(draft)
            sums = {path.name: _sum(path) for path in draft.iterdir()}
            (draft / SUMS).write_text(json.dumps(sums), encoding="utf-8")
            return self._publish(draft, folder)
        except OSError as error:
            log.warning("a converted model cannot be stored in %s: %s", self.root, error)
            return None
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _publish(self, draft: Path, folder: Path) -> Path:
        for path in draft.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        try:
            draft.rename(folder)
        except OSError:
            # Another process was first, or a damaged folder exists; a folder can only be renamed over an empty one.
            old = Path(tempfile.mkdtemp(prefix=".old-", dir=self.root))
            folder.rename(old / "old")
            draft.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        return folder


def key(identity: Mapping[str, Any]) -> str:
    """Return a folder name: the hash of everything that determines its content."""
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
