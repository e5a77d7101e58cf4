"""The ASGI application: a request comes in, one answer goes out, whatever happens in between."""

import dataclasses
import logging
import traceback
from contextlib import suppress
from urllib.parse import quote

from proxy.asgi import (
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    Stream,
    StreamBrokenError,
    json_reply,
    read_body,
    send_reply,
    send_stream,
    text_reply,
    while_connected,
)
from proxy.catalog import Catalog
from proxy.clock import SYSTEM, now
from proxy.dialect import errors
from proxy.errors import ApiError, ClientGoneError
from proxy.guard import Guard
from proxy.model import Role
from proxy.router import NoMatch, Router
from proxy.routes import ROUTES
from proxy.services import Services
from proxy.settings import Settings
from proxy.store import Store
from proxy.upstream import Timeouts, Upstream

_log = logging.getLogger("proxy")

BODY_LIMIT = 64 * 1024 * 1024
_FAR_PROBE_SECONDS = 5.0


class App:
    """`timeouts` bounds every wait for an engine."""

    def __init__(self, settings: Settings, timeouts: Timeouts | None = None) -> None:
        timeouts = timeouts or Timeouts()
        servers: dict[Role, Upstream] = {"chat": Upstream("engine", settings.engine, timeouts)}
        if settings.embeddings is not None:
            servers["embedding"] = Upstream(
                "embeddings server", settings.embeddings, _reaching(settings.embeddings, timeouts)
            )
        self._servers = tuple(servers.values())
        self._services = Services(catalog=Catalog(Store(settings.models), servers, now), clock=SYSTEM)
        self._guard = Guard(settings)
        self._router = Router(ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            request = Request(scope["method"], scope["path"], dict(scope["headers"]))
            with suppress(ClientGoneError):
                await self._serve(request, scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        for server in self._servers:
            await server.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for server in self._servers:
            await server.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        head = request.method == "HEAD"
        try:
            await self._answer(request, scope, receive, send)
        except ApiError as error:
            await send_reply(send, _error_reply(error, request.path), head=head)
        except StreamBrokenError as broken:
            _log.warning("%s broke off: %s", request.path, broken)
        except ClientGoneError:
            raise
        except Exception as error:
            _log_bug(request, error)
            await send_reply(send, _error_reply(ApiError(500, "internal error"), request.path), head=head)

    async def _answer(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        self._guard.check(request)
        match = self._router.find(request.method, request.path)
        if isinstance(match, NoMatch):
            await send_reply(send, _nothing_here(request, match, scope), head=request.method == "HEAD")
            return
        request.params = match.params
        request.body = await read_body(scope, receive, BODY_LIMIT)
        async with while_connected(receive):
            answer = await match.route.handler(request, self._services)
            if isinstance(answer, Stream):
                await send_stream(send, answer)
            else:
                await send_reply(send, answer, head=request.method == "HEAD")


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
