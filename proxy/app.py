"""The ASGI application: a request comes in, one answer goes out, whatever happens in between."""

import dataclasses
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from urllib.parse import quote

from proxy.catalog import Catalog
from proxy.clock import SYSTEM, now
from proxy.dialect import errors
from proxy.entrance.gate import Gate, Room
from proxy.entrance.guard import Guard
from proxy.entrance.keys import Keyring
from proxy.errors import ApiError, ClientGoneError
from proxy.figures.meters import Meters
from proxy.figures.tally import GONE, Tally
from proxy.http.asgi import (
    WRITE,
    BodyLimits,
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    Stream,
    StreamBrokenError,
    body_parts,
    json_reply,
    read_body,
    send_reply,
    send_stream,
    text_reply,
    while_connected,
)
from proxy.http.router import Match, NoMatch, Route, Router
from proxy.hub.web import Web
from proxy.model import Role
from proxy.routes import ROUTES
from proxy.services import Services
from proxy.settings import Settings
from proxy.store import Store
from proxy.store.library import DiskLibrary
from proxy.upstream import Timeouts, Upstream

_log = logging.getLogger("proxy")

BODY_LIMIT = 64 * 1024 * 1024
BODIES_LIMIT = 16 * BODY_LIMIT
# A body may take so long, and longer where it is large: a line of 64 kB/s is slow enough.
BODY_SECONDS = 30.0
BODY_RATE = 64 * 1024
_FAR_PROBE_SECONDS = 5.0

_Found = Match[Services] | NoMatch


class App:
    """`timeouts` bounds every wait for an engine."""

    def __init__(self, settings: Settings, timeouts: Timeouts | None = None) -> None:
        timeouts = timeouts or Timeouts()
        servers: dict[Role, Upstream] = {"chat": Upstream("engine", settings.engine, timeouts)}
        if settings.embeddings is not None:
            servers["embedding"] = Upstream(
                "embeddings server", settings.embeddings, _reaching(settings.embeddings, timeouts)
            )
        self._meters = Meters()
        self._keyring = Keyring(settings.keys)
        self._gate = Gate(settings.max_queue, settings.key_limit)
        self._room = Room(BODIES_LIMIT)
        self._servers = tuple(servers.values())
        store = Store(settings.library or settings.models, (settings.models,))
        catalog = Catalog(store, servers, now, settings.on_gpu)
        web = Web(settings.hub, settings.hub_token)
        self._library = DiskLibrary(store, catalog, web, now)
        self._services = Services(catalog, SYSTEM, self._meters, self._library)
        self._guard = Guard(settings)
        self._router = Router(ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            request = Request(scope["method"], scope["path"], dict(scope["headers"]))
            request.write = scope.get("extensions", {}).get(WRITE)
            await self._serve(request, scope, receive, self._guard.telling(request, send))

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._library.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for server in self._servers:
            server.close()
        await self._library.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        """Whatever happens, it is answered where somebody waits, and counted."""
        match = self._router.find(request.method, request.path)
        with self._metered(request, match):
            try:
                await self._answer(request, match, scope, receive, send)
            except ApiError as error:
                self._meters.failed(error)
                await _send(request, send, _error_reply(error, request.path))
            except StreamBrokenError as broken:
                if isinstance(broken.__cause__, ApiError):
                    self._meters.failed(broken.__cause__)
                _log.warning("%s broke off: %s", request.path, broken)
            except ClientGoneError:
                request.tally.status = GONE
            except Exception as error:
                _log_bug(request, error)
                await _send(request, send, _error_reply(ApiError(500, "internal error"), request.path))

    @contextmanager
    def _metered(self, request: Request, match: _Found) -> Iterator[None]:
        path, infers = (match.route.path, match.route.infers) if isinstance(match, Match) else ("none", False)
        self._meters.begin()
        try:
            yield
        finally:
            self._meters.end(request.tally, path, request.caller, infers=infers)

    async def _answer(
        self, request: Request, match: _Found, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._guard.check(request)
        reply = self._guard.preflight(request)
        if reply is not None:
            await _send(request, send, reply)
            return
        if not (isinstance(match, Match) and match.route.open):
            request.caller = self._keyring.caller(request)
        if isinstance(match, NoMatch):
            await _send(request, send, _nothing_here(request, match, scope))
            return
        request.params = match.params
        with self._gate.passing(request.caller) if match.route.infers else nullcontext():
            await self._handle(request, match.route, scope, receive, send)

    async def _handle(
        self, request: Request, route: Route[Services], scope: Scope, receive: Receive, send: Send
    ) -> None:
        if route.streams:
            request.parts = body_parts(receive, BODY_SECONDS)
            await self._conclude(request, route, send)
            return
        with self._room.holding() as take:
            limits = BodyLimits(BODY_LIMIT, BODY_SECONDS, BODY_RATE, take)
            request.body = await read_body(scope, receive, limits)
            async with while_connected(receive):
                await self._conclude(request, route, send)

    async def _conclude(self, request: Request, route: Route[Services], send: Send) -> None:
        answer = await route.handler(request, self._services)
        if isinstance(answer, Stream):
            await send_stream(send, self._noted(request.tally, answer), request.write)
        else:
            await _send(request, send, answer)

    def _noted(self, tally: Tally, stream: Stream) -> Stream:
        """Notes when it begins, and what breaks it off."""
        farewell = stream.farewell

        def begin() -> None:
            tally.status = stream.status
            tally.begin()

        def take_leave(error: ApiError) -> bytes:
            self._meters.failed(error)
            return farewell(error) if farewell else b""

        stream.begin = begin
        stream.farewell = take_leave if farewell else None
        return stream


async def _send(request: Request, send: Send, reply: Reply) -> None:
    request.tally.status = reply.status
    await send_reply(send, reply, head=request.method == "HEAD")


def _reaching(url: str, timeouts: Timeouts) -> Timeouts:
    """A server behind TLS is somewhere else, and even a small question takes it longer."""
    far = url.startswith("https://")
    return dataclasses.replace(timeouts, probe=max(timeouts.probe, _FAR_PROBE_SECONDS)) if far else timeouts


def _nothing_here(request: Request, match: NoMatch, scope: Scope) -> Reply:
    """On /v1 in the dialect's shape; elsewhere as plain text, which is how Ollama says it."""
    if match.moved:
        return _moved(request, match.moved, scope["query_string"].decode("latin-1"))
    status, text = (405, "405 method not allowed") if match.allowed else (404, "404 page not found")
    headers = {"allow": ", ".join(match.allowed)} if match.allowed else {}
    if errors.shape_of(request.path) is errors.ollama:
        return text_reply(text, status, headers)
    return _error_reply(ApiError(status, text[4:], headers=headers), request.path)


def _moved(request: Request, path: str, query: str) -> Reply:
    """Clients repeat a body only where the status tells them to."""
    location = quote(path) + (f"?{query}" if query else "")
    return text_reply("", 301 if request.method in ("GET", "HEAD") else 307, {"location": location})


def _error_reply(error: ApiError, path: str) -> Reply:
    return json_reply(errors.shape_of(path)(error), error.status, error.headers)


def _log_bug(request: Request, error: Exception) -> None:
    """Where it happened and of what kind; not its message, which may hold what a client wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
    _log.error("%s %s: %s at %s", request.method, request.path, type(error).__name__, where)
