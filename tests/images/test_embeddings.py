"""Infinity served from its image, as an unknown user on a read-only root."""

import base64
import math
import struct
from typing import Any

import pytest

from tests.images.conftest import ANY_USER, Serve, Served, exit_code, log_of, stop_seconds

pytestmark = pytest.mark.engine

PORT = 7997
NAME = "all-minilm:l6-v2"
ARGUMENTS = ("--model-id=/models/all-minilm-l6-v2", f"--served-model-name={NAME}")
EXIT_REFUSED = 78


@pytest.fixture(scope="module")
def infinity(serve: Serve) -> Served:
    return serve("embeddings", *ARGUMENTS, port=PORT, user=ANY_USER)


def embed(infinity: Served, *texts: str, **options: object) -> Any:  # noqa: ANN401 - the answer's JSON
    return infinity.post("/v1/embeddings", {"model": NAME, "input": list(texts), **options})


def vectors(answer: Any) -> list[list[float]]:  # noqa: ANN401 - the answer's JSON
    return [item["embedding"] for item in answer["data"]]


def cosine(one: list[float], other: list[float]) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return dot / math.hypot(*one) / math.hypot(*other)


def test_what_is_related_lies_closer(infinity: Served) -> None:
    cat, kitten, bond = vectors(
        embed(
            infinity, "A cat sits on the mat.", "A kitten rests on a rug.", "Bond yields rose by ten points."
        )
    )
    assert len(cat) == 384
    assert cosine(cat, kitten) > 0.5
    assert cosine(cat, bond) < 0.2


def test_vectors_have_unit_length(infinity: Served) -> None:
    (vector,) = vectors(embed(infinity, "A cat sits on the mat."))
    assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-3)


def test_a_batch_is_what_its_texts_are_alone(infinity: Served) -> None:
    """Pooling over padding would show here."""
    texts = ("short", "a text that is a good deal longer than the one before it, with padding beside it")
    together = vectors(embed(infinity, *texts))
    alone = [vectors(embed(infinity, text))[0] for text in texts]
    assert all(cosine(one, other) > 0.9999 for one, other in zip(together, alone, strict=True))


def test_base64_is_the_same_vector(infinity: Served) -> None:
    (plain,) = vectors(embed(infinity, "hello"))
    encoded = embed(infinity, "hello", encoding_format="base64")["data"][0]["embedding"]
    packed = base64.b64decode(encoded)
    assert cosine(plain, list(struct.unpack(f"<{len(packed) // 4}f", packed))) > 0.9999


def test_tokens_are_counted_as_tokens(infinity: Served) -> None:
    """Characters would be 11, and 55 for five times as much."""
    usage = embed(infinity, "hello world")["usage"]
    assert 2 <= usage["prompt_tokens"] <= 4
    assert usage["total_tokens"] == usage["prompt_tokens"]
    five = embed(infinity, *["hello world"] * 5)["usage"]["total_tokens"]
    assert five == 5 * usage["total_tokens"]


def test_goes_by_the_model_s_name_below_the_prefix(infinity: Served) -> None:
    assert [model["id"] for model in infinity.get("/v1/models").json()["data"]] == [NAME]


def test_neither_telemetry_nor_foreign_code(infinity: Served) -> None:
    assert "--no-trust-remote-code" in infinity.container.attrs["Config"]["Entrypoint"]
    log = log_of(infinity.container)
    assert "usage statistics are disabled" in " ".join(log.split())


def test_a_model_that_is_not_there_is_refused_in_one_line(serve: Serve) -> None:
    refused = serve("embeddings", "--model-id=/models/nothing", port=PORT, ready=False)
    assert exit_code(refused.container) == EXIT_REFUSED
    log = log_of(refused.container)
    assert log.startswith("error: model folder /models/nothing does not exist")
    assert log.count("\n") == 1


def test_stops_within_five_seconds(serve: Serve) -> None:
    served = serve("embeddings", *ARGUMENTS, port=PORT)
    assert stop_seconds(served.container) < 5
    assert exit_code(served.container) == 0
