"""A programmable HTTP server that can misbehave in every way that a socket allows.

Each request is answered by a script: bytes to write as they are, and steps that wait, half-close, close or
reset. Without a planned script a subclass answers as its real model would. The server runs in a thread of
its own; tests plan scripts and look at what came in."""

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

WAIT_SECONDS = 5.0


class Gate:
    """A script stops here until the test opens it, or the client goes away."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()
        self._wake: Callable[[], object] | None = None

    def open(self) -> None:
        self._open.set()
        if self._wake is not None:
            self._wake()

    def wait_until_reached(self) -> None:
        assert self._reached.wait(WAIT_SECONDS), "the script never came here"

    async def pass_through(self) -> None:
        loop = asyncio.get_running_loop()
        opened = asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(opened.set)
        self._reached.set()
        if not self._open.is_set():
            await opened.wait()


class HalfClose:
    """Say that no more comes, but go on listening."""


class Close:
    """Close the connection in an orderly way."""


class Reset:
    """Break the connection off, as a server that is killed does."""


Step = bytes | Gate | HalfClose | Close | Reset
Script = Sequence[Step]


@dataclass(eq=False)
class Received:
    """One request as it came in. `gone` is set once the client has closed its connection."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    position: int
    gone: threading.Event = field(default_factory=threading.Event)

    def json(self) -> Any:  # noqa: ANN401 - whatever JSON came in
        return json.loads(self.body)


def head(status: int = 200, content_type: str = "application/json", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {content_type}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = chunk(b"")


def whole(value: object, status: int = 200) -> list[Step]:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return [head(status, content_length=str(len(body))) + body]


class _Reader(asyncio.StreamReader):
    """Tells when the client has closed, without taking bytes away."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=2**26, loop=loop)
        self.ended = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.ended.set()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.ended.set()


class FakeServer:
    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.received: list[Received] = []
        self.connections = 0
        self._scripts: deque[Script] = deque()
        self._drops = 0
        self._arrived = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.tls: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start(self.port))
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def plan(self, script: Script) -> None:
        """Answer the next request that is no probe by this script."""
        self._scripts.append(script)

    def drop_reused(self, times: int = 1) -> None:
        """Close so many connections when their second request comes, before a byte is answered."""
        self._drops = times

    def reset(self) -> None:
        """Forget what came in and what was planned, and hang up on everyone."""
        self._run(self._hang_up())
        self._scripts.clear()
        self._drops = 0
        with self._arrived:
            self.received.clear()

    def wait_for(self, path: str) -> Received:
        """The newest request for this path, once there is one."""
        with self._arrived:
            found = self._arrived.wait_for(lambda: self._newest(path) is not None, WAIT_SECONDS)
        newest = self._newest(path)
        assert found, f"nobody asked for {path}"
        assert newest is not None
        return newest

    def asked(self, path: str) -> list[Received]:
        return [request for request in self.received if request.path == path]

    def answer(self, request: Received) -> Script:
        """What the real server would say."""
        raise NotImplementedError

    def is_probe(self, request: Received) -> bool:
        """Whether the request is one of the small questions that no script is planned for."""
        return request.method == "GET"

    def _answer(self, request: Received) -> Script:
        """Real servers check what they are asked; here whatever does not fit is refused."""
        try:
            return self.answer(request)
        except (KeyError, TypeError, AttributeError, ValueError):
            return whole({"error": {"message": "the request does not fit", "code": 400}}, 400)

    def _newest(self, path: str) -> Received | None:
        return next((request for request in reversed(self.received) if request.path == path), None)

    def _run(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            await work

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(WAIT_SECONDS)

    async def _start(self, port: int) -> None:
        self._server = await self._loop.create_server(self._connected, self.host, port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._hang_up()

    async def _hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self) -> asyncio.StreamReaderProtocol:
        reader = _Reader(self._loop)
        return asyncio.StreamReaderProtocol(reader, partial(self._accept, reader), loop=self._loop)

    def _accept(self, reader: _Reader, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = self._loop.create_task(self._converse(reader, writer, self.connections))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: _Reader, writer: asyncio.StreamWriter, connection: int) -> None:
        """Answer request after request, until one side has had enough."""
        position = 0
        try:
            while (request := await _read_request(reader, connection, position)) is not None:
                position += 1
                if self._drops and request.position > 0 and not self.is_probe(request):
                    self._drops -= 1
                    return
                self._note(request)
                if not await self._play(request, reader, writer):
                    return
        except ConnectionError:
            return
        finally:
            writer.close()

    def _note(self, request: Received) -> None:
        with self._arrived:
            self.received.append(request)
            self._arrived.notify_all()

    async def _play(self, request: Received, reader: _Reader, writer: asyncio.StreamWriter) -> bool:
        """Write the script; stop when the client goes. Returns whether the connection lives on."""
        planned = self._scripts and not self.is_probe(request)
        script = self._scripts.popleft() if planned else self._answer(request)
        writing = asyncio.ensure_future(_write(script, writer))
        leaving = asyncio.ensure_future(reader.ended.wait())
        try:
            await asyncio.wait([writing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            writing.cancel()
            leaving.cancel()
        outcomes = await asyncio.gather(writing, leaving, return_exceptions=True)
        if reader.ended.is_set():
            request.gone.set()
        return not reader.ended.is_set() and outcomes[0] is True


async def _write(script: Script, writer: asyncio.StreamWriter) -> bool:
    """Whether the connection can carry another request."""
    for step in script:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case Gate():
                await step.pass_through()
            case HalfClose():
                writer.write_eof()
            case Close():
                writer.close()
                return False
            case Reset():
                _reset(writer)
                return False
    return True


def _reset(writer: asyncio.StreamWriter) -> None:
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _read_request(reader: _Reader, connection: int, position: int) -> Received | None:
    try:
        start = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    request_line, *lines = start.decode("latin-1").split("\r\n")
    method, path, _ = request_line.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path, headers, body, connection, position)
