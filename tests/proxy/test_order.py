"""Of a request with several faults, which one is told: they are looked for in Ollama's order."""

from typing import Any

import pytest

from tests.proxy.asking import MODEL, Json
from tests.proxy.conftest import CHAT_MANIFEST, Stack, describe

EMBEDS = "all-minilm:l6-v2"
PLAIN = "plain:latest"
FULL = "registry.ollama.ai/library"
USER = {"role": "user", "content": "x"}
TOOL = {"type": "function", "function": {"name": "now", "description": "", "parameters": {}}}
PNG = "iVBORw0KGgo="
RAW = "raw mode does not support template, system, or context"


@pytest.fixture
def plain(stack: Stack) -> Any:  # noqa: ANN401 - a generator of a stack
    """With a model that is known to do nothing but to complete."""
    manifest = {"name": PLAIN, "base": MODEL, "digest": "ef" * 32, "capabilities": ["completion"]}
    path = describe(stack.models, CHAT_MANIFEST | manifest)
    yield stack
    path.unlink()
    path.parent.rmdir()


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"model": "", "top_logprobs": 30}, 400, "top_logprobs must be between 0 and 20"),
        ({"model": "", "keep_alive": "5"}, 400, 'time: missing unit in duration "5"'),
        ({"model": "none", "raw": True, "system": "x", "prompt": "x"}, 404, "model 'none' not found"),
        ({"model": EMBEDS, "keep_alive": 0}, 200, "unload"),
        ({"model": PLAIN, "keep_alive": 0, "raw": True, "system": "x", "think": True}, 200, "unload"),
        ({"model": PLAIN, "raw": True, "system": "x"}, 400, RAW),
        ({"model": EMBEDS, "raw": True, "context": [1], "prompt": "x", "think": True}, 400, RAW),
        ({"model": EMBEDS, "think": True, "prompt": "x"}, 400, f'"{EMBEDS}" does not support thinking'),
        ({"model": EMBEDS}, 400, f'"{EMBEDS}" does not support generate'),
        ({"model": EMBEDS, "suffix": "x"}, 400, f'"{EMBEDS}" does not support generate'),
        ({"model": PLAIN, "suffix": "x"}, 400, f"{FULL}/plain:latest does not support insert"),
        (
            {"model": PLAIN, "suffix": "x", "prompt": "x", "raw": True},
            400,
            f"{FULL}/plain:latest does not support insert",
        ),
        ({"model": PLAIN, "think": True, "suffix": "x"}, 400, f'"{PLAIN}" does not support thinking'),
        ({"model": PLAIN, "images": [PNG], "template": "{{"}, 200, "load"),
        (
            {"model": PLAIN, "images": [PNG], "template": "{{", "prompt": "x"},
            400,
            f"{FULL}/plain:latest does not support images",
        ),
        ({"model": PLAIN, "options": {"top_k": "x"}}, 400, 'option "top_k" must be of type integer'),
        ({"model": PLAIN, "think": False, "options": {"top_k": None}}, 200, "load"),
    ],
)
def test_of_a_generation(plain: Stack, body: Json, status: int, told: str) -> None:
    answer = plain.client.post("/api/generate", json=body)
    got = answer.json()
    assert (answer.status_code, got.get("error", got.get("done_reason"))) == (status, told)


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"top_logprobs": -1}, 400, "top_logprobs must be between 0 and 20"),
        ({}, 400, "model is required"),
        ({"model": "none", "tools": [TOOL]}, 404, "model 'none' not found"),
        ({"model": EMBEDS, "keep_alive": 0, "tools": [TOOL], "think": True}, 200, "unload"),
        ({"model": PLAIN, "think": True, "tools": [TOOL]}, 400, f'"{PLAIN}" does not support thinking'),
        ({"model": EMBEDS, "tools": [TOOL]}, 400, f'"{EMBEDS}" does not support chat'),
        ({"model": PLAIN, "tools": [TOOL]}, 400, f"{FULL}/plain:latest does not support tools"),
        ({"model": PLAIN, "tools": []}, 200, "load"),
        (
            {"model": PLAIN, "tools": [TOOL], "messages": [USER | {"images": [PNG]}]},
            400,
            f"{FULL}/plain:latest does not support tools",
        ),
        (
            {"model": PLAIN, "messages": [USER | {"images": [PNG]}], "options": {"top_k": "x"}},
            400,
            f"{FULL}/plain:latest does not support images",
        ),
    ],
)
def test_of_a_chat(plain: Stack, body: Json, status: int, told: str) -> None:
    answer = plain.client.post("/api/chat", json=body)
    got = answer.json()
    assert (answer.status_code, got.get("error", got.get("done_reason"))) == (status, told)


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_what_only_loads_is_one_object_also_in_a_stream(plain: Stack, path: str) -> None:
    answer = plain.client.post(path, json={"model": PLAIN, "stream": True})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    told = answer.json()
    assert told.keys() - {"model", "created_at"} == {
        "message" if path == "/api/chat" else "response",
        "done",
        "done_reason",
    }
