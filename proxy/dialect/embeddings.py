"""Texts to embed, and vectors as Ollama's clients expect them: of length one, also when cut short."""

import base64
import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import msgspec

from proxy.dialect.errors import CONTEXT_EXCEEDED
from proxy.errors import ApiError, EngineBrokenError

# Few enough that one answer is read in a moment: other clients' tokens wait for it.
_LARGEST_BATCH = 256
_VLLM = "vllm"
# Of a server other than vLLM: it takes no longer text.
_LONGEST_TEXT = 8192 * 15
# By the server's own name: the field that lets it cut a long text, which it refuses otherwise. Who is not
# named here cuts without being asked, or knows no such field.
_CUTTING: Mapping[str, Mapping[str, object]] = {_VLLM: {"truncate_prompt_tokens": -1}}
# By the server's own name: the tokens that it puts around each text and does not count, which Ollama does.
# All encoders of BERT's kind have two.
_UNCOUNTED: Mapping[str, int] = {"infinity": 2}
# What is so close to length one stays as it is.
_CLOSE = 1e-6

Text = str | list[int]
"""A text, or the tokens of one."""


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


def texts_of(value: object) -> Sequence[Text]:
    """An empty text alone asks for nothing; in a list it is a text like others."""
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) else _texts(value)


def openai_texts_of(value: object) -> Sequence[Text]:
    """As OpenAI takes them: an empty text is one, and tokens are, too."""
    if value is None or value == []:
        raise ApiError(400, "invalid input")
    if isinstance(value, str):
        return [value]
    if _are_tokens(value):
        return [value]
    if isinstance(value, list) and all(_are_tokens(item) for item in value):
        return value
    return _texts(value)


def _texts(value: object) -> Sequence[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ApiError(400, "invalid input type")
    return value


def _are_tokens(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and bool(value) and all(type(item) is int and item >= 0 for item in value)


def takes_tokens(owner: str) -> bool:
    return owner == _VLLM


def batches(texts: Sequence[Text], *, owner: str, truncate: bool) -> list[Sequence[Text]]:
    """What goes into one request each. Where nothing may be cut, each text goes alone, so that its length
    in tokens is known."""
    longest = None if owner == _VLLM else _LONGEST_TEXT
    if not truncate:
        if longest and any(len(text) > longest for text in texts):
            raise ApiError(400, CONTEXT_EXCEEDED)
        return [[text] for text in texts]
    starts = range(0, len(texts), _LARGEST_BATCH)
    return [[text[:longest] for text in texts[start : start + _LARGEST_BATCH]] for start in starts]


def was_cut(tokens: int, *, owner: str, context: int | None) -> bool:
    """Whether one text was too long, by the count of a server that cuts by itself. It counts no more than
    fit: as many as fit may have been more."""
    if owner == _VLLM or context is None:
        return False
    return tokens > context if owner in _UNCOUNTED else tokens >= context


def question(model: str, texts: Sequence[Text], *, owner: str, truncate: bool) -> bytes:
    """What every server takes that speaks OpenAI's dialect. It does not ask for `dimensions`, which some
    refuse: vectors are cut here."""
    asked = {"model": model, "input": texts, "encoding_format": "float"}
    return msgspec.json.encode({**asked, **(_CUTTING.get(owner, {}) if truncate else {})})


def read_batch(body: bytes, count: int, *, owner: str) -> Batch:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise EngineBrokenError("the embeddings server sent an answer that cannot be read") from None
    ordered = sorted(answer.data, key=lambda vector: vector.index)
    if [vector.index for vector in ordered] != list(range(count)):
        raise EngineBrokenError("the embeddings server sent another number of embeddings than were asked for")
    around = count * _UNCOUNTED.get(owner, 0)
    tokens = answer.usage.prompt_tokens + around if answer.usage else 0
    return Batch([_finite(vector.embedding) for vector in ordered], tokens)


def fitted(vector: list[float], dimensions: int) -> list[float]:
    """Of length one, with at most so many dimensions (0 keeps all)."""
    cut = vector[:dimensions] if 0 < dimensions < len(vector) else vector
    length = math.hypot(*cut)
    return [value / length for value in cut] if length and abs(length - 1) > _CLOSE else cut


def as_base64(vector: list[float]) -> str:
    """As OpenAI packs it: floats of 32 bits, the lowest byte first."""
    packed = array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode()


def _finite(vector: list[float | None]) -> list[float]:
    if any(value is None or not math.isfinite(value) for value in vector):
        raise ApiError(400, "embedding contains NaN or Inf values")
    return [value for value in vector if value is not None]
