"""From method and path to a handler: a table of exact paths, and one of paths that end in a parameter."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from proxy.asgi import Reply, Request, Stream

Services = TypeVar("Services")
Handler = Callable[[Request, Services], Awaitable[Reply | Stream]]


@dataclass(frozen=True, slots=True)
class Route(Generic[Services]):
    """`path` may end in `{name}`, which takes the rest of the path, slashes included."""

    methods: tuple[str, ...]
    path: str
    handler: Handler[Services]


@dataclass(frozen=True, slots=True)
class Match(Generic[Services]):
    handler: Handler[Services]
    params: dict[str, str]


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Nothing answers here; `allowed` names the methods that the path has, if it exists."""

    allowed: tuple[str, ...]


class Router(Generic[Services]):
    def __init__(self, routes: Iterable[Route[Services]]) -> None:
        self._exact: dict[str, dict[str, Handler[Services]]] = {}
        self._prefixes: dict[tuple[str, str], dict[str, Handler[Services]]] = {}
        for route in routes:
            by_method = self._slot(route.path)
            by_method.update(dict.fromkeys(route.methods, route.handler))

    def _slot(self, path: str) -> dict[str, Handler[Services]]:
        if not path.endswith("}"):
            return self._exact.setdefault(path, {})
        prefix, _, name = path[:-1].partition("{")
        return self._prefixes.setdefault((prefix, name), {})

    def find(self, method: str, path: str) -> Match[Services] | NoMatch:
        by_method, params = self._lookup(path)
        handler = by_method.get(method)
        if handler is None:
            return NoMatch(tuple(by_method))
        return Match(handler, params)

    def _lookup(self, path: str) -> tuple[dict[str, Handler[Services]], dict[str, str]]:
        if path in self._exact:
            return self._exact[path], {}
        for (prefix, name), by_method in self._prefixes.items():
            if path.startswith(prefix) and len(path) > len(prefix):
                return by_method, {name: path[len(prefix) :]}
        return {}, {}
