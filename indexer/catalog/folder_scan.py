"""The files below a folder, without those that systems and their tools leave there."""

import os
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_SYSTEM_FOLDERS = frozenset(
    {
        "@eadir",
        "#recycle",
        "#snapshot",
        "@recycle",
        "@tmp",
        "@__thumb",
        "__macosx",
        "lost+found",
        "$recycle.bin",
        "system volume information",
        "node_modules",
        "__pycache__",
    }
)
_SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini", "icon\r"})
_MAX_ENDINGS = 8


@dataclass(slots=True)
class FolderScan:
    """What lies below a folder, as sorted relative paths with forward slashes.

    Attributes:
        files: The files.
        broken_links: Links to nothing.
        unreadable: Folders that cannot be listed, with the reason.
        truncated: Whether there are more files than were asked for.
    """

    files: list[str] = field(default_factory=list)
    broken_links: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    truncated: bool = False


def scan_folder(folder: Path, max_files: int | None = None) -> FolderScan:
    """List a folder and those below it. A linked folder is listed once, hidden and system folders never.

    Args:
        folder: The folder.
        max_files: Where to stop.
    """
    scan = FolderScan()
    folders: deque[tuple[Path, str]] = deque([(folder, "")])
    # Linked folders come last, so that a folder that is in the tree itself keeps its own path.
    linked: deque[tuple[Path, str]] = deque()
    seen = {_identify(parent) for parent in folder.resolve().parents}
    while (folders or linked) and not scan.truncated:
        path, prefix = folders.popleft() if folders else linked.popleft()
        try:
            identity = _identify(path)
            if identity in seen:
                continue
            seen.add(identity)
            entries = list(os.scandir(path))
        except OSError as error:
            scan.unreadable.append((prefix.rstrip("/") or str(path), error.strerror or str(error)))
            continue
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = prefix + entry.name
            if is_system_name(entry.name):
                continue
            if _is_folder(entry):
                (linked if entry.is_symlink() else folders).append((Path(entry.path), f"{name}/"))
            elif _is_file(entry):
                scan.files.append(name)
            elif entry.is_symlink():
                scan.broken_links.append(name)
        scan.truncated = max_files is not None and len(scan.files) > max_files
    scan.files.sort()
    scan.broken_links.sort()
    return scan


def is_system_name(name: str) -> bool:
    """Return whether a file or folder is hidden, or belongs to a system rather than to a person."""
    folded = name.lower()
    return name.startswith((".", "~$")) or folded in _SYSTEM_FOLDERS or folded in _SYSTEM_FILES


def count_endings(names: Iterable[str]) -> str:
    """Return how many files there are of each ending, the most frequent first: "3 .svg, 1 .zip"."""
    counts = Counter(PurePosixPath(name).suffix.lower() or "without an ending" for name in names).most_common()
    shown = [f"{count} {ending}" for ending, count in counts[:_MAX_ENDINGS]]
    rest = sum(count for _, count in counts[_MAX_ENDINGS:])
    return printable(", ".join([*shown, f"{rest} others"] if rest else shown))


def printable(name: str) -> str:
    """Return a file name for a message; bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _identify(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
