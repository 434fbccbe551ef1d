"""Option texts such as "rating=0.3" parsed to values. A malformed text is rejected with the form expected."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import typer

LINEAR, LOG1P, EXP_DECAY = "linear", "log1p", "exp_decay"

_NUMBER = r"[^(),=]+"
_SHAPE = re.compile(rf"(?P<name>{LINEAR}|{LOG1P})|(?P<decay>{EXP_DECAY})\((?P<origin>{_NUMBER}),(?P<scale>{_NUMBER})\)")


class BoostOption(NamedTuple):
    """One --boost."""

    field: str
    weight: float
    shape: str = LINEAR
    origin: float = 0.0
    scale: float = 0.0


class PinOption(NamedTuple):
    """One --pin; the position counts from 0."""

    item_id: str
    position: int


def to_weights(pairs: Iterable[str] | None, option: str) -> list[tuple[str, float]]:
    """Parse "image=0.3" to ("image", 0.3), in the order given. Raises BadParameter."""
    return [_parse_weight(pair, option, "NAME=NUMBER") for pair in pairs or ()]


def to_boosts(texts: Iterable[str] | None, option: str = "--boost") -> list[BoostOption]:
    """Parse "FIELD=W", "FIELD:log1p=W" and "FIELD:exp_decay(ORIGIN,SCALE)=W". Raises BadParameter.

    A field with a colon in its name needs an explicit shape: "a:b:linear=1".
    """
    form = f"FIELD=W, FIELD:{LOG1P}=W or FIELD:{EXP_DECAY}(ORIGIN,SCALE)=W"
    boosts = []
    for text in texts or ():
        name, weight = _parse_weight(text, option, form)
        field, colon, shape = name.rpartition(":")
        if not colon:
            boosts.append(BoostOption(name, weight))
            continue
        match = _SHAPE.fullmatch(shape.replace(" ", ""))
        if match is None or not field:
            raise _invalid(form, text, option)
        if match["decay"] is None:
            boosts.append(BoostOption(field, weight, match["name"]))
            continue
        try:
            origin, scale = float(match["origin"]), float(match["scale"])
        except ValueError:
            raise _invalid(form, text, option) from None
        if not scale > 0:
            raise typer.BadParameter(f"expected a SCALE above 0, got {text!r}", param_hint=option)
        boosts.append(BoostOption(field, weight, EXP_DECAY, origin, scale))
    return boosts


def to_pins(texts: Iterable[str] | None, option: str = "--pin") -> Iterator[PinOption]:
    """Parse "ITEM@RANK", where rank 1 is the first hit. Raises BadParameter."""
    for text in texts or ():
        item_id, _, rank = text.rpartition("@")
        if not item_id or not rank.isdecimal() or not 1 <= int(rank) <= 1000:
            raise _invalid("ITEM@RANK with a rank from 1 to 1000", text, option)
        yield PinOption(item_id, int(rank) - 1)


def to_names(text: str | None, option: str) -> list[str]:
    """Parse "title,price" to its names. Raises BadParameter."""
    names = [name.strip() for name in text.split(",")] if text else []
    if not all(names):
        raise _invalid("names with commas between them", text or "", option)
    return names


def _parse_weight(text: str, option: str, form: str) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    try:
        weight = float(value)
    except ValueError:
        name, weight = "", 0.0
    if not name:
        raise _invalid(form, text, option)
    return name, weight


def _invalid(form: str, text: str, option: str) -> typer.BadParameter:
    return typer.BadParameter(f"expected {form}, got {text!r}", param_hint=option)
