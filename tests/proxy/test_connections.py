"""The connections to an engine: when they end, what they carry, and how much of it is held."""

import asyncio
import gc
import json
import os
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from tests.fakes.fake_engine import DONE, STREAM, delta, event, said, streamed
from tests.fakes.fake_server import (
    LAST_CHUNK,
    Close,
    Gate,
    HalfClose,
    Reset,
    Script,
    Step,
    chunk,
    head,
    whole,
)
from tests.proxy.conftest import Stack, raw_post
from tests.proxy.waiting import until

PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "one two"}]}
ONE = chunk(event(delta(content="one ")))
ANSWERED = [{"content": "one "}, {"content": "two "}, {"content": ""}]


def said_by(stack: Stack) -> list[dict[str, Any]]:
    answer = stack.client.post("/api/chat", json=CHAT)
    assert answer.status_code == 200, answer.text
    messages = [json.loads(line)["message"] for line in answer.text.splitlines()]
    return [{"content": message["content"]} for message in messages]


class TestClientsThatGoAway:
    """The bar is a tenth of a second; a busy machine may once be late."""

    SECONDS = 0.1
    TIMES = 5
    WINDOWS: dict[str, tuple[Sequence[Step], bool]] = {  # noqa: RUF012 - a table
        "before the headers": ((), True),
        "before the first token": ((STREAM,), True),
        "in mid-stream": ((STREAM, ONE, ONE), True),
        "a whole answer": ((STREAM, ONE), False),
    }

    @pytest.mark.parametrize("path", ["/api/chat", PATH])
    @pytest.mark.parametrize("window", WINDOWS)
    def test_the_engine_learns_it_at_once(self, stack: Stack, window: str, path: str) -> None:
        sent, stream = self.WINDOWS[window]
        waits = [self._wait(stack, path, sent, stream=stream) for _ in range(self.TIMES)]
        assert statistics.median(waits) < self.SECONDS

    def _wait(self, stack: Stack, path: str, sent: Sequence[Step], *, stream: bool) -> float:
        stack.engine.reset()
        gate = Gate()
        stack.engine.plan([*sent, gate])
        with closing(raw_post(stack.proxy.port, path, CHAT | {"stream": stream})) as client:
            gate.wait_until_reached()
            if stream and ONE in sent:
                assert client.recv(65536)
            request = stack.engine.wait_for(PATH)
        left = time.perf_counter()
        assert request.gone.wait(5)
        return time.perf_counter() - left

    def test_nothing_of_them_stays(self, stack: Stack) -> None:
        """Neither a connection nor a task, however many leave in whichever window."""
        assert said_by(stack)
        before = _open_files(), _tasks()
        for sent, stream in list(self.WINDOWS.values()) * 75:
            gate = Gate()
            stack.engine.plan([*sent, gate])
            with closing(raw_post(stack.proxy.port, "/api/chat", CHAT | {"stream": stream})):
                gate.wait_until_reached()
        until(lambda: all(request.gone.is_set() for request in stack.engine.asked(PATH)[1:]))
        stack.engine.reset()
        until(lambda: _open_files() <= before[0] and _tasks() <= before[1])
        assert said_by(stack) == ANSWERED


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number matters


def _tasks() -> int:
    """Those that have not ended, of all threads."""
    return sum(isinstance(each, asyncio.Task) and not each.done() for each in gc.get_objects())


class TestFraming:
    """However an answer says how long it is, it is read to its end, and no further."""

    WHOLE = b"".join(event(value) for value in said(["one ", "two "])) + DONE
    PLAIN = head(200, "text/event-stream")

    WAYS: dict[str, Script] = {  # noqa: RUF012 - a table
        "in chunks": streamed(said(["one ", "two "])),
        "by its length": [head(200, "text/event-stream", content_length=str(len(WHOLE))) + WHOLE],
        "by its connection's end": [PLAIN, WHOLE, Close()],
        "by half of its connection's end": [PLAIN, WHOLE, HalfClose()],
        "after an interim answer": [
            b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
            *streamed(said(["one ", "two "])),
        ],
        "in HTTP/1.0": [b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + WHOLE, Close()],
        "with trailers": [STREAM, chunk(WHOLE), b"0\r\nx-more: yes\r\n\r\n"],
        "and closed after it": [
            head(200, "text/event-stream", content_length=str(len(WHOLE)), connection="close") + WHOLE,
            Close(),
        ],
        "with a second answer behind it": [
            head(200, "text/event-stream", content_length=str(len(WHOLE)))
            + WHOLE
            + head(content_length="2")
            + b"{}"
        ],
    }

    @pytest.mark.parametrize("way", WAYS)
    def test_it_is_whole_and_the_next_one_is_its_own(self, stack: Stack, way: str) -> None:
        stack.engine.plan(self.WAYS[way])
        assert said_by(stack) == ANSWERED
        assert said_by(stack) == ANSWERED

    BROKEN: dict[str, Script] = {  # noqa: RUF012 - a table
        "a body shorter than its length": [head(content_length="100") + b'{"a": 1}', Close()],
        "a head without end": [b"HTTP/1.1 200 OK\r\n" + b"x-more: yes\r\n" * 50_000, Gate()],
        "a header without end": [b"HTTP/1.1 200 OK\r\nx-more: " + b"y" * 500_000, Gate()],
        "another protocol": [
            b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
            Close(),
        ],
        "two lengths": [head(content_length="2")[:-2] + b"content-length: 3\r\n\r\n{}"],
    }

    @pytest.mark.parametrize("fault", BROKEN)
    def test_what_is_broken_is_a_bad_gateway(self, stack: Stack, fault: str) -> None:
        stack.engine.plan(self.BROKEN[fault])
        assert stack.client.post(PATH, json=CHAT).status_code == 502
        assert said_by(stack) == ANSWERED


class TestPooledConnections:
    def test_all_of_them_stale_at_once(self, stack: Stack) -> None:
        with ThreadPoolExecutor(8) as pool:
            assert all(answer == ANSWERED for answer in pool.map(lambda _: said_by(stack), range(16)))
            stack.engine.reset()
            assert all(answer == ANSWERED for answer in pool.map(lambda _: said_by(stack), range(16)))

    @pytest.mark.parametrize("last", [Close(), Reset()], ids=["closed", "reset"])
    def test_a_new_one_is_not_tried_again(self, stack: Stack, last: Step) -> None:
        stack.engine.plan([head()[:9], last])
        assert stack.client.post("/api/chat", json=CHAT).status_code == 503
        assert len(stack.engine.asked(PATH)) == 1

    def test_one_that_speaks_unasked_is_not_used_again(self, stack: Stack) -> None:
        gate = Gate()
        stack.engine.plan([*whole({"model": "smollm2:135m"}), gate, *whole({"not": "asked for"}), Gate()])
        assert stack.client.post(PATH, json=CHAT).json() == {"model": "smollm2:135m"}
        gate.open()
        first = stack.engine.wait_for(PATH)
        assert first.gone.wait(5)
        assert said_by(stack) == ANSWERED
        assert stack.engine.wait_for(PATH).connection != first.connection


class _Endless(Sequence[Step]):
    """The same event so many times, and how often it was taken."""

    def __init__(self, times: int) -> None:
        self._times = times
        self._event = chunk(event(delta(content="x" * 65536)))
        self.taken = 0

    def __len__(self) -> int:
        return self._times

    def __getitem__(self, _: Any) -> Any:  # noqa: ANN401 - an index or a slice
        raise NotImplementedError

    def __iter__(self) -> Iterator[Step]:
        yield STREAM
        while self.taken < self._times:
            self.taken += 1
            yield self._event
        yield from (chunk(event(delta("stop"))), chunk(DONE), LAST_CHUNK)


class TestClientsThatDoNotRead:
    # Sockets hold some megabytes on their own.
    EVENTS = 1024
    HELD_AT_MOST = 512

    @pytest.mark.parametrize("path", ["/api/chat", PATH])
    def test_the_engine_waits_for_them(self, stack: Stack, path: str) -> None:
        script = _Endless(self.EVENTS)
        stack.engine.plan(script)
        with closing(raw_post(stack.proxy.port, path, CHAT | {"stream": True})) as client:
            until(lambda: script.taken > 8)
            _until_still(script)
            assert script.taken < self.HELD_AT_MOST
            assert _read_all(client).count(b"xxxx" * 16384) == self.EVENTS


def _until_still(script: _Endless) -> None:
    """It waits in vain for so long that it would have been through many times over."""
    seen = -1
    while seen != script.taken:
        seen = script.taken
        threading.Event().wait(0.3)


def _read_all(client: socket.socket) -> bytes:
    """To the end of an answer in chunks."""
    parts = [client.recv(1 << 20)]
    while not parts[-1].endswith(b"0\r\n\r\n"):
        parts.append(client.recv(1 << 20))
    return b"".join(parts)
