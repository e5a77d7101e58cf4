"""Fakes of embeddings servers: vectors that depend on the text alone, and are not of length one."""

import base64
import hashlib
import struct
from collections.abc import Callable
from typing import Any

from tests.fakes.fake_server import FakeServer, Received, Script, whole

DIMENSIONS = 8


Text = str | list[int]


def vector(text: Text) -> list[float]:
    digest = hashlib.sha256(str(text).encode()).digest()[:DIMENSIONS]
    return [byte / 16 - 7.5 for byte in digest]


def pack(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def _length(text: Text) -> int:
    return len(text.split()) if isinstance(text, str) else len(text)


class FakeEmbeddings(FakeServer):
    """As Infinity does it. Counts one token for each word."""

    model = "all-minilm:l6-v2"
    owner: str | None = "infinity"

    def answer(self, request: Received) -> Script:
        if request.path == "/v1/models":
            return whole({"object": "list", "data": [{"id": self.model, "owned_by": self.owner}]})
        asked = request.json()
        if request.path == "/v1/rerank":
            return whole(self._ranked(asked["query"], asked["documents"]))
        if request.path != "/v1/embeddings" or asked["model"] != self.model:
            return whole({"error": {"message": "Invalid model", "code": 400}}, 400)
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        return whole(self._embedded(texts, pack if asked.get("encoding_format") == "base64" else list))

    @staticmethod
    def _ranked(query: str, documents: list[str]) -> dict[str, Any]:
        """The more letters of the query a document has, the better; the best first."""
        scores = [len(set(query) & set(text)) / len(set(query)) for text in documents]
        best = sorted(enumerate(scores), key=lambda entry: -entry[1])
        results = [{"index": index, "relevance_score": score} for index, score in best]
        tokens = sum(len(text.split()) for text in [query, *documents])
        return {"results": results, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}

    def _embedded(self, texts: list[Text], write: Callable[[list[float]], object]) -> dict[str, Any]:
        data = [
            {"object": "embedding", "index": index, "embedding": write(vector(text))}
            for index, text in enumerate(texts)
        ]
        tokens = sum(map(_length, texts))
        return {"object": "list", "data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


class FakePooling(FakeEmbeddings):
    """As vLLM does it: what is too long is refused, unless it is asked to cut it."""

    owner = "vllm"
    context = 16

    def answer(self, request: Received) -> Script:
        if request.path != "/v1/embeddings":
            return super().answer(request)
        asked = request.json()
        longest = max(map(_length, asked["input"]))
        if longest > self.context and asked.get("truncate_prompt_tokens") != -1:
            message = f"This model's maximum context length is {self.context} tokens."
            return whole({"error": {"message": message, "code": 400}}, 400)
        return super().answer(request)


class FakeStranger(FakeEmbeddings):
    """Somebody else's: it says nothing of itself and counts nothing, and refuses fields that it does not
    know."""

    owner = None

    def answer(self, request: Received) -> Script:
        if request.path == "/v1/embeddings" and not self._knows(request.json()):
            return whole({"error": {"message": "unknown field", "code": 400}}, 400)
        return super().answer(request)

    @staticmethod
    def _knows(asked: dict[str, Any]) -> bool:
        return asked.keys() <= {"model", "input", "encoding_format"} and asked["encoding_format"] == "float"

    def _embedded(self, texts: list[Text], write: Callable[[list[float]], object]) -> dict[str, Any]:
        return super()._embedded(texts, write) | {"usage": None}
