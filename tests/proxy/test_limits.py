"""Bodies that are no JSON, too deep or too large, and whatever else JSON can say."""

import json
import socket
from contextlib import closing
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import proxy.app
from proxy.dialect.messages import (
    ChatRequest,
    EmbedRequest,
    GenerateRequest,
    Message,
    ToolCall,
    ToolCallFunction,
)
from tests.proxy.conftest import Stack

OLLAMA = ("/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show")
OPENAI = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/rerank",
    "/v1/responses",
    "/v1/messages",
    "/v1/messages/count_tokens",
)


def message_of(answer: httpx.Response) -> str:
    error = answer.json()["error"]
    message = error if isinstance(error, str) else error["message"]
    assert isinstance(message, str)
    return message


@pytest.mark.parametrize("path", OLLAMA + OPENAI)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "missing request body"),
        (b" \n", "missing request body"),
        (b"{", "unexpected EOF"),
        (b'{"model": "x', "unexpected EOF"),
        (b"hello", "invalid character 'h' looking for beginning of value"),
        (b'{"model": nope}', "invalid character 'o' in literal null (expecting 'u')"),
        (b'{"a": NaN}', "invalid character 'N' looking for beginning of value"),
        (b"[" * 129 + b"]" * 129, "exceeded max depth"),
        (b"[" * 100_000 + b"]" * 100_000, "exceeded max depth"),
        (b"[" * 5000 + b"]" * 5000 + b"x", "exceeded max depth"),
        (b'{"a": 1e999}', "json: cannot unmarshal number 1e999 into Go value of type float64"),
    ],
)
def test_bodies_at_fault(stack: Stack, path: str, body: bytes, message: str) -> None:
    answer = stack.client.post(path, content=body)
    assert (answer.status_code, message_of(answer)) == (400, message)
    assert stack.engine.received == []


@pytest.mark.parametrize("kind", ["array", "string", "number", "bool"])
def test_bodies_of_another_kind(stack: Stack, kind: str) -> None:
    bodies = {"array": b"[]", "string": b'"x"', "number": b"5", "bool": b"true"}
    answer = stack.client.post("/api/chat", content=bodies[kind])
    expected = f"json: cannot unmarshal {kind} into Go value of type api.ChatRequest"
    assert (answer.status_code, message_of(answer)) == (400, expected)


@pytest.mark.parametrize(
    "text", [b'"\xff\xfe"', b'"\\ud83d"', b'"\\ud83d\\ude00"', '"\u2028"'.encode(), b'"\\u0000"']
)
def test_strange_text_is_no_reason_to_fail(stack: Stack, text: bytes) -> None:
    body = b'{"model": "smollm2:135m", "stream": false, "messages": [{"role": "user", "content": %s}]}' % text
    assert stack.client.post("/api/chat", content=body).json()["done"] is True


def test_a_large_body_is_refused_before_it_is_sent(stack: Stack) -> None:
    with closing(socket.create_connection(("127.0.0.1", stack.proxy.port), timeout=5)) as connection:
        length = proxy.app.BODY_LIMIT + 1
        start = f"POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"
        connection.sendall(start.encode())
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"the limit is 67108864 bytes" in answer


def test_a_large_body_of_unknown_length(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy.app, "BODY_LIMIT", 1000)
    answer = stack.client.post("/v1/messages", content=(b"x" * 100 for _ in range(20)))
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "request_too_large"
    allowed = json.dumps({"model": "smollm2:135m", "keep_alive": 0}).ljust(1000)
    assert stack.client.post("/api/chat", content=allowed).status_code == 200


MESSAGES = (ChatRequest, GenerateRequest, EmbedRequest, Message, ToolCall, ToolCallFunction)
FIELDS = sorted({field for message in MESSAGES for field in message.__struct_fields__})
KEYS = st.sampled_from([*FIELDS, "Model", "num_predict", "stop", "seed"])
LIKELY = st.sampled_from(
    ["smollm2:135m", "all-minilm:l6-v2", "user", "tool", "json", "high", "5m", "AAAA", 0, -1, 0.5]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING = st.recursive(
    SCALARS | st.text() | LIKELY,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=20,
)
REQUEST = st.fixed_dictionaries(
    {"model": st.sampled_from(["smollm2:135m", "all-minilm:l6-v2"]) | ANYTHING},
    optional={
        "messages": st.lists(st.dictionaries(KEYS, ANYTHING, max_size=4), max_size=3) | ANYTHING,
        "prompt": st.text(min_size=1) | ANYTHING,
        "options": st.dictionaries(KEYS, ANYTHING, max_size=4) | ANYTHING,
        "input": st.lists(st.text(), max_size=3) | ANYTHING,
        "raw": st.booleans(),
        "stream": st.booleans(),
    },
)


class TestNoJsonIsAFailureOfOurs:
    @given(path=st.sampled_from(OLLAMA + OPENAI), body=REQUEST | ANYTHING)
    @settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_it_is_answered_in_the_dialects_shape(self, stack: Stack, path: str, body: Any) -> None:  # noqa: ANN401
        answer = stack.client.post(path, content=json.dumps(body))
        assert answer.status_code in (200, 400, 404)
        if answer.status_code != 200:
            assert message_of(answer)
        elif path in OLLAMA:
            last = json.loads(answer.text.splitlines()[-1])
            assert last.keys() & {"done", "embeddings", "embedding", "model_info"}

    @given(body=st.binary(max_size=60))
    @settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_nor_is_what_is_no_json(self, stack: Stack, body: bytes) -> None:
        answer = stack.client.post("/api/chat", content=body)
        assert answer.status_code == 400
        assert message_of(answer)
