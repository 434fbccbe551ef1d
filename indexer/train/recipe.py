"""Settings of a run from a TOML file and from the command line, as one TrainConfig."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from engine.errors import InvalidSetting
from indexer.train.train_config import TrainConfig

_PATHS = ("out", "work", "teacher", "pairs")
_PATH_TUPLES = ("catalogs", "photos")
_TUPLES = (*_PATH_TUPLES, "shares", "caption_templates", "short_templates", "attributes")


def to_config(recipe: Path | None, settings: Sequence[str], given: Mapping[str, Any]) -> TrainConfig:
    """Return the settings: `given` over `settings`, each "name=value" in TOML, over the recipe's, over the defaults.

    Raises InvalidSetting for a file that is not TOML and for a name or type that TrainConfig does not have.
    """
    values: dict[str, Any] = {}
    if recipe is not None:
        try:
            values |= tomllib.loads(recipe.read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise InvalidSetting(f"expected a TOML file at {recipe}, got {error}") from error
    for text in settings:
        values |= _parsed(text)
    values |= {name: value for name, value in given.items() if value}
    known = [field.name for field in fields(TrainConfig)]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise InvalidSetting(f"unknown setting {name!r}" + (f": did you mean {near[0]!r}?" if near else ""))
    for name in _PATHS:
        if name in values:
            values[name] = Path(values[name])
    for name in _TUPLES:
        if name in values:
            values[name] = tuple(map(Path, values[name])) if name in _PATH_TUPLES else tuple(values[name])
    return TrainConfig(**values)


def _parsed(text: str) -> dict[str, Any]:
    name, _, value = text.partition("=")
    try:
        return {name.strip(): tomllib.loads(f"value = {value}")["value"]}
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise InvalidSetting(f"expected name=value in TOML, such as steps=500, got {text!r}") from error
