"""A table of requests and of what must be said to them, and how it is checked."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.proxy.conftest import Stack

Json = dict[str, Any]

# What each route calls its request, as errors name it, and how a request of its own says which model.
REQUESTS = {
    "POST /api/generate": ("GenerateRequest", "model"),
    "POST /api/chat": ("ChatRequest", "model"),
    "POST /api/embed": ("EmbedRequest", "model"),
    "POST /api/embeddings": ("EmbeddingRequest", "model"),
    "POST /api/show": ("ShowRequest", "model"),
    "POST /api/pull": ("PullRequest", "model"),
    "POST /api/push": ("PushRequest", "model"),
    "POST /api/create": ("CreateRequest", "model"),
    "POST /api/copy": ("CopyRequest", "source"),
    "DELETE /api/delete": ("DeleteRequest", "model"),
}
# The models that the tables speak of.
PLAIN, ABLE, EMBEDS = "plain:latest", "able:latest", "embeds:latest"


@dataclass(frozen=True, slots=True)
class Row:
    """`body` goes as it is where it is bytes. `text` is the whole of the error."""

    route: str
    body: Json | list[Any] | bytes
    status: int
    text: str

    def check(self, stack: Stack) -> None:
        method, path = self.route.split(" ")
        sent = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        answer = stack.client.request(method, path, content=sent)
        assert (answer.status_code, answer.json()) == (self.status, {"error": self.text})
        assert answer.headers["content-type"].startswith("application/json")
        assert [asked.path for asked in stack.engine.received if asked.method == "POST"] == []


def rows(table: Iterable[Row]) -> pytest.MarkDecorator:
    """A test for each row, named by what is sent."""
    listed = list(table)
    return pytest.mark.parametrize("row", listed, ids=[f"{row.route} {row.body!r:.60}" for row in listed])
