"""One connection to a server. It carries one request after the other."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from proxy.upstream.failures import Failure, GarbledError, GoneError, SilentError

_LARGEST_HEAD = 64 * 1024
# As much may have come that nobody has taken yet. Then the server has to wait.
_LARGEST_WAITING = 256 * 1024


class Connection(asyncio.Protocol):
    """What `ask` sends is answered by `status`, `headers`, and a body that `read` gives as it comes.
    `silence` is the longest wait, in seconds, for the next byte."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parts: list[bytes] = []
        # What the parser calls with each part of a body.
        self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)
        self._take: Callable[[bytes], bool] | None = None
        self._thrown: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._quiet_since = 0.0
        self._failure: Failure | None = None
        self._waiting = 0
        self._heard = 0
        self._has_head = False
        self._is_whole = True
        self._is_paused = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.idle_since = 0.0

    @property
    def said_nothing(self) -> bool:
        """Whether not one byte of the answer has come."""
        return self._heard == 0

    @property
    def is_reusable(self) -> bool:
        return self._is_whole and self._failure is None and not self._parts

    async def ask(self, head: bytes, body: bytes) -> None:
        """Returns once the answer's status and headers are there."""
        self._heard, self.headers = 0, {}
        self._has_head = self._is_whole = False
        if self._failure is None:
            self._timer = self._loop.call_later(self._silence, self._look_for_silence)
            self._transport.writelines((head, body))
        while not self._has_head:
            await self._wait()

    async def read(self) -> bytes:
        """What has come, at least one byte; nothing at the end. A failure is raised once all is read that
        came before it."""
        while not self._parts:
            if self._is_whole:
                return b""
            await self._wait()
        data = b"".join(self._parts)
        self._parts.clear()
        self._waiting = 0
        if self._is_paused and self._failure is None:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    async def pour(self, take: Callable[[bytes], bool]) -> None:
        """Have `take` called with what comes, as it comes, until it returns false, raises, or no more comes.
        Where something waits to be read already, be it a failure, that is to be read first."""
        if self._parts or self._is_whole or self._failure is not None:
            return
        self._take = take
        try:
            await self._wait()
        finally:
            self._take = None
        if self._thrown is not None:
            thrown, self._thrown = self._thrown, None
            raise thrown

    def close(self) -> None:
        """At once, whatever is under way."""
        self._break_off(GoneError())

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        self._quiet_since = self._loop.time()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _look_for_silence(self) -> None:
        """One timer for all waits: it looks again when the present one could be over."""
        waited = self._loop.time() - self._quiet_since if self._waiter is not None else 0.0
        if waited >= self._silence:
            self._break_off(SilentError())
        else:
            self._timer = self._loop.call_later(self._silence - waited, self._look_for_silence)

    def _break_off(self, failure: Failure) -> None:
        """The first failure is the one that counts."""
        self._failure = self._failure or failure
        self._stop_timer()
        self._wake()
        self._transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._heard += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break_off(GarbledError())
        if self._take is not None and self._parts:
            self._hand_over(self._take)
        elif self._parts:
            self._keep(len(data))
        elif not self._has_head and self._heard > _LARGEST_HEAD:
            self._break_off(GarbledError())

    def _hand_over(self, take: Callable[[bytes], bool]) -> None:
        self._quiet_since = self._loop.time()
        data = b"".join(self._parts)
        self._parts.clear()
        try:
            goes_on = take(data)
        except Exception as thrown:
            # It is raised where the pouring is waited for.
            goes_on, self._thrown = False, thrown
        if not goes_on:
            self._take = None
            self._wake()

    def _keep(self, size: int) -> None:
        self._waiting += size
        self._wake()
        if self._waiting > _LARGEST_WAITING and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, _error: Exception | None) -> None:
        """A body that has no length of its own ends with the connection."""
        framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        self._is_whole = self._is_whole or (self._has_head and not framed)
        self._break_off(GoneError())

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._is_whole:
            raise GarbledError

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Those of an interim answer say nothing of the one that is to come."""
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers.clear()
            return
        self._has_head = True
        self._wake()

    def on_message_complete(self) -> None:
        if not self._has_head:
            return
        self._is_whole = True
        self._stop_timer()
        self._wake()
        if not self._parser.should_keep_alive():
            self._break_off(GoneError())
