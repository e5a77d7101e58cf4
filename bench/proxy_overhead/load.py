"""Many clients at once, in one process that costs little. Every answer must be whole and right."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import uvloop

from bench.proxy_overhead import engine, processes
from bench.proxy_overhead.dialects import Dialect, unchunked

_END = b"0\r\n\r\n"
# Streams begin one after the other within this time, and flow for as long again before anything is measured.
_SPREAD_SECONDS = 1.0
_CLIENTS = 32
_ANSWERS_PER_CONNECTION = 100


@dataclass(frozen=True, slots=True)
class Target:
    """A server as a client sees it; `pid` is its first process, of which all others are children."""

    port: int
    dialect: Dialect
    pid: int


@dataclass(frozen=True, slots=True)
class Cost:
    tokens: int
    answers: int
    cpu_seconds: float
    wall_seconds: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.tokens + other.tokens,
            self.answers + other.answers,
            self.cpu_seconds + other.cpu_seconds,
            self.wall_seconds + other.wall_seconds,
        )


class _Stream(asyncio.Protocol):
    """One connection that asks, reads, and asks again as long as `goes_on`."""

    def __init__(self, dialect: Dialect, length: int, first: int, goes_on: Callable[[], bool]) -> None:
        self._dialect = dialect
        self._length = length
        self._first = first
        self._goes_on = goes_on
        self._parts: list[bytes] = []
        self._transport: asyncio.Transport
        self.tokens = 0
        self.answers = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self.tokens += data.count(engine.MARK)
        if not data.endswith(_END):
            return
        try:
            self._check(b"".join(self._parts))
        except ValueError as wrong:
            self._leave(wrong)
            return
        self._parts.clear()
        self.answers += 1
        self._first += 1
        if self._goes_on():
            self._ask()
        else:
            self._leave(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._leave(error or ConnectionError("the server closed the connection"))

    def _ask(self) -> None:
        self._transport.write(self._dialect.request(self._first, self._length))

    def _check(self, answer: bytes) -> None:
        told = self._dialect.read(unchunked(answer))
        if told != engine.text(self._first, self._length):
            raise ValueError(f"the answer says {told!r}")

    def _leave(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error) if error else self.ended.set_result(None)
        self._transport.close()


async def _open(target: Target, length: int, first: int, goes_on: Callable[[], bool]) -> _Stream:
    _, stream = await asyncio.get_running_loop().create_connection(
        lambda: _Stream(target.dialect, length, first, goes_on), "127.0.0.1", target.port
    )
    return stream


def cost(target: Target, streams: int, length: int, seconds: float) -> Cost:
    """What the server takes while so many streams flow through it."""
    return uvloop.run(_cost(target, streams, length, seconds))


async def _cost(target: Target, streams: int, length: int, seconds: float) -> Cost:
    stopping = asyncio.Event()
    opened = []
    for number in range(streams):
        opened.append(await _open(target, length, number, lambda: not stopping.is_set()))
        await asyncio.sleep(_SPREAD_SECONDS / streams)
    await asyncio.sleep(_SPREAD_SECONDS)
    begun = _so_far(target, opened)
    await asyncio.wait([stream.ended for stream in opened], timeout=seconds, return_when="FIRST_EXCEPTION")
    ended = _so_far(target, opened)
    stopping.set()
    await asyncio.gather(*(stream.ended for stream in opened))
    return Cost(
        ended.tokens - begun.tokens,
        ended.answers - begun.answers,
        ended.cpu_seconds - begun.cpu_seconds,
        ended.wall_seconds - begun.wall_seconds,
    )


def _so_far(target: Target, streams: list[_Stream]) -> Cost:
    return Cost(
        sum(stream.tokens for stream in streams),
        sum(stream.answers for stream in streams),
        processes.cpu_seconds(target.pid),
        time.perf_counter(),
    )


def memory(target: Target, answers: int, length: int) -> list[tuple[int, int]]:
    """How many answers there were, and the server's resident bytes then, at a hundred moments."""
    return uvloop.run(_memory(target, answers, length))


async def _memory(target: Target, answers: int, length: int) -> list[tuple[int, int]]:
    samples: list[tuple[int, int]] = []
    each = answers // 100
    count = 0

    def goes_on() -> bool:
        nonlocal count
        count += 1
        if count % each == 0:
            samples.append((count, processes.resident_bytes(target.pid)))
        return count < answers and count % _ANSWERS_PER_CONNECTION != 0

    async def ask(first: int) -> None:
        while count < answers:
            await (await _open(target, length, first, goes_on)).ended

    await asyncio.gather(*(ask(number) for number in range(_CLIENTS)))
    return samples
