"""A template, as the rest of the proxy knows it."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from proxy.dialect.prompts.template import evaluate, references
from proxy.dialect.prompts.template.budget import Budget
from proxy.dialect.prompts.template.functions import NAMES, Context
from proxy.dialect.prompts.template.parser import ROOT, parse


class Template:
    __slots__ = ("_bodies", "_fields")

    def __init__(self, bodies: evaluate.Bodies) -> None:
        self._bodies = bodies
        self._fields = frozenset(name.lower() for name in references.fields(bodies.values()))

    @staticmethod
    def parse(text: str) -> "Template":
        return _parsed(text)

    def uses(self, name: str) -> bool:
        """Whether it refers to a field, in whatever case."""
        return name.lower() in self._fields

    def render(
        self, values: Mapping[str, object], *, today: date | None = None, budget: Budget | None = None
    ) -> str:
        return evaluate.run(self._bodies, ROOT, values, Context(budget or Budget(), today))

    def until(self, field: str) -> "Template":
        """The same up to what prints a field, and with it."""
        root = references.before(field, self._bodies[ROOT])
        return Template({**self._bodies, ROOT: root})


@lru_cache(maxsize=16)
def _parsed(text: str) -> Template:
    """A model's template comes with each of its requests."""
    return Template(parse(text, NAMES))
