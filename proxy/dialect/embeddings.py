"""Texts to embed, and vectors as Ollama's clients expect them: of length one, also when cut short."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import msgspec

from proxy.dialect.errors import CONTEXT_EXCEEDED
from proxy.dialect.passing.packing import unpacked
from proxy.errors import ApiError, EngineBrokenError

# Few enough that one answer is read in a moment: other clients' tokens wait for it.
_LARGEST_BATCH = 64
_VLLM = "vllm"
# Of a server other than vLLM: it takes no longer text.
_LONGEST_TEXT = 8192 * 15
# By the server's own name: the field that lets it cut a long text, which it refuses otherwise. Who is not
# named here cuts without being asked, or knows no such field.
_CUTTING: Mapping[str, Mapping[str, object]] = {_VLLM: {"truncate_prompt_tokens": -1}}
# By the server's own name: the tokens that it puts around each text and does not count, which Ollama does.
# All encoders of BERT's kind have two.
_UNCOUNTED: Mapping[str, int] = {"infinity": 2}
# They pack vectors where they are asked to, which takes a tenth of the time to read.
_PACKING = ("infinity", _VLLM)
# What is so close to length one stays as it is.
_CLOSE = 1e-6

_UNREADABLE = "the embeddings server sent an answer that cannot be read"

Text = str | list[int]
"""A text, or the tokens of one."""


class _Vector(msgspec.Struct):
    embedding: str | list[float | None]
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
    encoding = "base64" if owner in _PACKING else "float"
    asked = {"model": model, "input": texts, "encoding_format": encoding}
    return msgspec.json.encode({**asked, **(_CUTTING.get(owner, {}) if truncate else {})})


def read_batch(body: bytes, count: int, *, owner: str) -> Batch:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise EngineBrokenError(_UNREADABLE) from None
    ordered = sorted(answer.data, key=lambda vector: vector.index)
    if [vector.index for vector in ordered] != list(range(count)):
        raise EngineBrokenError("the embeddings server sent another number of embeddings than were asked for")
    around = count * _UNCOUNTED.get(owner, 0)
    tokens = answer.usage.prompt_tokens + around if answer.usage else 0
    try:
        return Batch([_numbers(vector.embedding) for vector in ordered], tokens)
    except ValueError:
        raise EngineBrokenError(_UNREADABLE) from None


def fitted(vector: list[float], dimensions: int) -> list[float]:
    """Of length one, with at most so many dimensions (0 keeps all)."""
    cut = vector[:dimensions] if 0 < dimensions < len(vector) else vector
    length = math.hypot(*cut)
    return [value / length for value in cut] if length and abs(length - 1) > _CLOSE else cut


def _numbers(vector: str | list[float | None]) -> list[float]:
    if isinstance(vector, str):
        numbers = unpacked(vector)
    else:
        numbers = [math.nan if value is None else value for value in vector]
    # One number that is none makes the whole length none.
    if not math.isfinite(math.hypot(*numbers)):
        raise ApiError(400, "embedding contains NaN or Inf values")
    return numbers
