"""Documents in the order in which they answer a question."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.fakes.fake_engine import error
from tests.fakes.fake_server import Step, head, whole
from tests.proxy.conftest import Stack

PATH = "/v1/rerank"
MODEL = "all-minilm:l6-v2"
DOCUMENTS = ["xyz", "abc", "abx"]
ASKED: dict[str, Any] = {"model": MODEL, "query": "abc", "documents": DOCUMENTS}
BEST = [(1, 1.0), (2, pytest.approx(2 / 3)), (0, 0.0)]
OPENAIS = [PATH, "/rerank", "/v2/rerank"]


def scores(told: dict[str, Any]) -> list[tuple[int, float]]:
    return [(one["index"], one["relevance_score"]) for one in told["results"]]


def test_on_ollamas_side(stack: Stack) -> None:
    told = stack.client.post("/api/rerank", json=ASKED).json()
    assert told.keys() == {"model", "results", "total_duration", "prompt_eval_count"}
    assert (told["model"], scores(told), told["prompt_eval_count"]) == (MODEL, BEST, 4)
    assert all(one.keys() == {"index", "relevance_score"} for one in told["results"])
    told = stack.client.post("/api/rerank", json=ASKED | {"return_documents": True}).json()
    assert [one["document"] for one in told["results"]] == ["abc", "abx", "xyz"]


@pytest.mark.parametrize("path", OPENAIS)
def test_on_the_others(stack: Stack, path: str) -> None:
    told = stack.client.post(path, json=ASKED | {"return_documents": True, "top_n": 2}).json()
    assert scores(told) == BEST[:2]
    assert [one["document"] for one in told["results"]] == [{"text": "abc"}, {"text": "abx"}]
    assert told["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert stack.embeddings.wait_for(PATH).json() == ASKED
    assert stack.engine.received == []


@pytest.mark.parametrize(("top_n", "count"), [(None, 3), (0, 3), (-1, 3), (1, 1), (2.0, 2), (9, 3)])
def test_only_the_best(stack: Stack, top_n: object, count: int) -> None:
    assert scores(stack.client.post("/api/rerank", json=ASKED | {"top_n": top_n}).json()) == BEST[:count]


def test_documents_that_are_objects(stack: Stack) -> None:
    documents = [{"text": text, "title": "x"} for text in DOCUMENTS]
    assert scores(stack.client.post(PATH, json=ASKED | {"documents": documents}).json()) == BEST


def test_more_than_one_question_takes(stack: Stack) -> None:
    documents = [f"document {number}" for number in range(700)] + ["q" * 5]
    told = stack.client.post("/api/rerank", json=ASKED | {"query": "q", "documents": documents}).json()
    assert len(told["results"]) == 701
    assert told["results"][0] == {"index": 700, "relevance_score": 1.0}
    asked = [len(request.json()["documents"]) for request in stack.embeddings.asked(PATH)]
    assert sum(asked) == 701
    assert max(asked) <= 256


UNABLE = f'"{MODEL}" does not support reranking'


@pytest.mark.parametrize("path", ["/api/rerank", PATH])
@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        (whole({"detail": "Not Found"}, 404), 400, UNABLE),
        (
            whole(
                error("ModelNotDeployedError: model=`x` does not support `rerank`. Reason: it embeds"), 400
            ),
            400,
            UNABLE,
        ),
        (whole(error("The model does not support Score/Rerank API"), 400), 400, UNABLE),
        (whole(error("too long"), 400), 400, "too long"),
        (whole({"results": [{"index": 0}]}), 502, None),
        (whole({"results": [{"index": 0, "relevance_score": 1.0}]}), 502, None),
        (whole(b"<html>"), 502, None),
        ([head(500, content_length="0")], 502, None),
    ],
)
def test_a_server_that_ranks_nothing(
    stack: Stack, path: str, script: Sequence[Step], status: int, message: str | None
) -> None:
    stack.embeddings.plan(script)
    answer = stack.client.post(path, json=ASKED)
    told = answer.json()["error"]
    assert answer.status_code == status
    assert message in (None, told if path.startswith("/api") else told["message"])


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        ({"model": None}, 400, "model is required"),
        ({"model": "foo"}, 404, "model 'foo' not found"),
        ({"model": "smollm2:135m"}, 400, '"smollm2:135m" does not support reranking'),
        ({"query": " "}, 400, "query is required"),
        ({"query": None}, 400, "query is required"),
        ({"documents": []}, 400, "documents is required"),
        ({"documents": None}, 400, "documents is required"),
        ({"documents": ["a", None]}, 400, "documents must be texts, or objects with a text"),
        ({"documents": [{"title": "x"}]}, 400, "documents must be texts, or objects with a text"),
        ({"documents": "abc"}, 400, None),
        ({"query": 5}, 400, None),
        ({"top_n": "2"}, 400, None),
        ({"keep_alive": "5"}, 400, 'time: missing unit in duration "5"'),
    ],
)
def test_requests_at_fault(stack: Stack, more: dict[str, Any], status: int, message: str | None) -> None:
    answer = stack.client.post("/api/rerank", json=ASKED | more)
    assert answer.status_code == status
    assert message in (None, answer.json()["error"])
    assert stack.client.post(PATH, json=ASKED | more).json()["error"]["message"]
    assert stack.embeddings.asked(PATH) == []
