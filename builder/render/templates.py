"""Jinja2 as every template here is rendered: an undefined name is an error, and no newline is lost."""

import json
from collections.abc import Mapping
from functools import lru_cache

from jinja2 import DictLoader, Environment, StrictUndefined


def environment(templates: Mapping[str, str]) -> Environment:
    """Compiling takes far longer than rendering, so what the same templates were compiled to is kept."""
    return _compiled(tuple(sorted(templates.items())))


@lru_cache(maxsize=4)
def _compiled(templates: tuple[tuple[str, str], ...]) -> Environment:
    jinja = Environment(
        loader=DictLoader(dict(templates)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Dockerfiles and YAML, no HTML
    )
    jinja.filters["quoted"] = json.dumps
    """A value as JSON, which YAML, ENV and exec-form instructions read alike."""
    return jinja
