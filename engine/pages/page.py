"""Render a page from its template. Everything, pictures too, is inside the one file."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: Any) -> str:
    """Return a page as HTML; texts are escaped.

    Args:
        template: Name of a file in `templates`.
        values: What the template shows.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("engine.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["share"] = lambda value: f"{value:.1%}"
    return environment
