"""Servers that misbehave, on every route that asks one. What each fault of a chat's is, `test_faults.py`
says in more detail."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.fakes.fake_embeddings import vector
from tests.fakes.fake_engine import DONE, STREAM, delta, event, streamed, text, usage
from tests.fakes.fake_server import (
    LAST_CHUNK,
    Close,
    FakeServer,
    Gate,
    HalfClose,
    Reset,
    Script,
    chunk,
    head,
    whole,
)
from tests.proxy.conftest import Stack

CHAT, EMBEDS = "smollm2:135m", "all-minilm:l6-v2"
TURNS = [{"role": "user", "content": "one two"}]


def of_ollama(answer: httpx.Response) -> str:
    told: dict[str, str] = answer.json()
    return told["error"]


def of_openai(answer: httpx.Response) -> str:
    message: str = answer.json()["error"]["message"]
    return message


def of_anthropic(answer: httpx.Response) -> str:
    assert answer.json()["type"] == "error"
    return of_openai(answer)


@dataclass(frozen=True)
class Asking:
    """A request, and the shape in which its errors come."""

    path: str
    body: Mapping[str, Any]
    error: Callable[[httpx.Response], str]
    embeds: bool = False

    def server(self, stack: Stack) -> FakeServer:
        return stack.embeddings if self.embeds else stack.engine

    def send(self, stack: Stack) -> httpx.Response:
        return stack.client.post(self.path, json=dict(self.body))


ASKING = {
    "generate": Asking("/api/generate", {"model": CHAT, "prompt": "x"}, of_ollama),
    "generate, whole": Asking("/api/generate", {"model": CHAT, "prompt": "x", "stream": False}, of_ollama),
    "generate, raw": Asking("/api/generate", {"model": CHAT, "prompt": "x", "raw": True}, of_ollama),
    "embed": Asking("/api/embed", {"model": EMBEDS, "input": ["x"]}, of_ollama, embeds=True),
    "embed, uncut": Asking(
        "/api/embed", {"model": EMBEDS, "input": ["x"], "truncate": False}, of_ollama, embeds=True
    ),
    "embeddings": Asking("/api/embeddings", {"model": EMBEDS, "prompt": "x"}, of_ollama, embeds=True),
    "/v1 chat": Asking("/v1/chat/completions", {"model": CHAT, "messages": TURNS}, of_openai),
    "/v1 chat, streamed": Asking(
        "/v1/chat/completions", {"model": CHAT, "messages": TURNS, "stream": True}, of_openai
    ),
    "/v1 completions": Asking("/v1/completions", {"model": CHAT, "prompt": "x"}, of_openai),
    "/v1 responses": Asking("/v1/responses", {"model": CHAT, "input": "x"}, of_openai),
    "/v1 messages": Asking("/v1/messages", {"model": CHAT, "messages": TURNS, "max_tokens": 5}, of_anthropic),
    "/v1 embeddings": Asking("/v1/embeddings", {"model": EMBEDS, "input": "x"}, of_openai, embeds=True),
    "/v1 rerank": Asking(
        "/v1/rerank", {"model": EMBEDS, "query": "x", "documents": ["y"]}, of_openai, embeds=True
    ),
}

BEFORE_ANYTHING: dict[str, tuple[Script, int]] = {
    "closes": ([Close()], 503),
    "resets": ([Reset()], 503),
    "half-closes": ([HalfClose()], 503),
    "stops in its headers": ([head(200)[:30], Close()], 503),
    "speaks no HTTP": ([b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Close()], 502),
    "closes after its headers": ([head(200, content_length="50"), Close()], 502),
    "resets after its headers": ([head(200, content_length="50"), Reset()], 502),
    "half-closes after its headers": ([head(200, content_length="50"), HalfClose()], 502),
    "stops in its body": ([head(200, content_length="50") + b'{"data": [', Close()], 502),
    "breaks its chunks": ([head(200, transfer_encoding="chunked"), b"zz\r\n"], 502),
    "sends a page": (whole(b"<html>"), 502),
    "sends bytes": (whole(bytes(range(256))), 502),
    "sends nothing": (whole(b""), 502),
    "sends another JSON": (whole(b"[" * 300 + b"]" * 300), 502),
    "sends an error page": ([head(500, "text/html", content_length="4") + b"<ht>"], 502),
    "redirects": ([head(302, location="http://127.0.0.1:9/", content_length="0")], 502),
    "says another's name": (whole({"error": {"message": "who?", "code": 401}}, 401), 502),
    "is not ready": (whole({"error": {"message": "Loading model", "code": 503}}, 503), 503),
}
# What passes through as it is, so long as it is JSON.
PASSES_ON = {("sends another JSON", path) for path in ("/v1/chat/completions", "/v1/completions")} | {
    ("sends another JSON", path) for path in ("/v1/responses", "/v1/messages", "/v1/rerank")
}


@pytest.mark.parametrize("fault", BEFORE_ANYTHING)
@pytest.mark.parametrize("asking", ASKING)
def test_before_anything_was_said_a_fault_is_a_status(stack: Stack, asking: str, fault: str) -> None:
    ask = ASKING[asking]
    script, status = BEFORE_ANYTHING[fault]
    ask.server(stack).plan(script)
    answer = ask.send(stack)
    if (fault, ask.path) not in PASSES_ON:
        assert answer.status_code == status
        assert ask.error(answer)
    assert ask.send(stack).status_code == 200


@pytest.mark.parametrize("asking", ["generate", "embed", "/v1 chat", "/v1 messages"])
def test_silence_ends(hasty: Stack, asking: str) -> None:
    ask = ASKING[asking]
    ask.server(hasty).reset()
    ask.server(hasty).plan([head(200, content_length="50"), Gate()])
    answer = ask.send(hasty)
    assert (answer.status_code, "stopped answering" in ask.error(answer)) == (502, True)


LONG = "\u65e5\u672c\U0001f999" * 1_000_000


@pytest.mark.parametrize(("raw", "cut"), [(True, 1), (False, 1), (True, 3), (False, 3), (False, 65536)])
def test_a_generation_however_it_is_cut(stack: Stack, raw: bool, cut: int) -> None:
    words = LONG if cut > 1000 else LONG[:30]
    spoken = text(words) if raw else delta(content=words)
    end = text("", "stop") if raw else delta("stop")
    stack.engine.plan(streamed([spoken, end, usage(1, 1)], cut=cut))
    body = {"model": CHAT, "prompt": "x", "raw": raw}
    first, last = map(json.loads, stack.client.post("/api/generate", json=body).text.splitlines())
    assert (first["response"], last["done"]) == (words, True)


def in_chunks(value: object, cut: int) -> Script:
    data = json.dumps(value, ensure_ascii=False).encode()
    pieces = [chunk(data[start : start + cut]) for start in range(0, len(data), cut)]
    return [head(200, transfer_encoding="chunked"), *pieces, LAST_CHUNK]


@pytest.mark.parametrize("cut", [1, 3, 700])
def test_embeddings_however_they_are_cut(stack: Stack, cut: int) -> None:
    answered = {"data": [{"index": 0, "embedding": vector("x"), "object": "\u00e9"}]}
    stack.embeddings.plan(in_chunks(answered, cut))
    told = stack.client.post("/api/embeddings", json={"model": EMBEDS, "prompt": "x"})
    assert told.json() == {"embedding": vector("x")}


@pytest.mark.parametrize("cut", [1, 3])
def test_what_passes_through_however_it_is_cut(stack: Stack, cut: int) -> None:
    events = [delta(content=LONG[:30]), delta("stop"), usage(1, 1)]
    stack.engine.plan(streamed(events, cut=cut))
    asked = {"model": CHAT, "messages": TURNS, "stream": True}
    assert (
        stack.client.post("/v1/chat/completions", json=asked).content == b"".join(map(event, events)) + DONE
    )


WRONG_CHUNKS: dict[str, bytes] = {
    "no JSON": b"{",
    "no UTF-8": b'{"choices": [{"delta": {"content": "\xff\xfe"}}]}',
    "text that is none": b'{"choices": [{"delta": {"content": 5}}]}',
    "choices that are none": b'{"choices": 5}',
    "a chunk that is none": b"[]",
    "too deep": b'{"x":' * 5000 + b"1" + b"}" * 5000,
    "calls that are none": b'{"choices": [{"delta": {"tool_calls": [5]}}]}',
    "logprobs that are none": b'{"choices": [{"delta": {"content": "a"}, "logprobs": {"content": 5}}]}',
    "usage that is none": b'{"choices": [], "usage": {"prompt_tokens": "many"}}',
}


@pytest.mark.parametrize("wrong", WRONG_CHUNKS)
@pytest.mark.parametrize("stream", [True, False])
def test_a_chunk_that_cannot_be_read(stack: Stack, wrong: str, stream: bool) -> None:
    said = event(delta(content="one "))
    stack.engine.plan([STREAM, chunk(said), chunk(event(WRONG_CHUNKS[wrong])), chunk(DONE), LAST_CHUNK])
    answer = stack.client.post("/api/generate", json={"model": CHAT, "prompt": "x", "stream": stream})
    records = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.status_code == (200 if stream else 502)
    assert records[-1].keys() == {"error"}
    assert [record["response"] for record in records[:-1]] == (["one "] if stream else [])
