"""Texts as tokens, and back."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.fake_engine import FakeEngine, error
from tests.fakes.fake_server import Received, Script, Step, whole
from tests.proxy.conftest import NOBODY, RunningProxy, Stack, settings_for

MODEL = "smollm2:135m"
HI = {"role": "user", "content": "hi"}


class Tokenizer(FakeEngine):
    """As vLLM does it, with one token for each letter, and 1 before a text where that is asked for."""

    def answer(self, request: Received) -> Script:
        if request.path == "/tokenize":
            asked = request.json()
            text = asked["prompt"] if "prompt" in asked else "".join(m["content"] for m in asked["messages"])
            tokens = [1] * bool(asked.get("add_special_tokens")) + [ord(letter) for letter in text]
            return whole({"count": len(tokens), "max_model_len": 2048, "tokens": tokens, "token_strs": None})
        if request.path == "/detokenize":
            return whole({"prompt": "".join(map(chr, request.json()["tokens"]))})
        return super().answer(request)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    models: Path = tmp_path_factory.mktemp("models")
    with Tokenizer() as engine:
        proxy = RunningProxy(settings_for(models, engine.url, NOBODY))
        yield proxy
        proxy.stop()


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        ({"content": "hi"}, [104, 105]),
        ({"prompt": "hi"}, [104, 105]),
        ({"content": "hi", "prompt": "no"}, [104, 105]),
        ({"content": "hi", "add_special_tokens": True}, [1, 104, 105]),
        ({"Content": "hi", "keep_alive": "5m", "options": {}, "unknown": 1}, [104, 105]),
        ({"content": ""}, []),
        ({"content": "é🦙"}, [233, 129433]),
        ({"messages": [HI]}, [104, 105]),
        ({"messages": [HI, {"role": "assistant", "content": "x"}], "content": "no"}, [104, 105, 120]),
    ],
)
def test_tokenize(proxy: RunningProxy, asked: dict[str, Any], tokens: list[int]) -> None:
    answer = proxy.client.post("/api/tokenize", json={"model": MODEL, **asked})
    assert (answer.status_code, answer.json()) == (200, {"model": MODEL, "tokens": tokens})


@pytest.mark.parametrize(("tokens", "text"), [([104, 105], "hi"), ([], ""), (None, ""), ([104.0], "h")])
def test_detokenize(proxy: RunningProxy, tokens: list[int], text: str) -> None:
    answer = proxy.client.post("/api/detokenize", json={"model": MODEL, "tokens": tokens})
    assert (answer.status_code, answer.json()) == (200, {"model": MODEL, "content": text})


@pytest.mark.parametrize(
    ("path", "asked", "status", "message"),
    [
        ("/api/tokenize", {"content": "x"}, 400, "model is required"),
        ("/api/tokenize", {"model": "foo", "content": "x"}, 404, "model 'foo' not found"),
        ("/api/tokenize", {"model": MODEL}, 400, "content is required"),
        ("/api/tokenize", {"model": MODEL, "content": None}, 400, "content is required"),
        ("/api/tokenize", {"model": MODEL, "content": 5}, 400, None),
        ("/api/tokenize", {"model": MODEL, "messages": "x"}, 400, None),
        ("/api/detokenize", {"tokens": [1]}, 400, "model is required"),
        ("/api/detokenize", {"model": MODEL, "tokens": ["a"]}, 400, None),
        ("/api/detokenize", {"model": MODEL, "tokens": "a"}, 400, None),
        (
            "/api/detokenize",
            {"model": MODEL, "tokens": [-1]},
            400,
            "tokens must be numbers of the model's vocabulary",
        ),
        (
            "/api/detokenize",
            {"model": MODEL, "tokens": [2**31]},
            400,
            "tokens must be numbers of the model's vocabulary",
        ),
    ],
)
def test_requests_at_fault(
    stack: Stack, path: str, asked: dict[str, Any], status: int, message: str | None
) -> None:
    answer = stack.client.post(path, json=asked)
    assert answer.status_code == status
    assert message in (None, answer.json()["error"])
    assert stack.engine.received == []


@pytest.mark.parametrize("path", ["/api/tokenize", "/api/detokenize"])
@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        (
            whole({"detail": "Not Found"}, 404),
            400,
            f'"{MODEL}" does not support tokenizing: its engine does not tell its tokens',
        ),
        (whole(b"<html>"), 502, None),
        (whole(error("no such token", 400), 400), 400, "no such token"),
    ],
)
def test_an_engine_that_does_not_tell(
    stack: Stack, path: str, script: Sequence[Step], status: int, message: str | None
) -> None:
    stack.engine.plan(script)
    answer = stack.client.post(path, json={"model": MODEL, "content": "x", "tokens": [1]})
    assert answer.status_code == status
    assert message in (None, answer.json()["error"])
