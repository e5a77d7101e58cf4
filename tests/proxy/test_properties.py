"""What holds for any request, and for any way in which a stream may be cut."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.fakes.fake_embeddings import FakeEmbeddings
from tests.fakes.fake_engine import STREAM, FakeEngine
from tests.fakes.fake_server import LAST_CHUNK, Script, chunk, whole
from tests.proxy.conftest import (
    CHAT_MANIFEST,
    EMBEDDING_MANIFEST,
    NOBODY,
    RunningProxy,
    Stack,
    describe,
    settings_for,
)
from tests.proxy.requests import TOOL, requests
from tests.proxy.streams import cut_at, odd_embeddings, odd_errors, odd_streams, streams

QUICKLY = settings(max_examples=200, derandomize=True, suppress_health_check=list(HealthCheck))
AT_LENGTH = settings(max_examples=20_000, suppress_health_check=list(HealthCheck))

# Ollama's own answers of status 500 to what a client asks for.
OLLAMAS_OWN = ("pull model manifest: file does not exist", "' not found")


# What Ollama's own client makes of answers.
TYPES: dict[str, type[BaseModel]] = {
    "/api/chat": ollama.ChatResponse,
    "/api/generate": ollama.GenerateResponse,
    "/api/embed": ollama.EmbedResponse,
    "/api/embeddings": ollama.EmbeddingsResponse,
    "/api/show": ollama.ShowResponse,
    "/api/tags": ollama.ListResponse,
    "/api/ps": ollama.ProcessResponse,
    "/api/create": ollama.ProgressResponse,
    "/api/push": ollama.ProgressResponse,
}


class Faults(logging.Handler):
    """What the proxy and its server log as their own fault."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(self.format(record))


@pytest.fixture(scope="module")
def faults() -> Iterator[Faults]:
    handler = Faults()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="module")
def any_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Nobody answers where it pulls from."""
    models = tmp_path_factory.mktemp("models")
    describe(models, CHAT_MANIFEST)
    describe(models, EMBEDDING_MANIFEST)
    with FakeEngine() as engine, FakeEmbeddings() as embeddings:
        proxy = RunningProxy(settings_for(models, engine.url, embeddings.url, hub=NOBODY))
        yield Stack(proxy, engine, embeddings, models)
        proxy.stop()


def told(answer: httpx.Response) -> list[dict[str, object]]:
    """The objects of an answer; its error among them, in the form of any of the dialects."""
    if answer.headers.get("content-type", "").startswith("text/") or not answer.text:
        return []
    return [json.loads(line) for line in answer.content.split(b"\n") if line]


def check(stack: Stack, faults: Faults, request: tuple[str, str, bytes]) -> None:
    faults.told.clear()
    method, path, body = request
    answer = stack.client.request(method, path, content=body)
    records = told(answer)
    assert faults.told == []
    if answer.status_code == 200 and path in TYPES:
        for record in records:
            TYPES[path].model_validate(record)
    if answer.status_code >= 400 and records:
        assert "error" in records[-1]
    if answer.status_code == 500:
        assert str(records[-1]["error"]).endswith(OLLAMAS_OWN)


@QUICKLY
@given(request=requests())
@example(request=("POST", "/api/chat", b"[" * 100_000))
@example(
    request=("POST", "/api/chat", b'{"model": "smollm2:135m", "messages": [' + b"{}," * 50_000 + b"{}]}")
)
def test_no_request_is_a_fault_of_ours(
    any_stack: Stack, faults: Faults, request: tuple[str, str, bytes]
) -> None:
    check(any_stack, faults, request)


@pytest.mark.long
@AT_LENGTH
@given(request=requests())
def test_no_request_of_very_many_is_a_fault_of_ours(
    any_stack: Stack, faults: Faults, request: tuple[str, str, bytes]
) -> None:
    check(any_stack, faults, request)


def heard(stack: Stack, pieces: list[bytes], path: str, body: dict[str, Any]) -> tuple[int, list[Any]]:
    """What the client hears of such a stream: a status, and records without what differs from run to run."""
    stack.engine.plan([STREAM, *map(chunk, pieces), LAST_CHUNK])
    answer = stack.client.post(path, json=body)
    records = [json.loads(line) for line in answer.text.splitlines()]
    for record in records:
        for name in [name for name in record if name == "created_at" or "duration" in name]:
            del record[name]
    return answer.status_code, records


BODIES: dict[str, dict[str, Any]] = {
    "/api/chat": {"model": "smollm2:135m", "messages": [{"role": "user", "content": "x"}]},
    "/api/generate": {"model": "smollm2:135m", "prompt": "x"},
}


def check_cut(stack: Stack, data: bytes, places: list[int], path: str, stream: bool) -> None:
    stack.engine.reset()
    body = BODIES[path] | {"stream": stream}
    expected = heard(stack, [data] if data else [], path, body)
    assert heard(stack, cut_at(data, places), path, body) == expected
    status, records = expected
    assert ("error" in records[-1]) or records[-1]["done"] is True
    assert status in (200, 500, 502)


CUTS = given(
    data=streams,
    places=st.lists(st.integers(0, 4000), max_size=12),
    path=st.sampled_from(list(BODIES)),
    stream=st.booleans(),
)


@settings(QUICKLY, max_examples=60)
@CUTS
def test_a_stream_cut_anywhere_is_heard_the_same(
    any_stack: Stack, data: bytes, places: list[int], path: str, stream: bool
) -> None:
    check_cut(any_stack, data, places, path, stream)


@pytest.mark.long
@settings(AT_LENGTH, max_examples=5000)
@CUTS
def test_a_stream_cut_in_very_many_ways_is_heard_the_same(
    any_stack: Stack, data: bytes, places: list[int], path: str, stream: bool
) -> None:
    check_cut(any_stack, data, places, path, stream)


def check_odd(stack: Stack, faults: Faults, path: str, body: dict[str, Any], script: Script) -> None:
    """Whatever the server says, there is an answer, which is whole or an error."""
    faults.told.clear()
    stack.engine.reset()
    stack.embeddings.reset()
    (stack.embeddings if "embed" in path else stack.engine).plan(script)
    answer = stack.client.post(path, json=body)
    last = told(answer)[-1]
    assert faults.told == []
    assert "error" in last or last.get("done", True) is True


WATCHED = {"logprobs": True, "top_logprobs": 1, "tools": [TOOL]}
ODD = given(
    data=odd_streams,
    path=st.sampled_from(list(BODIES)),
    how=st.fixed_dictionaries({"raw": st.booleans(), "stream": st.booleans()}),
)


@settings(QUICKLY, max_examples=80)
@ODD
def test_no_stream_is_a_fault_of_ours(
    any_stack: Stack, faults: Faults, data: bytes, path: str, how: dict[str, bool]
) -> None:
    body = BODIES[path] | WATCHED | how
    check_odd(any_stack, faults, path, body, [STREAM, chunk(data), LAST_CHUNK])


@pytest.mark.long
@settings(AT_LENGTH, max_examples=10_000)
@ODD
def test_no_stream_of_very_many_is_a_fault_of_ours(
    any_stack: Stack, faults: Faults, data: bytes, path: str, how: dict[str, bool]
) -> None:
    body = BODIES[path] | WATCHED | how
    check_odd(any_stack, faults, path, body, [STREAM, chunk(data), LAST_CHUNK])


EMBEDDING: dict[str, dict[str, Any]] = {
    "/api/embed": {"model": "all-minilm:l6-v2", "input": ["x"]},
    "/api/embeddings": {"model": "all-minilm:l6-v2", "prompt": "x"},
    "/v1/embeddings": {"model": "all-minilm:l6-v2", "input": "x"},
}


@settings(QUICKLY, max_examples=80)
@given(path=st.sampled_from(list(EMBEDDING)), data=odd_embeddings)
def test_no_embeddings_are_a_fault_of_ours(any_stack: Stack, faults: Faults, path: str, data: bytes) -> None:
    check_odd(any_stack, faults, path, EMBEDDING[path], whole(data))


PASSING: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": BODIES["/api/chat"],
    "/v1/messages": BODIES["/api/chat"] | {"max_tokens": 5},
    "/v1/completions": BODIES["/api/generate"],
}


@settings(QUICKLY, max_examples=100)
@given(
    path=st.sampled_from([*BODIES, *EMBEDDING, *PASSING]),
    status=st.sampled_from([400, 401, 404, 413, 418, 422, 429, 500, 501, 503]),
    data=odd_errors,
)
def test_no_error_is_a_fault_of_ours(
    any_stack: Stack, faults: Faults, path: str, status: int, data: bytes
) -> None:
    body = (BODIES | EMBEDDING | PASSING)[path]
    check_odd(any_stack, faults, path, body, whole(data, status))
