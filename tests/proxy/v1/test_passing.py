"""What passes through under /v1: bytes as they came, where nothing has to be changed."""

import json
from typing import Any

import httpx
import pytest

from tests.fakes.fake_engine import DONE, STREAM, Event, delta, error, event, said, streamed, usage
from tests.fakes.fake_server import LAST_CHUNK, Close, Gate, Reset, Script, Step, chunk, head, whole
from tests.proxy.conftest import Stack

CHAT = "/v1/chat/completions"
MODEL = "smollm2:135m"
ASKED: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
STREAMED = ASKED | {"stream": True}
PATHS = {
    CHAT: ASKED,
    "/v1/completions": {"model": MODEL, "prompt": "hi", "max_tokens": 5},
    "/v1/responses": {"model": MODEL, "input": "hi"},
    "/v1/messages": ASKED | {"max_tokens": 5},
    "/v1/messages/count_tokens": ASKED,
    "/v1/systemone": {"model": MODEL, "state": "hi", "questions": {"a": {"type": "noul"}}},
}
OPENAIS = [path for path in PATHS if not path.startswith("/v1/messages")]
ANTHROPICS = [path for path in PATHS if path.startswith("/v1/messages")]
NO_ROUTE = {"detail": "Not Found"}


def named(one: Event) -> Event:
    assert isinstance(one, dict)
    return one | {"model": MODEL}


def message_of(answer: httpx.Response) -> str:
    message = answer.json()["error"]["message"]
    assert isinstance(message, str)
    return message


@pytest.mark.parametrize("path", PATHS)
def test_the_body_is_not_touched(stack: Stack, path: str) -> None:
    body = json.dumps(PATHS[path] | {"unknown": [1.0, {"b": 1, "a": 2}]}, indent=3).encode()
    stack.client.post(path, content=body, headers={"content-type": "text/plain"})
    request = stack.engine.wait_for(path)
    assert request.body == body
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", PATHS)
def test_only_the_name_is_rewritten_where_the_engine_has_another(stack: Stack, path: str) -> None:
    asked = PATHS[path] | {"model": "SmolLM2:135M", "temperature": 0.1}
    stack.client.post(path, json=asked)
    assert stack.engine.wait_for(path).json() == asked | {"model": MODEL}


def test_events_pass_as_they_are(stack: Stack) -> None:
    events = said(["one ", "two"])
    stack.engine.plan(streamed(events, cut=5))
    answer = stack.client.post(CHAT, json=STREAMED)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.content == b"".join(map(event, events)) + DONE


def test_events_pass_at_once(stack: Stack) -> None:
    first, gate = event(delta(content="one")), Gate()
    stack.engine.plan([STREAM, chunk(first), gate, chunk(DONE), LAST_CHUNK])
    with stack.client.stream("POST", CHAT, json=STREAMED) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == first
        gate.open()
        assert list(pieces) == [DONE]


@pytest.mark.parametrize("cut", [None, 1, 3, 11])
def test_the_model_goes_by_the_name_that_was_asked_for(stack: Stack, cut: int | None) -> None:
    """What it says of itself is not the engine's field."""
    sly = json.dumps({"model": MODEL})
    told: list[Event] = [named(delta(content=sly)), named(delta("stop"))]
    stack.engine.plan(streamed(told, cut=cut))
    answer = stack.client.post(CHAT, json=STREAMED | {"model": "SMOLLM2:135m"})
    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    assert [one["model"] for one in chunks] == ["SMOLLM2:135m"] * 2
    assert chunks[0]["choices"][0]["delta"]["content"] == sly


def test_so_it_does_in_a_whole_answer(stack: Stack) -> None:
    stack.engine.plan(whole({"model": MODEL, "choices": [{"message": {"content": '{"model":"x"}'}}]}))
    answer = stack.client.post(CHAT, json=ASKED | {"model": "library/smollm2:135m"})
    assert answer.json()["model"] == "library/smollm2:135m"
    assert answer.json()["choices"][0]["message"]["content"] == '{"model":"x"}'


@pytest.mark.parametrize("path", OPENAIS)
def test_the_engines_errors_pass_as_they_are(stack: Stack, path: str) -> None:
    stack.engine.plan(whole(error("no such thing", 422), 422))
    answer = stack.client.post(path, json=PATHS[path])
    assert (answer.status_code, answer.json()) == (422, error("no such thing", 422))


@pytest.mark.parametrize("path", ANTHROPICS)
@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (error("no such thing", 400), 400, "invalid_request_error"),
        ({"type": "error", "error": {"type": "BadRequestError", "message": "no such thing"}}, 400, None),
        (error("no such thing", 429), 429, "rate_limit_error"),
        (error("no such thing", 503), 503, "overloaded_error"),
        (error("no such thing", 500), 500, "api_error"),
        ({"detail": "no such thing"}, 422, "invalid_request_error"),
    ],
)
def test_the_engines_errors_in_anthropics_shape(
    stack: Stack, path: str, body: object, status: int, kind: str | None
) -> None:
    stack.engine.plan(whole(body, status))
    answer = stack.client.post(path, json=PATHS[path])
    expected = {"type": kind or "invalid_request_error", "message": "no such thing"}
    assert (answer.status_code, answer.json()) == (status, {"type": "error", "error": expected})


@pytest.mark.parametrize("path", ANTHROPICS)
def test_what_is_too_long_is_said_so_in_anthropics_words(stack: Stack, path: str) -> None:
    """Claude Code shortens its history when it reads them."""
    words = "This model's maximum context length is 2048 tokens. However, your prompt contains 3000."
    stack.engine.plan(whole(error(words), 400))
    assert message_of(stack.client.post(path, json=PATHS[path])) == f"prompt is too long: {words}"


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        (whole({"detail": "odd"}, 422), 422, "odd"),
        (whole({"detail": [{"loc": ["body", "x"], "msg": "must be odd"}]}, 422), 422, "body.x: must be odd"),
        (whole(error("gone", 503), 503), 503, "gone"),
        (whole(error("The model `x` does not exist.", 404), 404), 503, "is not loaded by the engine"),
        (whole(error("who are you", 401), 401), 502, "status 401: who are you"),
        (whole(b"<html>", 500), 502, "status 500 and nothing that can be read"),
        (whole(b"<html>hello</html>"), 502, "cannot be read"),
        (whole(b'{"choices": ['), 502, "cannot be read"),
        ([head(302, location="http://127.0.0.1:9/", content_length="0")], 502, "status 302"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Close()], 502, "no HTTP answer"),
        ([Close()], 503, "closed the connection"),
        ([STREAM, Close()], 502, "in mid-answer"),
        ([STREAM, LAST_CHUNK], 502, "before the answer was complete"),
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
def test_an_engine_at_fault_before_its_first_word(
    stack: Stack, path: str, script: Script, status: int, said: str
) -> None:
    stack.engine.plan(script)
    answer = stack.client.post(path, json=PATHS[path])
    assert answer.status_code == status
    assert said in message_of(answer)
    assert ("retry-after" in answer.headers) == (status == 503)


def test_faults_on_lines_of_their_own_are_told_in_one(stack: Stack) -> None:
    stack.engine.plan(whole(error("2 validation errors:\n  {'loc': 'a'}\n  {'loc': 'b'}", 400), 400))
    answer = stack.client.post("/v1/messages", json=PATHS["/v1/messages"])
    assert message_of(answer) == "2 validation errors: {'loc': 'a'} {'loc': 'b'}"


@pytest.mark.parametrize("path", PATHS)
def test_a_route_that_the_engine_does_not_have(stack: Stack, path: str) -> None:
    stack.engine.plan(whole(NO_ROUTE, 404))
    answer = stack.client.post(path, json=PATHS[path])
    assert answer.status_code == 400
    assert message_of(answer).startswith(f'"{MODEL}" does not support ')


@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
def test_when_to_try_again_passes(stack: Stack, path: str) -> None:
    body = json.dumps(error("slow down", 429)).encode()
    stack.engine.plan([head(429, retry_after="7", content_length=str(len(body))) + body])
    answer = stack.client.post(path, json=PATHS[path])
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert message_of(answer) == "slow down"


def test_only_harmless_headers_pass(stack: Stack) -> None:
    stack.engine.plan(
        [head(200, x_request_id="abc", set_cookie="a=b", server="vllm", content_length="2") + b"{}"]
    )
    answer = stack.client.post(CHAT, json=ASKED, headers={"authorization": "Bearer secret", "cookie": "a=b"})
    assert answer.headers["x-request-id"] == "abc"
    assert not {"set-cookie", "server"} & answer.headers.keys()
    assert not {"authorization", "cookie"} & stack.engine.wait_for(CHAT).headers.keys()


ENDS: dict[str, list[Step]] = {
    "closes": [Close()],
    "resets": [Reset()],
    "stops in the middle of a line": [chunk(b'data: {"choi'), Close()],
    "stops in the middle of an event": [chunk(b"data: {}\n"), Close()],
    "breaks its chunks": [b"zz\r\n"],
    "ends before it is done": [LAST_CHUNK],
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/v1/messages"])
def test_a_stream_that_breaks_ends_with_an_error_that_clients_know(stack: Stack, path: str, end: str) -> None:
    gate = Gate()
    stack.engine.plan([STREAM, chunk(event(delta(content="one"))), gate, *ENDS[end]])
    with stack.client.stream("POST", path, json=PATHS[path] | {"stream": True}) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == event(delta(content="one"))
        gate.open()
        rest = b"".join(pieces).decode()
    assert "choi" not in rest
    last = rest.strip().rpartition("\n\n")[2]
    data = json.loads(last.rpartition("data: ")[2])
    assert data["error"]["type"] == "api_error"
    assert data["error"]["message"]
    assert (data.get("type") == "error") == last.startswith("event: error") == (path == "/v1/messages")
    assert rest.endswith("\n\n")


def test_responses_that_break_off_end_with_an_event_of_their_own(stack: Stack) -> None:
    gate = Gate()
    stack.engine.plan([STREAM, chunk(b'event: a\ndata: {"type":"a"}\n\n'), gate, Reset()])
    with stack.client.stream("POST", "/v1/responses", json={"model": MODEL, "input": "x"}) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        gate.open()
        last = b"".join(pieces).decode().strip()
    assert last.startswith("event: error\ndata: ")
    data = json.loads(last.partition("data: ")[2])
    assert (data["type"], data["error"]["message"]) == ("error", data["message"])


def test_an_error_of_the_engines_in_mid_stream_passes(stack: Stack) -> None:
    events = [delta(content="one"), error("the engine is dead", 500)]
    stack.engine.plan(streamed(events))
    answer = stack.client.post(CHAT, json=STREAMED)
    assert answer.content == b"".join(map(event, events)) + DONE


def test_a_last_line_need_not_be_closed(stack: Stack) -> None:
    stack.engine.plan([STREAM, chunk(b'data: {"a":1}\n\ndata: [DONE]'), LAST_CHUNK])
    assert stack.client.post(CHAT, json=STREAMED).content == b'data: {"a":1}\n\ndata: [DONE]'


def test_a_very_long_event(stack: Stack) -> None:
    events = [named(delta(content="x" * 10_000_000))]
    stack.engine.plan(streamed(events, cut=65536))
    answer = stack.client.post(CHAT, json=STREAMED | {"model": "SMOLLM2:135M"})
    assert len(answer.content) > 10_000_000
    assert b'"model":"SMOLLM2:135M"' in answer.content


def test_what_it_took_is_counted(stack: Stack) -> None:
    def counted() -> dict[str, float]:
        lines = stack.client.get("/metrics").text.splitlines()
        pairs = (line.rpartition(" ") for line in lines if "tokens_total{" in line and MODEL in line)
        return {name: float(value) for name, _, value in pairs}

    before = counted()
    stack.engine.plan(streamed([delta("stop"), usage(5, 7)]))
    stack.client.post(CHAT, json=STREAMED)
    stack.engine.plan(whole({"content": [], "usage": {"input_tokens": 100, "output_tokens": 1}}))
    stack.client.post("/v1/messages", json=PATHS["/v1/messages"])
    added = sorted(value - before.get(name, 0) for name, value in counted().items())
    assert added == [8, 105]


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        (CHAT, {}, 400, "[] is too short - 'messages'"),
        (CHAT, {"model": MODEL, "messages": []}, 400, "[] is too short - 'messages'"),
        (CHAT, {"model": MODEL, "messages": None}, 400, "[] is too short - 'messages'"),
        (CHAT, ASKED | {"model": ""}, 400, "model is required"),
        (CHAT, ASKED | {"model": None}, 400, "model is required"),
        (CHAT, ASKED | {"model": 5}, 400, "model is required"),
        (CHAT, [], 400, "the request body must be a JSON object"),
        (CHAT, ASKED | {"model": "foo"}, 404, "model 'foo' not found"),
        (CHAT, ASKED | {"model": "../x"}, 400, "invalid model name"),
        (CHAT, ASKED | {"model": "all-minilm:l6-v2"}, 400, '"all-minilm:l6-v2" does not support chat'),
        ("/v1/responses", {"model": "all-minilm:l6-v2"}, 400, '"all-minilm:l6-v2" does not support chat'),
        ("/v1/completions", {}, 400, "model is required"),
        ("/v1/systemone", {"model": MODEL}, 400, "state is required"),
        (
            "/v1/systemone",
            {"model": MODEL, "state": "x", "questions": {}},
            400,
            "questions must be an object with at least one question",
        ),
    ],
)
def test_requests_at_fault_in_openais_shape(
    stack: Stack, path: str, body: object, status: int, message: str
) -> None:
    answer = stack.client.post(path, content=json.dumps(body))
    kinds = {400: "invalid_request_error", 404: "not_found_error"}
    expected: dict[str, Any] = {"message": message, "type": kinds[status], "param": None, "code": None}
    assert (answer.status_code, answer.json()) == (status, {"error": expected})
    assert stack.engine.asked(path) == []


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/v1/messages", b"{", 400, None),
        ("/v1/messages", {}, 400, "model is required"),
        ("/v1/messages", ASKED, 400, "max_tokens is required and must be positive"),
        ("/v1/messages", ASKED | {"max_tokens": 0}, 400, "max_tokens is required and must be positive"),
        ("/v1/messages", ASKED | {"max_tokens": "5"}, 400, "max_tokens is required and must be positive"),
        ("/v1/messages", {"model": MODEL, "max_tokens": 5, "messages": []}, 400, "messages is required"),
        ("/v1/messages", ASKED | {"model": "foo", "max_tokens": 5}, 404, "model 'foo' not found"),
        ("/v1/messages/count_tokens", {"model": MODEL}, 400, "messages is required"),
        ("/v1/messages/nothing", {}, 404, None),
    ],
)
def test_requests_at_fault_in_anthropics_shape(
    stack: Stack, path: str, body: object, status: int, message: str | None
) -> None:
    answer = stack.client.post(path, content=body if isinstance(body, bytes) else json.dumps(body))
    kinds = {400: "invalid_request_error", 404: "not_found_error"}
    told = answer.json()
    assert (answer.status_code, told["type"], told["error"]["type"]) == (status, "error", kinds[status])
    assert message in (None, told["error"]["message"])
    assert stack.engine.asked(path) == []
