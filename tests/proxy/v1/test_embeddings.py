"""Embeddings as OpenAI's clients ask for them."""

import base64
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.fake_embeddings import DIMENSIONS, FakePooling, vector
from tests.proxy.conftest import EMBEDDING_MANIFEST, NOBODY, RunningProxy, Stack, describe, settings_for

PATH = "/v1/embeddings"
MODEL = "all-minilm:l6-v2"


def ask(stack: Stack, **asked: object) -> httpx.Response:
    return stack.client.post(PATH, json={"model": MODEL} | asked)


def embed(stack: Stack, **asked: object) -> list[list[float]]:
    answer = ask(stack, **asked)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [one["index"] for one in told["data"]] == list(range(len(told["data"])))
    return [one["embedding"] for one in told["data"]]


def normal(values: list[float]) -> list[float]:
    return [value / math.hypot(*values) for value in values]


def test_the_shape_of_the_answer(stack: Stack) -> None:
    told = ask(stack, input="hello there", model="ALL-minilm:l6-v2").json()
    assert told == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": pytest.approx(normal(vector("hello there")))}
        ],
        "model": "ALL-minilm:l6-v2",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }


@pytest.mark.parametrize("texts", [["a"], ["a", "b", ""], [f"text {number}" for number in range(1000)]])
def test_texts_keep_their_order(stack: Stack, texts: list[str]) -> None:
    assert embed(stack, input=texts) == [pytest.approx(normal(vector(text))) for text in texts]


def test_an_empty_text_is_a_text(stack: Stack) -> None:
    assert embed(stack, input="") == [pytest.approx(normal(vector("")))]


@pytest.mark.parametrize("dimensions", [1, 3, DIMENSIONS, DIMENSIONS + 1, None])
def test_fewer_dimensions(stack: Stack, dimensions: int | None) -> None:
    (found,) = embed(stack, input="hello", dimensions=dimensions)
    assert found == pytest.approx(normal(vector("hello")[:dimensions]))
    assert "dimensions" not in stack.embeddings.wait_for(PATH).json()


@pytest.mark.parametrize("encoding", ["base64", "BASE64"])
def test_packed(stack: Stack, encoding: str) -> None:
    answer = ask(stack, input=["a", "b"], encoding_format=encoding, dimensions=4)
    for one, text in zip(answer.json()["data"], ["a", "b"], strict=True):
        numbers = struct.unpack("<4f", base64.b64decode(one["embedding"], validate=True))
        assert list(numbers) == pytest.approx(normal(vector(text)[:4]), rel=1e-6)


def test_gos_way_with_json(stack: Stack) -> None:
    body = b'{"Model": "all-minilm:l6-v2", "INPUT": "x", "dimensions": 2.0, "encoding_format": null} x'
    assert len(stack.client.post(PATH, content=body).json()["data"][0]["embedding"]) == 2


def test_what_a_client_may_not_ask_the_server_for_does_not_go_on(stack: Stack) -> None:
    embed(stack, input=["http://10.0.0.1/x.png"], modality="image", priority=-1, vllm_xargs={"a": 1})
    assert stack.embeddings.wait_for(PATH).json().keys() == {"model", "input", "encoding_format"}


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        ({}, 400, "invalid input"),
        ({"input": None}, 400, "invalid input"),
        ({"input": []}, 400, "invalid input"),
        ({"input": [None]}, 400, "invalid input type"),
        ({"input": {"a": 1}}, 400, "invalid input type"),
        ({"input": 5}, 400, "invalid input type"),
        ({"input": ["a", 1]}, 400, "invalid input type"),
        ({"input": [[]]}, 400, "invalid input type"),
        ({"input": [-1]}, 400, "invalid input type"),
        ({"input": [True]}, 400, "invalid input type"),
        ({"input": "x", "model": ""}, 404, "model '' not found"),
        ({"input": "x", "model": "foo"}, 404, 'model "foo" not found, try pulling it first'),
        ({"input": "x", "model": "smollm2:135m"}, 400, '"smollm2:135m" does not support embeddings'),
        (
            {"input": "x", "encoding_format": "int8"},
            400,
            "Invalid value for 'encoding_format' = int8. Supported values: ['float', 'base64'].",
        ),
        (
            {"input": [1, 2]},
            400,
            f'"{MODEL}" takes texts and no tokens: its server makes tokens by itself',
        ),
        ({"input": "x", "dimensions": "5"}, 400, None),
        ({"input": "x", "model": 5}, 400, None),
        ({"input": "x", "encoding_format": 5}, 400, None),
    ],
)
def test_requests_at_fault(stack: Stack, asked: dict[str, Any], status: int, message: str | None) -> None:
    answer = ask(stack, **asked)
    assert answer.status_code == status
    assert message in (None, answer.json()["error"]["message"])
    assert stack.embeddings.asked(PATH) == []


@pytest.fixture(scope="module")
def pooling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningProxy, FakePooling]]:
    models: Path = tmp_path_factory.mktemp("models")
    describe(models, EMBEDDING_MANIFEST)
    with FakePooling() as server:
        proxy = RunningProxy(settings_for(models, NOBODY, server.url))
        yield proxy, server
        proxy.stop()


@pytest.mark.parametrize(("tokens", "sent"), [([5, 6], [[5, 6]]), ([[5, 6], [7]], [[5, 6], [7]])])
def test_tokens_go_to_a_server_that_takes_them(
    pooling: tuple[RunningProxy, FakePooling], tokens: list[Any], sent: list[list[int]]
) -> None:
    proxy, server = pooling
    answer = proxy.client.post(PATH, json={"model": MODEL, "input": tokens})
    assert len(answer.json()["data"]) == len(sent)
    assert server.wait_for(PATH).json()["input"] == sent


@pytest.mark.parametrize("words", [16, 17])
def test_what_is_too_long_is_cut_unless_forbidden(
    pooling: tuple[RunningProxy, FakePooling], words: int
) -> None:
    asked = {"model": MODEL, "input": "word " * words}
    assert pooling[0].client.post(PATH, json=asked).status_code == 200
    answer = pooling[0].client.post(PATH, json=asked | {"truncate": False})
    assert answer.status_code == (200 if words == 16 else 400)
