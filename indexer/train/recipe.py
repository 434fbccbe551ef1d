"""The settings of a training run, from a TOML file and the command line."""

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
    """Return the merged settings: `given` overrides `settings`, which override the recipe and the defaults.

    Args:
        recipe: TOML file.
        settings: Lines of the form "name=value", in TOML.
        given: Options of the command line; empty values are ignored.

    Raises:
        InvalidSetting: The file is not TOML, or a name or type is not one of TrainConfig.
    """
    values: dict[str, Any] = {}
    if recipe is not None:
        try:
            values |= tomllib.loads(recipe.read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise InvalidSetting(f"expected a TOML file at {recipe}, got {error}") from error
    for text in settings:
        values |= _parse(text)
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


def _parse(text: str) -> dict[str, Any]:
    name, _, value = text.partition("=")
    try:
        return {name.strip(): tomllib.loads(f"value = {value}")["value"]}
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise InvalidSetting(f"expected name=value in TOML, such as steps=500, got {text!r}") from error
