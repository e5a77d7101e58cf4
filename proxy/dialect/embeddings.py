"""Texts to embed, and vectors as Ollama's clients expect them: of length one, also when cut short."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from proxy.errors import ApiError, EngineBrokenError

# The embeddings server takes no more in one request, and no longer text.
_LARGEST_BATCH = 1024
_LONGEST_TEXT = 8192 * 15
# By the server's own name: the field that lets it cut a long text, which it refuses otherwise. Who is not
# named here cuts without being asked, or knows no such field.
_CUTTING: Mapping[str, Mapping[str, object]] = {"vllm": {"truncate_prompt_tokens": -1}}


class _Vector(msgspec.Struct):
    embedding: list[float | None]
    index: int = 0


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0


class _Answer(msgspec.Struct):
    data: list[_Vector]
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    vectors: list[list[float]]
    tokens: int


def texts_of(value: object) -> list[str]:
    """An empty text alone asks for nothing; in a list it is a text like others."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ApiError(400, "invalid input type")
    return value


def batches(texts: list[str], *, truncate: bool) -> Iterator[list[str]]:
    """What goes into one request each. Where nothing may be cut, each text goes alone, so that its length
    in tokens is known."""
    if not truncate:
        yield from ([text] for text in texts)
        return
    for start in range(0, len(texts), _LARGEST_BATCH):
        yield [text[:_LONGEST_TEXT] for text in texts[start : start + _LARGEST_BATCH]]


def question(model: str, texts: list[str], *, owner: str, truncate: bool) -> bytes:
    """What every server takes that speaks OpenAI's dialect. It does not ask for `dimensions`, which some
    refuse: vectors are cut here."""
    asked = {"model": model, "input": texts, "encoding_format": "float"}
    return msgspec.json.encode({**asked, **(_CUTTING.get(owner, {}) if truncate else {})})


def read_batch(body: bytes, count: int) -> Batch:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise EngineBrokenError("the embeddings server sent an answer that cannot be read") from None
    ordered = sorted(answer.data, key=lambda vector: vector.index)
    if [vector.index for vector in ordered] != list(range(count)):
        raise EngineBrokenError("the embeddings server sent another number of embeddings than were asked for")
    return Batch(
        [_finite(vector.embedding) for vector in ordered], answer.usage.prompt_tokens if answer.usage else 0
    )


def fitted(vector: list[float], dimensions: int) -> list[float]:
    """Of length one, with at most so many dimensions (0 keeps all)."""
    cut = vector[:dimensions] if 0 < dimensions < len(vector) else vector
    length = math.sqrt(math.fsum(value * value for value in cut))
    return [value / length for value in cut] if length else cut


def _finite(vector: list[float | None]) -> list[float]:
    if any(value is None or not math.isfinite(value) for value in vector):
        raise ApiError(400, "embedding contains NaN or Inf values")
    return [value for value in vector if value is not None]
