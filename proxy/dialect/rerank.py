"""Which documents answer a question best: as Ollama's clients would ask it, and as Jina's and Cohere's do."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import field

from proxy.dialect.bodies.decoding import Body
from proxy.dialect.bodies.fields import Lifetime
from proxy.dialect.durations import KeepAlive
from proxy.errors import ApiError, EngineBrokenError

_LARGEST_BATCH = 256
_UNABLE = re.compile(r"does not support `?rerank|not support.*(Score|rerank)", re.IGNORECASE)


class RerankRequest(Body):
    """A document is a text, or an object that holds one as its `text`. `top_n` of 0 is all of them."""

    model: str = ""
    query: str = ""
    documents: list[Any] = field(default_factory=list)
    top_n: int = 0
    return_documents: bool = False
    keep_alive: Lifetime = KeepAlive(None)


class _Score(msgspec.Struct):
    index: int
    relevance_score: float


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    total_tokens: int = 0


class _Answer(msgspec.Struct):
    results: list[_Score]
    usage: _Usage | None = None


class Scores(msgspec.Struct):
    """One for each document, in their order."""

    values: list[float]
    tokens: int


def documents_of(asked: RerankRequest) -> list[str]:
    """Raises `ApiError` where there is nothing to be ranked, or nothing to rank it by."""
    if not asked.query.strip():
        raise ApiError(400, "query is required")
    if not asked.documents:
        raise ApiError(400, "documents is required")
    return [_text(one) for one in asked.documents]


def _text(document: object) -> str:
    text = document.get("text") if isinstance(document, dict) else document
    if not isinstance(text, str):
        raise ApiError(400, "documents must be texts, or objects with a text")
    return text


def batches(documents: list[str]) -> list[list[str]]:
    return [documents[start : start + _LARGEST_BATCH] for start in range(0, len(documents), _LARGEST_BATCH)]


def question(model: str, query: str, documents: list[str]) -> bytes:
    """What every server takes that ranks: which of them to keep, and their texts, are known here."""
    return msgspec.json.encode({"model": model, "query": query, "documents": documents})


def read_scores(body: bytes, count: int) -> Scores:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise EngineBrokenError("the engine sent a ranking that cannot be read") from None
    ordered = sorted(answer.results, key=lambda score: score.index)
    if [score.index for score in ordered] != list(range(count)):
        raise EngineBrokenError("the engine ranked other documents than it was asked to")
    usage = answer.usage or _Usage()
    return Scores([score.relevance_score for score in ordered], usage.total_tokens or usage.prompt_tokens)


def is_unable(message: str) -> bool:
    """Whether a server says of itself that its model ranks nothing."""
    return _UNABLE.search(message) is not None


def ranked(asked: RerankRequest, documents: Sequence[str], scores: Scores, *, nested: bool) -> list[Any]:
    """The best first. `nested` puts each text where Jina's clients look for it."""
    best = sorted(enumerate(scores.values), key=lambda entry: -entry[1])
    kept = best[: asked.top_n] if asked.top_n > 0 else best
    return [
        {"index": index, "relevance_score": score}
        | (_document(documents[index], nested=nested) if asked.return_documents else {})
        for index, score in kept
    ]


def _document(text: str, *, nested: bool) -> dict[str, Any]:
    return {"document": {"text": text} if nested else text}
