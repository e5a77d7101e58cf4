"""`--embeddings`: vLLM in Infinity's place, and a server that is not the stack's; the chat engine goes on."""

import math

import httpx
import pytest

from builder.engine import Engine
from tests.fakes.fake_embeddings import DIMENSIONS, FakeStranger
from tests.stack.conftest import Stack, containers, driver

pytestmark = pytest.mark.stack

TEXTS = [
    "A cat sits on the mat.",
    "Interest rates rose sharply.",
    "word " * 2000,
    "",
    "Übermäßig große Häuser",
]
FLOAT_NOISE = 1e-5


@pytest.fixture(scope="module")
def infinitys(stack: Stack, embedding_model: str) -> list[list[float]]:
    up(stack, "infinity")
    return vectors(stack, embedding_model)


def up(stack: Stack, embeddings: str) -> str:
    return driver("up", "--target", "cpu", "--port", str(stack.port), "--embeddings", embeddings).stdout


def vectors(stack: Stack, model: str) -> list[list[float]]:
    return [list(vector) for vector in stack.client.embed(model, TEXTS).embeddings]


def services(engine: Engine) -> dict[str, str]:
    return {name: str(facts["Config"]["Image"]) for name, facts in containers(engine).items()}  # type: ignore[index]


def test_vllms_vectors_are_infinitys(
    stack: Stack, engine: Engine, embedding_model: str, infinitys: list[list[float]]
) -> None:
    up(stack, "vllm")
    images = services(engine)
    assert images["embeddings"] == images["vllm"]
    for ours, theirs in zip(vectors(stack, embedding_model), infinitys, strict=True):
        assert math.dist(ours, theirs) < FLOAT_NOISE
    refused = httpx.post(
        f"{stack.url}/api/embed",
        json={"model": embedding_model, "input": TEXTS[2], "truncate": False},
        timeout=60,
    )
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "the input length exceeds the context length",
    )


def test_vllm_ranks_documents(stack: Stack, embedding_model: str) -> None:
    asked = {"model": embedding_model, "query": "A cat", "documents": ["Interest rates", "A kitten"]}
    ranked = httpx.post(f"{stack.url}/v1/rerank", json=asked, timeout=60).json()["results"]
    assert [result["index"] for result in ranked] == [1, 0]


def test_a_server_of_ones_own_takes_the_place_of_a_container(
    stack: Stack, engine: Engine, embedding_model: str, chat_model: str
) -> None:
    gateway = engine.sdk.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    with FakeStranger(gateway) as server:
        printed = up(stack, f"http://host.docker.internal:{server.port}/v1")
        assert set(services(engine)) == {"proxy", "vllm"}
        [vector] = stack.client.embed(embedding_model, "hello").embeddings
        assert len(vector) == DIMENSIONS
        assert server.wait_for("/v1/embeddings").json()["input"] == ["hello"]
    assert "/api/embed" not in printed
    absent = httpx.post(f"{stack.url}/api/embed", json={"model": embedding_model, "input": "x"}, timeout=60)
    assert absent.status_code == 503
    assert stack.client.generate(chat_model, "Count.", options={"num_predict": 2}).done
