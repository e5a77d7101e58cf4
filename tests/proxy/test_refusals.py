"""Chats and generations that come to nothing: by the client's fault, or because the engine says no."""

import pytest

from tests.fakes.fake_engine import error, said, streamed
from tests.fakes.fake_server import whole
from tests.proxy.asking import CHAT, MODEL, Json, chat, records
from tests.proxy.conftest import Stack


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/api/chat", {}, 400, "model is required"),
        ("/api/chat", {"model": "foo", "messages": [{}]}, 404, "model 'foo' not found"),
        ("/api/chat", {"model": "a b"}, 400, "invalid model name"),
        ("/api/generate", {"prompt": "x"}, 404, "model '' not found"),
        ("/api/generate", {"model": "foo"}, 404, "model 'foo' not found"),
        ("/api/generate", {"model": "../x", "prompt": "x"}, 400, "invalid model name"),
        (
            "/api/generate",
            {"model": MODEL, "prompt": "x", "raw": True, "system": "y"},
            400,
            "raw mode does not support template, system, or context",
        ),
        (
            "/api/generate",
            {"model": MODEL, "prompt": "x", "suffix": "y"},
            400,
            "registry.ollama.ai/library/smollm2:135m does not support insert",
        ),
        (
            "/api/chat",
            {"model": "all-minilm:l6-v2", "messages": [{"role": "user"}]},
            400,
            '"all-minilm:l6-v2" does not support chat',
        ),
        (
            "/api/generate",
            {"model": "all-minilm:l6-v2", "prompt": "x"},
            400,
            '"all-minilm:l6-v2" does not support generate',
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{}], "top_logprobs": 21},
            400,
            "top_logprobs must be between 0 and 20",
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{}], "options": {"num_ctx": "8k"}},
            400,
            'option "num_ctx" must be of type integer',
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{}], "options": {"stop": "x"}},
            400,
            'option "stop" must be of type array',
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{}], "format": "xml"},
            400,
            'invalid format: "xml"; expected "json" or a valid JSON Schema object',
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{}], "think": "hard"},
            400,
            'invalid think value: "hard" (must be "high", "medium", "low", "max", true, or false)',
        ),
        ("/api/chat", {"model": MODEL, "keep_alive": "5"}, 400, 'time: missing unit in duration "5"'),
        ("/api/chat", {"model": MODEL, "keep_alive": True}, 400, "Unsupported type: 'bool'"),
        (
            "/api/chat",
            {"model": MODEL, "messages": "x"},
            400,
            "json: cannot unmarshal string into Go struct field ChatRequest.messages of type []api.Message",
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{"content": 5}]},
            400,
            "json: cannot unmarshal number into Go struct field ChatRequest.messages.content of type string",
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{"images": ["%%%"]}]},
            400,
            "illegal base64 data at input byte 0",
        ),
    ],
)
def test_requests_at_fault(stack: Stack, path: str, body: Json, status: int, message: str) -> None:
    answer = stack.client.post(path, json=body)
    assert (answer.status_code, answer.json()) == (status, {"error": message})
    assert answer.headers["content-type"].startswith("application/json")
    assert stack.engine.asked(CHAT) == []


@pytest.mark.parametrize(
    ("status", "engine_says", "expected"),
    [
        (
            400,
            "This model's maximum context length is 2048 tokens. However, your prompt contains 3000 tokens.",
            (400, "the input length exceeds the context length"),
        ),
        (
            400,
            '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
            (400, "registry.ollama.ai/library/smollm2:135m does not support tools"),
        ),
        (
            400,
            "smollm2:135m is not a multimodal model",
            (400, "registry.ollama.ai/library/smollm2:135m does not support images"),
        ),
        (
            400,
            "At most 0 image(s) may be provided in one prompt.",
            (400, "registry.ollama.ai/library/smollm2:135m does not support images"),
        ),
        (
            400,
            "At most 0 audio(s) may be provided in one prompt.",
            (400, "registry.ollama.ai/library/smollm2:135m does not support audio"),
        ),
        (
            500,
            "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
            (400, "registry.ollama.ai/library/smollm2:135m does not support images"),
        ),
        (
            400,
            "the request exceeds the available context size, try increasing it",
            (400, "the input length exceeds the context length"),
        ),
        (
            400,
            "The provided JSON schema contains features not supported by xgrammar.",
            (400, "The provided JSON schema contains features not supported by xgrammar."),
        ),
        (400, "bad grammar", (400, "bad grammar")),
        (404, "The model `x` does not exist.", (503, "model 'smollm2:135m' is not loaded by the engine")),
        (429, "too many", (503, "server busy, please try again.  maximum pending requests exceeded")),
        (500, "it broke", (500, "it broke")),
        (503, "Loading model", (503, "Loading model")),
        (401, "who are you", (502, "the engine answered with status 401: who are you")),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_what_the_engine_refuses(
    stack: Stack, status: int, engine_says: str, expected: tuple[int, str], stream: bool
) -> None:
    stack.engine.plan(whole(error(engine_says, status), status))
    answer = chat(stack, stream=stream)
    assert (answer.status_code, answer.json()["error"]) == expected


def test_an_error_before_the_first_piece_still_has_a_status(stack: Stack) -> None:
    stack.engine.plan(streamed([error("the engine is dead", 500)]))
    answer = chat(stack)
    assert (answer.status_code, answer.json()) == (500, {"error": "the engine is dead"})


def test_an_error_in_the_middle_is_the_last_record(stack: Stack) -> None:
    stack.engine.plan(streamed([*said(["one "])[:2], error("the engine is dead", 500)]))
    first, last = records(chat(stack))
    assert first["message"]["content"] == "one "
    assert last == {"error": "the engine is dead"}
    stack.engine.plan(streamed([*said(["one "])[:2], error("the engine is dead", 500)]))
    assert chat(stack, stream=False).status_code == 500
