"""The title that a file's name gives: its words, but not those of cameras, telephones and scanners."""

import re
import unicodedata

_ENDING = re.compile(r"(\.(jpe?g|png|webp|gif|bmp|tiff?|avif|heic|jxl))+$", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=.*[0-9])[0-9a-f]{16,}", re.IGNORECASE)
_CAMERA_NUMBER = re.compile(r"[a-z][0-9]{6,}", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_CAMERA_WORDS = """
    img image images dsc dscn dscf dcim dji gopr gopro pxl mvimg pano burst wa vid photo photos pic pics picture foto
    bild scan screenshot screen shot capture whatsapp at am pm untitled unnamed unbenannt download copy kopie edited
"""
_MEANINGLESS = frozenset(_CAMERA_WORDS.split())


def to_title(stem: str) -> str:
    """Return the words of a file's name; "" if it is a number, a hash, or what a camera calls its images."""
    # File systems of Apple decompose letters with accents.
    stem = unicodedata.normalize("NFC", _ENDING.sub("", stem))
    title = " ".join(re.sub(r"[-_]", " ", stem).split())
    words = _WORD.findall(title)
    meaningless = _HASH.fullmatch(stem) or _CAMERA_NUMBER.fullmatch(stem)
    return "" if meaningless or _MEANINGLESS.issuperset(word.lower() for word in words) else title
