"""Values that come in several languages: [{"language_tag": "en_US", "value": "red mug"}], {"en": "red mug"}."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_TAG_KEYS = ("language_tag", "@language", "lang", "language", "locale", "lang_code")
_VALUE_KEYS = ("value", "@value", "text", "#text", "content")
_LANGUAGES = frozenset(
    {"ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr"}
    | {"hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "nb", "nl", "nn", "no", "pl", "pt", "ro", "ru", "sk"}
    | {"sl", "sr", "sv", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh"}
)
_TAG = re.compile(r"([a-z]{2,3})(?:[-_][A-Za-z]{2,4})?", re.IGNORECASE)


class _Localized(NamedTuple):
    language: str
    value: object


def localize(value: object, language: str | None) -> object:
    """Return the values of one language, or of all if it is None or there is none in it.

    Several values are a list in their order, one is the value itself. A value without language tags is returned as it
    is, but for {"value": x}, which is x.
    """
    found = _read(value)
    if found is None:
        return value
    wanted = [entry.value for entry in found if language and _matches(entry.language, language)]
    values = wanted or [entry.value for entry in found]
    return values[0] if len(values) == 1 else values


def _read(value: object) -> list[_Localized] | None:
    """Return the tagged values, None if the value is not made of them."""
    if isinstance(value, list):
        entries = [_read_entry(part) for part in value]
        found = [entry for entry in entries if entry is not None]
        return found if found and len(found) == len(value) else None
    if not isinstance(value, Mapping):
        return None
    if (entry := _read_entry(value)) is not None:
        return [entry]
    if value and all(_is_language(name) for name in value) and _are_texts(value.values()):
        return [_Localized(str(name), part) for name, part in value.items()]
    return None


def _read_entry(value: object) -> _Localized | None:
    """Return a tagged value such as {"language_tag": "en_US", "value": "red mug"}; also {"value": x} without a tag."""
    if not isinstance(value, Mapping):
        return None
    content = next((name for name in _VALUE_KEYS if name in value), None)
    if content is None:
        return None
    tag = next((name for name in _TAG_KEYS if name in value), None)
    if tag is None:
        return _Localized("", value[content]) if len(value) == 1 else None
    return _Localized(str(value[tag]), value[content]) if _TAG.fullmatch(str(value[tag])) else None


def _is_language(name: object) -> bool:
    match = _TAG.fullmatch(str(name))
    return match is not None and match[1].lower() in _LANGUAGES


def _are_texts(values: Iterable[object]) -> bool:
    return all(value is None or isinstance(value, str) for value in values)


def _matches(tag: str, language: str) -> bool:
    """Return whether a tag is of a language: "en" matches en and en_US, "en_US" only itself."""
    folded, wanted = (text.replace("_", "-").lower() for text in (tag, language))
    return folded == wanted or folded.startswith(f"{wanted}-")
