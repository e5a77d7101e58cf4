"""The measurement itself: what its clients take for a right answer, and what its books say of a process."""

import os

import pytest

from bench.proxy_overhead import engine, first_token, load, processes, servers
from bench.proxy_overhead.claims import of_memory
from bench.proxy_overhead.dialects import OLLAMA, OPENAI, unchunked
from bench.proxy_overhead.load import Target


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_SPREAD_SECONDS", 0.02)


RECORD = b'{"message":{"content":"%s"},"done":false}\n'
LAST = b'{"message":{"content":""},"done":true,"done_reason":"stop","eval_count":2}\n'


def test_a_load_on_the_engine_itself() -> None:
    with servers.an_engine(0.002) as direct:
        cost = load.cost(direct, streams=4, length=20, seconds=0.3)
        assert cost.answers > 0
        assert cost.tokens >= 20 * cost.answers - 4 * 20
        waits = first_token.measure(direct, direct, seconds=1)
        assert waits.added(50) < 1
        assert len(load.memory(direct, 200, 2)) >= 100


def test_a_wrong_answer_ends_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.an_engine(0.001) as direct:
        monkeypatch.setattr(engine, "text", lambda *_: "something else")
        with pytest.raises(ValueError, match="the answer says"):
            load.cost(direct, streams=1, length=3, seconds=5)


def test_answers_that_are_not_whole() -> None:
    assert OLLAMA.read(RECORD % b"a" + RECORD % b"b" + LAST) == "ab"
    for body in (RECORD % b"a" + LAST, RECORD % b"a" + RECORD % b"b"):
        with pytest.raises(ValueError, match="the last record"):
            OLLAMA.read(body)
    with pytest.raises(ValueError, match="the last event"):
        OPENAI.read(b'data: {"choices":[]}\n\n')
    with pytest.raises(ValueError, match="the answer is"):
        unchunked(b"HTTP/1.1 503 Busy\r\n\r\n")


def test_the_books_of_a_process() -> None:
    before = processes.cpu_seconds(os.getpid())
    sum(number * number for number in range(3_000_000))
    assert processes.cpu_seconds(os.getpid()) > before
    assert processes.resident_bytes(os.getpid()) > 1_000_000
    assert processes.cpu_seconds(2**22 + 1) == 0


def test_memory_that_grows() -> None:
    flat = [(count, 30_000_000) for count in range(1000, 101_000, 1000)]
    growing = [(count, 30_000_000 + 20 * count) for count, _ in flat]
    assert [claim.holds for claim in of_memory(flat)] == [True]
    assert [claim.holds for claim in of_memory(growing)] == [False]


def test_a_target_that_is_not_there() -> None:
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        load.cost(Target(9, OPENAI, os.getpid()), streams=1, length=1, seconds=1)
