"""A fake of Infinity's server: vectors that depend on the text alone, and are not of length one."""

import hashlib
from typing import Any

from tests.fakes.fake_server import FakeServer, Received, Script, whole

DIMENSIONS = 8


def vector(text: str) -> list[float]:
    digest = hashlib.sha256(text.encode()).digest()[:DIMENSIONS]
    return [byte / 16 - 7.5 for byte in digest]


class FakeEmbeddings(FakeServer):
    """Counts one token for each word."""

    model = "all-minilm:l6-v2"

    def answer(self, request: Received) -> Script:
        if request.path == "/v1/models":
            return whole(
                {"object": "list", "data": [{"id": self.model, "object": "model", "backend": "torch"}]}
            )
        asked = request.json()
        if request.path != "/v1/embeddings" or asked["model"] != self.model:
            return whole({"error": {"message": "Invalid model", "code": 400}}, 400)
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        return whole(self._embedded(texts))

    def _embedded(self, texts: list[str]) -> dict[str, Any]:
        data = [
            {"object": "embedding", "index": index, "embedding": vector(text)}
            for index, text in enumerate(texts)
        ]
        tokens = sum(len(text.split()) for text in texts)
        return {"object": "list", "data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
