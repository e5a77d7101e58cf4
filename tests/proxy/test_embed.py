"""Embeddings: what the server is asked, and vectors as clients expect them."""

import math
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.fake_embeddings import DIMENSIONS, FakeEmbeddings, FakePooling, FakeStranger, pack, vector
from tests.fakes.fake_server import Gate, Step, head, whole
from tests.proxy.conftest import (
    EMBEDDING_MANIFEST,
    NOBODY,
    Stack,
    StartProxy,
    describe,
    raw_post,
    settings_for,
)

PATH = "/v1/embeddings"
MODEL = "all-minilm:l6-v2"


def embed(stack: Stack, **asked: object) -> Any:  # noqa: ANN401 - JSON
    answer = stack.client.post("/api/embed", json={"model": MODEL} | asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def normal(values: list[float]) -> list[float]:
    return [value / math.hypot(*values) for value in values]


def answered(vectors: Sequence[str | list[float | None]]) -> list[Step]:
    data = [{"embedding": values, "index": index} for index, values in enumerate(vectors)]
    return whole({"data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}})


def test_one_text_is_a_list_of_one_vector(stack: Stack) -> None:
    told = embed(stack, input="hello there")
    assert told["model"] == MODEL
    assert told["embeddings"] == [pytest.approx(normal(vector("hello there")))]
    assert told["prompt_eval_count"] == 4
    assert told["total_duration"] >= told["load_duration"] > 0


def test_many_texts_keep_their_order_beyond_one_batch(stack: Stack) -> None:
    texts = [f"text {number}" for number in range(1500)]
    told = embed(stack, input=texts)
    assert [pytest.approx(normal(vector(text))) for text in texts] == told["embeddings"]
    asked = [len(request.json()["input"]) for request in stack.embeddings.asked(PATH)]
    assert (max(asked), sum(asked)) == (64, 1500)
    assert told["prompt_eval_count"] == 6000


def test_a_server_that_answers_out_of_order(stack: Stack) -> None:
    data = [{"embedding": [0.0, 2.0], "index": 1}, {"embedding": [2.0, 0.0], "index": 0}]
    stack.embeddings.plan(whole({"data": data}))
    assert embed(stack, input=["a", "b"])["embeddings"] == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("dimensions", [1, 3, DIMENSIONS, DIMENSIONS + 1, 0, -1])
def test_a_cut_vector_is_of_length_one_again(stack: Stack, dimensions: int) -> None:
    (found,) = embed(stack, input="hello", dimensions=dimensions)["embeddings"]
    kept = dimensions if 0 < dimensions < DIMENSIONS else DIMENSIONS
    assert found == pytest.approx(normal(vector("hello")[:kept]))
    assert "dimensions" not in stack.embeddings.wait_for(PATH).json()


@pytest.mark.parametrize("asked", [{}, {"input": ""}, {"input": None}, {"input": []}])
def test_no_text_no_vector(stack: Stack, asked: dict[str, Any]) -> None:
    told = embed(stack, **asked)
    assert told["embeddings"] == []
    assert "prompt_eval_count" not in told
    assert stack.embeddings.asked(PATH) == []


def test_an_empty_text_in_a_list_is_a_text(stack: Stack) -> None:
    assert len(embed(stack, input=[""])["embeddings"]) == 1


def test_a_vector_of_nothing_stays(stack: Stack) -> None:
    stack.embeddings.plan(answered([[0.0, 0.0]]))
    assert embed(stack, input="x")["embeddings"] == [[0.0, 0.0]]


def test_too_long_is_cut_unless_forbidden(stack: Stack) -> None:
    long = "word " * 40_000
    assert len(embed(stack, input=long)["embeddings"]) == 1
    assert len(stack.embeddings.wait_for(PATH).json()["input"][0]) <= 8192 * 15
    stack.embeddings.reset()
    answer = stack.client.post("/api/embed", json={"model": MODEL, "input": ["a", long], "truncate": False})
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "the input length exceeds the context length"},
    )
    assert len(embed(stack, input=["a", "b"], truncate=False)["embeddings"]) == 2


def test_the_older_route_has_one_vector_and_nothing_else(stack: Stack) -> None:
    answer = stack.client.post("/api/embeddings", json={"model": MODEL, "prompt": "hello"})
    assert answer.json() == {"embedding": pytest.approx(vector("hello"))}
    empty = stack.client.post("/api/embeddings", json={"model": MODEL, "prompt": ""})
    assert empty.json() == {"embedding": []}


@pytest.mark.parametrize(
    ("path", "asked", "status", "message"),
    [
        ("/api/embed", {}, 404, "model '' not found"),
        ("/api/embed", {"model": "foo"}, 404, 'model "foo" not found, try pulling it first'),
        ("/api/embed", {"model": "../x"}, 400, "invalid model name"),
        ("/api/embed", {"model": MODEL, "input": [1]}, 400, "invalid input type"),
        ("/api/embed", {"model": MODEL, "input": {"a": 1}}, 400, "invalid input type"),
        ("/api/embed", {"model": MODEL, "input": ["a", None]}, 400, "invalid input type"),
        (
            "/api/embed",
            {"model": "smollm2:135m", "input": "x"},
            400,
            '"smollm2:135m" does not support embeddings',
        ),
        ("/api/embeddings", {}, 400, "model is required"),
        ("/api/embeddings", {"model": "foo"}, 404, 'model "foo" not found, try pulling it first'),
    ],
)
def test_requests_at_fault(stack: Stack, path: str, asked: dict[str, Any], status: int, message: str) -> None:
    answer = stack.client.post(path, json=asked)
    assert (answer.status_code, answer.json()) == (status, {"error": message})
    assert stack.embeddings.asked(PATH) == []


@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        (answered([[1.0, None]]), 400, "embedding contains NaN or Inf values"),
        (answered([pack([1.0, math.nan])]), 400, "embedding contains NaN or Inf values"),
        (answered([pack([1.0, -math.inf])]), 400, "embedding contains NaN or Inf values"),
        (answered(["AAAA"]), 502, "the embeddings server sent an answer that cannot be read"),
        (answered(["what?"]), 502, "the embeddings server sent an answer that cannot be read"),
        (
            whole(b'{"data": [{"embedding": [NaN], "index": 0}]}'),
            502,
            "the embeddings server sent an answer that cannot be read",
        ),
        (whole(b"[]"), 502, "the embeddings server sent an answer that cannot be read"),
        (
            answered([[1.0], [2.0]]),
            502,
            "the embeddings server sent another number of embeddings than were asked for",
        ),
        (
            whole({"error": {"message": "overloaded", "code": 429}}, 429),
            503,
            "server busy, please try again.  maximum pending requests exceeded",
        ),
        (
            [head(500, content_length="0")],
            502,
            "the engine answered with status 500 and nothing that can be read",
        ),
    ],
)
def test_a_server_at_fault(stack: Stack, script: list[Step], status: int, message: str) -> None:
    stack.embeddings.plan(script)
    answer = stack.client.post("/api/embed", json={"model": MODEL, "input": "x"})
    assert (answer.status_code, answer.json()) == (status, {"error": message})


@pytest.mark.parametrize("kind", [FakeEmbeddings, FakePooling, FakeStranger])
def test_whoever_embeds_the_answers_are_the_same(
    start_proxy: StartProxy, tmp_path: Path, kind: type[FakeEmbeddings]
) -> None:
    describe(tmp_path, EMBEDDING_MANIFEST)
    with kind() as server:
        client = start_proxy(settings_for(tmp_path, NOBODY, server.url)).client
        texts = ["short", "word " * 300]
        told = client.post("/api/embed", json={"model": MODEL, "input": texts, "dimensions": 3}).json()
        assert told["embeddings"] == [pytest.approx(normal(vector(text)[:3])) for text in texts]
        assert client.post("/api/embeddings", json={"model": MODEL, "prompt": texts[1]}).status_code == 200


def test_a_server_that_refuses_what_is_too_long_is_understood(
    start_proxy: StartProxy, tmp_path: Path
) -> None:
    with FakePooling() as server:
        client = start_proxy(settings_for(tmp_path, NOBODY, server.url)).client
        asked = {"model": MODEL, "input": "word " * 300, "truncate": False}
        answer = client.post("/api/embed", json=asked)
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "the input length exceeds the context length",
    )


TWO_QUESTIONS = {"model": MODEL, "input": [f"text {number}" for number in range(100)]}


def test_a_client_that_leaves_ends_all_questions(stack: Stack) -> None:
    gates = [Gate(), Gate()]
    for gate in gates:
        stack.embeddings.plan([gate])
    with closing(raw_post(stack.proxy.port, "/api/embed", TWO_QUESTIONS)):
        for gate in gates:
            gate.wait_until_reached()
    assert all(request.gone.wait(1) for request in stack.embeddings.asked(PATH))


def test_the_first_refusal_ends_the_other_questions(stack: Stack) -> None:
    gate = Gate()
    stack.embeddings.plan([gate])
    stack.embeddings.plan(whole({"error": {"message": "no room", "code": 400}}, 400))
    answer = stack.client.post("/api/embed", json=TWO_QUESTIONS)
    assert (answer.status_code, answer.json()) == (400, {"error": "no room"})
    gate.wait_until_reached()
    assert stack.embeddings.asked(PATH)[0].gone.wait(1)
