"""What passes through under /v1."""

import json
from typing import Any

import httpx
import pytest

from tests.fakes.fake_engine import STREAM, delta, error, event, said, streamed
from tests.fakes.fake_server import LAST_CHUNK, Close, Gate, Reset, chunk, head, whole
from tests.proxy.conftest import Stack

CHAT = "/v1/chat/completions"
MODEL = "smollm2:135m"


def test_the_body_is_not_touched(stack: Stack) -> None:
    body = b'{ "model":"smollm2:135m", "unknown" : [1.0, {"b":1,"a":2}] }'
    stack.client.post("/v1/responses", content=body, headers={"content-type": "text/plain"})
    request = stack.engine.wait_for("/v1/responses")
    assert request.body == body
    assert request.headers["content-type"] == "application/json"


def test_only_the_name_is_rewritten_where_the_engine_has_another(stack: Stack) -> None:
    asked = {"model": "SmolLM2:135M", "temperature": 0.1, "messages": [{"role": "user", "content": "hi"}]}
    answer = stack.client.post(CHAT, json=asked)
    assert answer.json()["choices"][0]["message"]["content"] == "hi"
    assert stack.engine.wait_for(CHAT).json() == asked | {"model": MODEL}


def test_events_pass_as_they_are(stack: Stack) -> None:
    events = said(["one ", "two"])
    stack.engine.plan(streamed(events, cut=5))
    answer = stack.client.post(CHAT, json={"model": MODEL, "stream": True, "messages": []})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.content == b"".join(map(event, events)) + b"data: [DONE]\n\n"


def test_events_pass_at_once(stack: Stack) -> None:
    first, gate = event(delta(content="one")), Gate()
    stack.engine.plan([STREAM, chunk(first), gate, LAST_CHUNK])
    with stack.client.stream("POST", CHAT, json={"model": MODEL, "stream": True}) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == first
        gate.open()
        assert list(pieces) == []


@pytest.mark.parametrize(
    "path", [CHAT, "/v1/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens"]
)
def test_the_engines_errors_pass_as_they_are(stack: Stack, path: str) -> None:
    stack.engine.plan(whole(error("no such thing", 422), 422))
    answer = stack.client.post(path, json={"model": MODEL})
    assert (answer.status_code, answer.json()) == (422, error("no such thing", 422))


def test_only_harmless_headers_pass(stack: Stack) -> None:
    stack.engine.plan(
        [head(200, x_request_id="abc", set_cookie="a=b", server="vllm", content_length="2") + b"{}"]
    )
    answer = stack.client.post(
        CHAT, json={"model": MODEL}, headers={"authorization": "Bearer secret", "cookie": "a=b"}
    )
    assert answer.headers["x-request-id"] == "abc"
    assert not {"set-cookie", "server"} & answer.headers.keys()
    assert not {"authorization", "cookie"} & stack.engine.wait_for(CHAT).headers.keys()


def test_embeddings_go_to_the_embeddings_server(stack: Stack) -> None:
    answer = stack.client.post("/v1/embeddings", json={"model": "all-minilm:l6-v2", "input": ["a", "b"]})
    assert len(answer.json()["data"]) == 2
    assert stack.engine.received == []


def test_reranking_goes_to_the_embeddings_server(stack: Stack) -> None:
    asked = {"model": "all-minilm:l6-v2", "query": "cat", "documents": ["kitten", "rates"]}
    assert stack.client.post("/v1/rerank", json=asked).json()["results"] == [{"index": 0}, {"index": 1}]
    assert stack.embeddings.wait_for("/v1/rerank").json() == asked
    assert stack.engine.received == []


def test_models_are_those_of_all_servers(stack: Stack) -> None:
    listed = stack.client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [card["id"] for card in listed["data"]] == [MODEL, "all-minilm:l6-v2"]
    card = {
        "id": MODEL,
        "object": "model",
        "created": 1795147200,
        "owned_by": "library",
        "max_model_len": 2048,
    }
    assert listed["data"][0] == card
    assert stack.client.get("/v1/models/SMOLLM2:135m").json() == card
    assert stack.client.get("/v1/models/no/such:model").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        (CHAT, {}, 400, "model is required"),
        (CHAT, {"model": 5}, 400, "model is required"),
        (CHAT, [], 400, "the request body must be a JSON object"),
        (CHAT, {"model": "foo"}, 404, "model 'foo' not found"),
        (CHAT, {"model": "all-minilm:l6-v2"}, 400, '"all-minilm:l6-v2" does not support chat'),
        ("/v1/embeddings", {"model": MODEL}, 400, f'"{MODEL}" does not support embeddings'),
        ("/v1/rerank", {"model": MODEL}, 400, f'"{MODEL}" does not support reranking'),
    ],
)
def test_requests_at_fault_in_openais_shape(
    stack: Stack, path: str, body: object, status: int, message: str
) -> None:
    answer = stack.client.post(path, content=json.dumps(body))
    kinds = {400: "invalid_request_error", 404: "not_found_error"}
    expected: dict[str, Any] = {"message": message, "type": kinds[status], "param": None, "code": None}
    assert (answer.status_code, answer.json()) == (status, {"error": expected})


def test_requests_at_fault_in_anthropics_shape(stack: Stack) -> None:
    answer = stack.client.post("/v1/messages", content=b"{")
    assert answer.status_code == 400
    assert answer.json() == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "unexpected EOF"},
    }


@pytest.mark.parametrize("end", [Close(), Reset()])
def test_a_stream_that_breaks_off_breaks_off_for_the_client_too(stack: Stack, end: Close | Reset) -> None:
    gate = Gate()
    stack.engine.plan([STREAM, chunk(event(delta(content="one"))), gate, end])
    with stack.client.stream("POST", CHAT, json={"model": MODEL, "stream": True}) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        gate.open()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
    assert stack.client.get("/health").status_code == 200
