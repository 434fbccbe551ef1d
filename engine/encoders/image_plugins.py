"""Formats that Pillow reads with a plug-in, which is loaded when the first such image comes."""

from collections.abc import Callable, Mapping
from functools import cache

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_JXL_SIGNATURES = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a")


def load_plugin(data: bytes) -> str | None:
    """Load the plug-in for an image's bytes and return Pillow's name of the format; None if none is needed."""
    name = _find_format(data)
    if name is not None:
        _load(name)
    return name


def _find_format(data: bytes) -> str | None:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "HEIF"
    return "JXL" if data.startswith(_JXL_SIGNATURES) else None


@cache
def _load(name: str) -> None:
    _PLUGINS[name]()


def _load_heif() -> None:
    from pillow_heif import register_heif_opener

    register_heif_opener()


def _load_jxl() -> None:
    import pillow_jxl  # noqa: F401 - registers itself


_PLUGINS: Mapping[str, Callable[[], None]] = {"HEIF": _load_heif, "JXL": _load_jxl}
