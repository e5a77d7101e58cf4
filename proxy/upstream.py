"""One server behind the proxy: its connections, its time limits, and what becomes of its failures.

A request is sent again only when a pooled connection turned out to be stale before a byte was answered."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType, SimpleNamespace

import aiohttp

from proxy.errors import ApiError, EngineBrokenError, EngineUnreadyError

_log = logging.getLogger("proxy.upstream")

# How many stale connections in a row are worth another attempt.
_ATTEMPTS = 4
_LARGEST_BODY = 256 * 1024 * 1024
# What is longer is written in parts, so that others are served in between.
_WRITTEN_AT_ONCE = 1024 * 1024
_DRAIN_SECONDS = 0.5
_DNS_SECONDS = 3
_NONE: Mapping[str, str] = MappingProxyType({})
_JSON: Mapping[str, str] = MappingProxyType({"content-type": "application/json"})


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `silence` is the longest wait for the next byte: a prompt may wait long in the engine's
    queue. `probe` is for small questions that a healthy server answers at once."""

    connect: float = 5.0
    silence: float = 600.0
    probe: float = 1.0


class _Lifeline:
    """Ends the reading of an answer whose connection is gone.

    aiohttp 3.14 wakes no reader when a broken chunk makes it drop the connection: without this the reader
    would wait for ever, past every time limit."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._content = response.content
        connection = response.connection
        protocol = connection.protocol if connection is not None else None
        self._closed = protocol.closed if protocol is not None else None
        if self._closed is not None:
            self._closed.add_done_callback(self._cut)

    def let_go(self) -> None:
        """The connection may serve other answers; when it closes one day, that is no news for the log."""
        if self._closed is not None:
            self._closed.remove_done_callback(self._cut)
            self._closed.remove_done_callback(_take_note)
            self._closed.add_done_callback(_take_note)

    def _cut(self, closed: "asyncio.Future[None]") -> None:
        _take_note(closed)
        if not self._content.is_eof() and self._content.exception() is None:
            self._content.set_exception(aiohttp.ClientPayloadError("the connection is gone"))


def _take_note(closed: "asyncio.Future[None]") -> None:
    if not closed.cancelled():
        closed.exception()


class Answer:
    """An answer whose headers are there. It must be closed; before its end that breaks the connection off,
    which tells the server to stop."""

    def __init__(self, response: aiohttp.ClientResponse, server: str) -> None:
        self._response = response
        self._server = server
        self._next = response.content.readany
        self._lifeline = _Lifeline(response)
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    def close(self) -> None:
        self._lifeline.let_go()
        self._response.close()

    async def read(self) -> bytes:
        """What has arrived, at least one byte; nothing at the end."""
        try:
            return await self._next()
        except TimeoutError:
            raise EngineBrokenError(f"the {self._server} stopped answering") from None
        except aiohttp.ClientError:
            raise EngineBrokenError(f"the {self._server} closed the connection in mid-answer") from None

    async def whole(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while data := await self.read():
            parts.append(data)
            size += len(data)
            if size > _LARGEST_BODY:
                raise EngineBrokenError(f"the {self._server} sent an answer that is too large")
        return b"".join(parts)

    async def drain(self) -> None:
        """Read what should be the empty rest, so that the connection can be used again."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self.read()
        except (TimeoutError, EngineBrokenError):
            return


class Upstream:
    """`name` is what errors call the server. `trust_env` has it reached as the environment says, through a
    company's proxy perhaps: right for servers far away."""

    def __init__(self, name: str, url: str, timeouts: Timeouts, *, trust_env: bool = False) -> None:
        self._trust_env = trust_env
        self._name = name
        self._url = url
        self._timeouts = timeouts
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=_DNS_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"accept-encoding": "identity"},
            timeout=aiohttp.ClientTimeout(
                total=None, connect=self._timeouts.connect, sock_read=self._timeouts.silence
            ),
            trace_configs=[trace],
            trust_env=self._trust_env,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] = _JSON) -> Answer:
        """Raises `EngineUnreadyError` where no answer comes. An answer of any status is an answer."""
        return await self._send("POST", path, body, headers)

    async def get(self, path: str, headers: Mapping[str, str] = _NONE) -> Answer:
        """As `post`. Redirects are answers too."""
        return await self._send("GET", path, None, headers)

    async def probe(self, path: str) -> bytes | None:
        """What a small question brings back; None unless the server answers it well. Raises `TimeoutError`
        where the server keeps silent."""
        try:
            async with asyncio.timeout(self._timeouts.probe):
                with closing(await self.get(path)) as answer:
                    body = await answer.whole()
                    return body if answer.status == 200 else None
        except ApiError:
            return None

    async def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        for _ in range(_ATTEMPTS):
            connection = SimpleNamespace(reused=False)
            try:
                return Answer(await self._attempt(method, path, body, headers, connection), self._name)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if not connection.reused or _answered_something(error):
                    break
        _log.warning("the %s closed the connection without an answer", self._name)
        raise EngineUnreadyError(f"the {self._name} closed the connection without an answer")

    async def _attempt(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        connection: SimpleNamespace,
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise EngineUnreadyError(f"the {self._name} is not connected yet")
        try:
            return await self._session.request(
                method,
                self._url + path,
                data=body if body is None or len(body) <= _WRITTEN_AT_ONCE else BytesIO(body),
                headers=headers,
                allow_redirects=False,
                trace_request_ctx=connection,
            )
        except aiohttp.ClientConnectorError:
            raise EngineUnreadyError(f"the {self._name} does not answer: it may still be starting") from None
        except TimeoutError:
            raise EngineUnreadyError(f"the {self._name} does not answer in time") from None
        except aiohttp.ClientResponseError:
            raise EngineBrokenError(f"the {self._name} sent something that is no HTTP answer") from None


async def _note_reuse(_session: object, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.reused = True


def _answered_something(error: Exception) -> bool:
    """A server that closes in the middle of its headers has seen the request."""
    return isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str)
