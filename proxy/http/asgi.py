"""The little of HTTP that the routes need, straight on ASGI."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from proxy.errors import ApiError, ClientGoneError
from proxy.figures.tally import Tally

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# Sends a piece at once, and tells whether the client keeps up.
Write = Callable[[bytes], bool]
# What a `yield` gives back is for pieces that come often: each costs a call, not the turn of a task. A client
# that does not keep up is waited for by the next `yield`.
Pieces = AsyncGenerator[bytes, Write | None]

# The name of a request's `Write` among the extensions of its scope.
WRITE = "gfxpack.write"

JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
TEXT = "text/plain; charset=utf-8"

# For those who have not sent all of their request: the rest is not waited for.
_HANG_UP = {"connection": "close"}


@dataclass(slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    caller: str = ""
    parts: AsyncIterator[bytes] | None = None
    """Of the body, as they come, where the route asks for them."""
    write: Write | None = None
    """Further pieces of a stream that has begun, where the server below can do it."""

    def header(self, name: str) -> str:
        return self.headers.get(name.encode("latin-1"), b"").decode("latin-1")


@dataclass(slots=True)
class Reply:
    """A whole answer."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Stream:
    """An answer in pieces. Until the first piece is there, an error still becomes a plain error answer.
    After that, `farewell` turns it into the last piece; without one the connection breaks off. `begin` is
    called when the first piece is there."""

    pieces: Pieces
    status: int = 200
    content_type: str = NDJSON
    headers: Mapping[str, str] = field(default_factory=dict)
    farewell: Callable[[ApiError], bytes] | None = None
    begin: Callable[[], None] | None = None


class StreamBrokenError(Exception):
    """The answer has begun, and its rest is lost: there is no way left to say so but to break off."""


def json_reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(msgspec.json.encode(value), status, JSON, headers or {})


def text_reply(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(text.encode(), status, TEXT, headers or {})


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """A body may take so many `seconds`, and longer by what its bytes need at `rate` of them in a second.
    `take` is told of each part, and may refuse it."""

    size: int
    seconds: float
    rate: int
    take: Callable[[int], None]


async def body_parts(receive: Receive, seconds: float) -> AsyncIterator[bytes]:
    """For bodies of any size, which are never in memory as a whole. Each part may take so long."""
    more = True
    while more:
        try:
            async with asyncio.timeout(seconds):
                message = await receive()
        except TimeoutError:
            raise ApiError(408, "the request's body came too slowly", headers=_HANG_UP) from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def read_body(scope: Scope, receive: Receive, limits: BodyLimits) -> bytes:
    """The whole body, or an error as soon as it is known to be too large, or to come too slowly."""
    try:
        async with asyncio.timeout(limits.seconds) as deadline:
            return await _whole_body(scope, receive, limits, deadline)
    except TimeoutError:
        raise ApiError(408, "the request's body came too slowly", headers=_HANG_UP) from None


async def _whole_body(scope: Scope, receive: Receive, limits: BodyLimits, deadline: asyncio.Timeout) -> bytes:
    limit = limits.size
    too_large = ApiError(413, f"request body too large: the limit is {limit} bytes", headers=_HANG_UP)
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large
        limits.take(len(part))
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        if until := deadline.when():
            deadline.reschedule(until + len(part) / limits.rate)


@asynccontextmanager
async def while_connected(receive: Receive) -> AsyncGenerator[None, None]:
    """Cancels its block when the client goes away, and raises `ClientGoneError` then. The body must have been
    read: all that is left to receive is the end of the connection."""
    work = asyncio.current_task()
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        if work is not None:
            work.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not gone or work is None:
            raise
        work.uncancel()
        raise ClientGoneError from None
    finally:
        watcher.cancel()


def _raw_headers(content_type: str, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    raw = [(b"content-type", content_type.encode("latin-1"))]
    raw += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return raw


async def send_reply(send: Send, reply: Reply, *, head: bool) -> None:
    headers = _raw_headers(reply.content_type, reply.headers)
    if reply.status != 204:
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else reply.body})


async def send_stream(send: Send, stream: Stream, write: Write | None) -> None:
    """Send pieces as they come. Raises what comes before the first piece; after it, `StreamBrokenError`."""
    async with aclosing(stream.pieces) as pieces:
        first = await anext(pieces, b"")
        if stream.begin is not None:
            stream.begin()
        headers = _raw_headers(stream.content_type, stream.headers)
        await send({"type": "http.response.start", "status": stream.status, "headers": headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        last = await _send_rest(send, stream, write)
        await send({"type": "http.response.body", "body": last})


async def _send_rest(send: Send, stream: Stream, write: Write | None) -> bytes:
    """What is to be said at the end."""
    try:
        while True:
            piece = await stream.pieces.asend(write)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except StopAsyncIteration:
        return b""
    except ApiError as error:
        if stream.farewell is None:
            raise StreamBrokenError(error.message) from error
        return stream.farewell(error)
    except Exception as error:
        raise StreamBrokenError(type(error).__name__) from error
