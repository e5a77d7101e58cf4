"""The port, and what is expected of those who connect to it: a request's head must come whole, soon, and be
of a sensible size. The server below waits for ever and takes whatever comes."""

import asyncio
import re
import socket

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.http.asgi import WRITE
from proxy.settings import Address

HEAD_LIMIT = 128 * 1024
HEAD_SECONDS = 30.0
# A client that takes nothing for so long has left its answer, for which an engine's connection waits.
TAKING_SECONDS = 600.0
# A stream that is still running at shutdown gets this long to end.
_GRACE_SECONDS = 5
# Clients pool their connections, and few of them expect one to be closed soon.
_IDLE_SECONDS = 120
_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Protocol(HttpToolsProtocol):
    """One connection. Between two requests the server's own limit for idle ones counts."""

    _in_head = True
    _in_body = False
    _head_size = 0
    _late: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None
    _untaken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._await()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        self._stop_watching()
        super().resume_writing()

    def _watch(self) -> None:
        """Until the client has taken most of what waits for it. One that takes it slowly is let be."""
        self._untaken = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(TAKING_SECONDS, self._look_what_it_took)

    def _look_what_it_took(self) -> None:
        if self.transport.get_write_buffer_size() < self._untaken:
            self._watch()
        else:
            self.transport.abort()

    def _stop_watching(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def data_received(self, data: bytes) -> None:
        """What comes after one request is the next one's head, be it the end of a line alone. A body whose
        request has been answered already need not come at all."""
        self._in_head = not self._in_body
        self._head_size = self._head_size + len(data) if self._in_head else 0
        super().data_received(_without_upgrade(data) if self._in_head and b"h2c" in data else data)
        idle = self._in_head or (self._in_body and self.cycle.response_complete)
        if idle and not self.transport.is_closing():
            self._await()

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()
        self.scope["extensions"] = {WRITE: self._write}  # type: ignore[dict-item]

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body, self._head_size = False, True, 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        self._stop_waiting()
        super().on_message_complete()

    def _write(self, piece: bytes) -> bool:
        """Another chunk of the answer that is under way, in this very turn of the event loop. An empty one
        would be its end."""
        if self.transport.is_closing():
            return False
        if piece:
            self.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        return not self.flow.write_paused

    def _await(self) -> None:
        if self._head_size > HEAD_LIMIT:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """Not while an answer is on its way: what has come meanwhile may be nothing but a line's end."""
        self._late = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self._await()

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _without_upgrade(data: bytes) -> bytes:
    """Java's client offers HTTP/2 with its first request; the parser below drops the body of such a one."""
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nx-upgrade:", head) + end + rest


def server_config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=_IDLE_SECONDS,
    )


def open_listener(address: Address) -> socket.socket:
    """Every address means those of both kinds, as it does for Ollama."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.create_server(
        (address.host, address.port),
        family=family,
        backlog=2048,
        dualstack_ipv6=address.host == "::" and socket.has_dualstack_ipv6(),
    )
    listener.setblocking(False)
    return listener
