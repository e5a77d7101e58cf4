"""From method and path to a route: a table of exact paths, and one of paths that end in a parameter."""

import posixpath
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from proxy.http.asgi import Reply, Request, Stream

Services = TypeVar("Services")
Handler = Callable[[Request, Services], Awaitable[Reply | Stream]]

# In the order in which Ollama names them to who used another.
_METHODS = ("HEAD", "GET", "POST", "DELETE")


@dataclass(frozen=True, slots=True)
class Route(Generic[Services]):
    """`path` may end in `{name}`, which takes the rest of the path, slashes included. `infers` says that it
    has an engine work, so that only so many may be on their way at once. `open` is for everyone, also where
    keys are set. `streams` says that it takes the body's parts as they come, however large it is."""

    methods: tuple[str, ...]
    path: str
    handler: Handler[Services]
    infers: bool = False
    open: bool = False
    streams: bool = False


@dataclass(frozen=True, slots=True)
class Match(Generic[Services]):
    route: Route[Services]
    params: dict[str, str]


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Nothing answers here. `allowed` names the methods that the path has, if it exists; `moved` is the path
    that was meant, where slashes or dots too many stand in the way."""

    allowed: tuple[str, ...] = ()
    moved: str = ""


class Router(Generic[Services]):
    def __init__(self, routes: Iterable[Route[Services]]) -> None:
        self._exact: dict[str, dict[str, Route[Services]]] = {}
        self._prefixes: dict[tuple[str, str], dict[str, Route[Services]]] = {}
        for route in routes:
            by_method = self._slot(route.path)
            by_method.update(dict.fromkeys(route.methods, route))

    def _slot(self, path: str) -> dict[str, Route[Services]]:
        if not path.endswith("}"):
            return self._exact.setdefault(path, {})
        prefix, _, name = path[:-1].partition("{")
        return self._prefixes.setdefault((prefix, name), {})

    def find(self, method: str, path: str) -> Match[Services] | NoMatch:
        clean = _cleaned(path)
        if clean != path:
            return NoMatch(moved=clean)
        by_method, params = self._lookup(path)
        route = by_method.get(method)
        if route is not None:
            return Match(route, params)
        without = path.rstrip("/")
        if without != path and method in self._lookup(without)[0]:
            return NoMatch(moved=without)
        return NoMatch(tuple(sorted(by_method, key=_METHODS.index)))

    def _lookup(self, path: str) -> tuple[dict[str, Route[Services]], dict[str, str]]:
        if path in self._exact:
            return self._exact[path], {}
        for (prefix, name), by_method in self._prefixes.items():
            if path.startswith(prefix) and len(path) > len(prefix) and not path.endswith("/"):
                return by_method, {name: path[len(prefix) :]}
        return {}, {}


def _cleaned(path: str) -> str:
    """Without empty, `.` and `..` segments; a slash at the end stays."""
    if "//" not in path and "/." not in path:
        return path
    clean = "/" + posixpath.normpath(path).lstrip("/")
    return clean + "/" if path.endswith("/") and clean != "/" else clean
