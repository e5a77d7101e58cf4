"""Engines that misbehave, and clients that go away."""

import json
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest

from proxy.dialect.prompts import to_engine
from tests.fakes.fake_engine import DONE, STREAM, delta, event, said, streamed, usage
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

PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "one two"}]}
ONE = chunk(event(delta(content="one ")))
SECRET = "s3cret-prompt"

SECRETLY: dict[str, dict[str, Any]] = {
    "/api/generate": {"model": "smollm2:135m", "prompt": SECRET, "system": SECRET, "raw": True},
    "/api/embed": {"model": "all-minilm:l6-v2", "input": [SECRET]},
    "/api/embeddings": {"model": "all-minilm:l6-v2", "prompt": SECRET},
    PATH: CHAT | {"messages": [{"role": "user", "content": SECRET}]},
    "/v1/completions": {"model": "smollm2:135m", "prompt": SECRET},
    "/v1/embeddings": {"model": "all-minilm:l6-v2", "input": SECRET},
    "/v1/responses": {"model": "smollm2:135m", "input": SECRET},
}


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    """The records, without what differs from run to run."""
    records = [json.loads(line) for line in answer.text.splitlines()]
    return [
        {name: value for name, value in record.items() if name != "created_at" and "duration" not in name}
        for record in records
    ]


BEFORE_THE_FIRST_PIECE: dict[str, tuple[Script, int]] = {
    "closes without an answer": ([Close()], 503),
    "resets without an answer": ([Reset()], 503),
    "half-closes without an answer": ([HalfClose()], 503),
    "stops in the middle of its headers": ([STREAM[:40], Close()], 503),
    "speaks no HTTP": ([b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Close()], 502),
    "sends headers and closes": ([STREAM, Close()], 502),
    "sends headers and resets": ([STREAM, Reset()], 502),
    "sends a page": (whole(b"<html>hello</html>"), 502),
    "sends an error page": ([head(500, "text/html", content_length="4") + b"<ht>"], 502),
    "redirects": ([head(302, location="http://127.0.0.1:9/", content_length="0")], 502),
    "sends no JSON": (streamed([b"not json"]), 502),
    "sends another JSON": (streamed([b'{"choices": "what"}']), 502),
    "ends at once": (streamed([]), 502),
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", BEFORE_THE_FIRST_PIECE)
def test_before_the_first_piece_a_fault_is_a_status(stack: Stack, fault: str, stream: bool) -> None:
    script, status = BEFORE_THE_FIRST_PIECE[fault]
    stack.engine.plan(script)
    answer = stack.client.post("/api/chat", json=CHAT | {"stream": stream})
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)
    assert len(stack.engine.asked(PATH)) == 1
    assert stack.client.post("/api/chat", json=CHAT).status_code == 200


IN_MID_STREAM: dict[str, list[Step]] = {
    "closes": [Close()],
    "resets": [Reset()],
    "half-closes": [HalfClose()],
    "stops in the middle of a line": [chunk(b'data: {"choi'), Close()],
    "ends before it is done": [LAST_CHUNK],
    "sends no JSON": [chunk(event(b"\xff\xfe")), chunk(DONE), LAST_CHUNK],
    "says done before it is": [chunk(DONE), LAST_CHUNK],
    "breaks its chunks": [b"zz\r\n"],
}


@pytest.mark.parametrize("fault", IN_MID_STREAM)
def test_in_mid_stream_a_fault_is_the_last_record(stack: Stack, fault: str) -> None:
    gate = Gate()
    stack.engine.plan([STREAM, ONE, gate, *IN_MID_STREAM[fault]])
    with stack.client.stream("POST", "/api/chat", json=CHAT) as answer:
        assert answer.status_code == 200
        records = answer.iter_lines()
        assert json.loads(next(records))["message"]["content"] == "one "
        gate.open()
        (last,) = records
        assert json.loads(last).keys() == {"error"}


@pytest.mark.parametrize("fault", IN_MID_STREAM)
def test_it_is_so_without_a_pause_too(stack: Stack, fault: str) -> None:
    """A reset may overtake what came before it."""
    for _ in range(5):
        stack.engine.plan([STREAM, ONE, *IN_MID_STREAM[fault]])
        *before, last = lines(stack.client.post("/api/chat", json=CHAT))
        assert last.keys() == {"error"}
        assert [record["message"]["content"] for record in before] in (["one "], [])


@pytest.mark.parametrize("fault", IN_MID_STREAM)
def test_a_whole_answer_is_never_cut_short(stack: Stack, fault: str) -> None:
    stack.engine.plan([STREAM, ONE, *IN_MID_STREAM[fault]])
    assert stack.client.post("/api/chat", json=CHAT | {"stream": False}).status_code == 502


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("script", "status"), [([Gate()], 503), ([STREAM, Gate()], 502)], ids=["at once", "after its headers"]
)
def test_silence_before_the_first_piece(hasty: Stack, script: Script, status: int, stream: bool) -> None:
    hasty.engine.plan(script)
    answer = hasty.client.post("/api/chat", json=CHAT | {"stream": stream})
    assert answer.status_code == status
    assert hasty.engine.wait_for(PATH).gone.wait(1)


def test_silence_in_mid_stream(hasty: Stack) -> None:
    hasty.engine.plan([STREAM, ONE, Gate()])
    first, last = lines(hasty.client.post("/api/chat", json=CHAT))
    assert first["message"]["content"] == "one "
    assert last == {"error": "the engine stopped answering"}


def test_an_answer_is_whole_once_its_reason_is_there(stack: Stack) -> None:
    """Neither usage nor the end's mark nor the last line's end need to come."""
    stack.engine.plan([STREAM, ONE, chunk(event(delta("stop"))[:-2]), LAST_CHUNK])
    assert lines(stack.client.post("/api/chat", json=CHAT))[-1]["done_reason"] == "stop"


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 64])
def test_how_the_stream_is_cut_changes_nothing(stack: Stack, cut: int) -> None:
    events = said(["Zürich ", "日本 ", "🦙"])
    stack.engine.plan(streamed(events))
    expected = lines(stack.client.post("/api/chat", json=CHAT))
    stack.engine.plan(streamed(events, cut=cut))
    assert lines(stack.client.post("/api/chat", json=CHAT)) == expected
    assert [record["message"]["content"] for record in expected] == ["Zürich ", "日本 ", "🦙", ""]


def test_a_very_long_line(stack: Stack) -> None:
    long = "x" * 10_000_000
    stack.engine.plan(streamed([delta(content=long), delta("stop"), usage(1, 1)], cut=65536))
    assert lines(stack.client.post("/api/chat", json=CHAT))[0]["message"]["content"] == long


class TestStaleConnections:
    def test_one_is_replaced_unnoticed(self, stack: Stack) -> None:
        for _ in range(2):
            stack.engine.drop_reused()
            assert stack.client.post("/api/chat", json=CHAT).status_code == 200
        first, second = stack.engine.asked(PATH)
        assert first.connection != second.connection

    def test_not_once_something_was_answered(self, stack: Stack) -> None:
        assert stack.client.post("/api/chat", json=CHAT).status_code == 200
        stack.engine.plan([STREAM[:20], Close()])
        assert stack.client.post("/api/chat", json=CHAT).status_code == 503
        assert [request.position for request in stack.engine.asked(PATH)] == [0, 1]

    def test_a_finished_stream_gives_its_connection_back(self, stack: Stack) -> None:
        """Also where the end of the body comes after the end of what it says."""
        gate = Gate()
        told = b"".join(map(event, said(["one"]))) + DONE
        stack.engine.plan([STREAM, chunk(told), gate, LAST_CHUNK])
        with stack.client.stream("POST", "/api/chat", json=CHAT) as answer:
            for line in answer.iter_lines():
                if json.loads(line)["done"]:
                    gate.open()
        stack.client.post("/api/chat", json=CHAT)
        first, second = stack.engine.asked(PATH)
        assert first.connection == second.connection


class TestClientsThatGoAway:
    WINDOWS: dict[str, Callable[[Gate], Script]] = {  # noqa: RUF012 - a table
        "before the headers": lambda gate: [gate],
        "before the first piece": lambda gate: [STREAM, gate],
        "in mid-stream": lambda gate: [STREAM, ONE, gate],
        "before the end": lambda gate: [STREAM, ONE, chunk(event(delta("stop"))), gate],
    }

    @pytest.mark.parametrize("path", ["/api/chat", PATH])
    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize("window", WINDOWS)
    def test_the_engine_is_told_to_stop(self, stack: Stack, window: str, stream: bool, path: str) -> None:
        gate = Gate()
        stack.engine.plan(self.WINDOWS[window](gate))
        with closing(raw_post(stack.proxy.port, path, CHAT | {"stream": stream})):
            gate.wait_until_reached()
        assert stack.engine.wait_for(PATH).gone.wait(1)

    def test_in_the_middle_of_its_own_body(self, stack: Stack) -> None:
        with closing(socket.create_connection(("127.0.0.1", stack.proxy.port))) as connection:
            connection.sendall(b"POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{")
        assert stack.client.post("/api/chat", json=CHAT).status_code == 200
        assert len(stack.engine.asked(PATH)) == 1


def test_many_at_once_get_each_their_own(stack: Stack) -> None:
    def ask(number: int) -> tuple[str, str]:
        words = f"answer number {number} of many"
        asked = CHAT | {"messages": [{"role": "user", "content": words}], "stream": number % 2 == 0}
        records = lines(stack.client.post("/api/chat", json=asked))
        return words + " ", "".join(record["message"]["content"] for record in records)

    with ThreadPoolExecutor(16) as pool:
        for words, answer in pool.map(ask, range(64)):
            assert answer == words


def test_no_log_ever_holds_what_a_client_wrote(
    stack: Stack, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = CHAT | {"messages": [{"role": "user", "content": SECRET}]}
    scripts = [script for script, _ in BEFORE_THE_FIRST_PIECE.values()]
    for script in [streamed(said([SECRET])), *scripts, streamed([SECRET.encode()])]:
        stack.engine.plan(script)
        stack.client.post("/api/chat", json=asked)
    stack.client.post("/api/chat", content=json.dumps(asked)[:-3])
    stack.client.post("/api/chat", json=asked | {"options": SECRET})
    stack.client.post("/api/chat", json=asked | {"model": "foo"})
    for path, body in SECRETLY.items():
        stack.client.post(path, json=body)
        stack.client.post(path, json=body | {"model": "foo"})
        stack.client.post(path, content=json.dumps(body)[:-3])

    def fail(*_: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr(to_engine, "chat", fail)
    answer = stack.client.post("/api/chat", json=asked)
    assert (answer.status_code, answer.json()) == (500, {"error": "internal error"})
    assert "ValueError at " in caplog.text
    assert SECRET not in caplog.text


def test_the_proxy_outlives_all_of_it(stack: Stack) -> None:
    assert stack.client.get("/health").status_code == 200
    names = [thread.name for thread in threading.enumerate()]
    assert len(names) < 60
