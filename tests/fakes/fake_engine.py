"""A fake of vLLM's server: its dialect, without a model. By default it says the last message's words back.

Chats and completions stream as vLLM does: a chunk with the role, one chunk for each word, the finish
reason, the usage in a chunk of its own, and [DONE]."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.fakes.fake_server import LAST_CHUNK, FakeServer, Received, Script, Step, chunk, head, whole

Event = dict[str, Any] | bytes

STREAM = head(200, "text/event-stream; charset=utf-8", transfer_encoding="chunked")
DONE = b"data: [DONE]\n\n"


def event(value: Event) -> bytes:
    data = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return b"data: " + data + b"\n\n"


def delta(finish_reason: str | None = None, logprobs: object = None, **content: object) -> Event:
    choice = {"index": 0, "delta": content, "logprobs": logprobs, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], "usage": None}


def text(words: str, finish_reason: str | None = None, logprobs: object = None) -> Event:
    choice = {"index": 0, "text": words, "logprobs": logprobs, "finish_reason": finish_reason}
    return {"id": "cmpl-1", "object": "text_completion", "choices": [choice]}


def usage(prompt_tokens: int, completion_tokens: int) -> Event:
    counts = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return {"choices": [], "usage": counts | {"total_tokens": prompt_tokens + completion_tokens}}


def error(message: str, code: int = 400) -> dict[str, Any]:
    return {"error": {"message": message, "type": "BadRequestError", "param": None, "code": code}}


def streamed(events: Iterable[Event], *, cut: int | None = None) -> list[Step]:
    """A whole stream; `cut` splits it into pieces of so many bytes, wherever they fall."""
    data = b"".join(event(value) for value in events) + DONE
    size = cut or len(data)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [STREAM, *(chunk(piece) for piece in pieces), LAST_CHUNK]


def said(words: Sequence[str], prompt_tokens: int = 7) -> list[Event]:
    """The events of an answer in so many words."""
    spoken = [delta(content=word) for word in words]
    return [
        delta(role="assistant", content=""),
        *spoken,
        delta("stop"),
        usage(prompt_tokens, len(words) + 1),
    ]


class FakeEngine(FakeServer):
    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, int] = {"smollm2:135m": 2048}

    def answer(self, request: Received) -> Script:
        if request.path == "/v1/models":
            return whole({"object": "list", "data": [self._card(name) for name in self.models]})
        asked = request.json() if request.body else {}
        if asked.get("model") not in self.models:
            return whole(error(f"The model `{asked.get('model')}` does not exist.", 404), 404)
        if request.path == "/v1/chat/completions":
            return self._chat(asked)
        if request.path == "/v1/completions":
            return streamed([text(asked["prompt"]), text("", "stop"), usage(3, 2)])
        return whole({"path": request.path, "asked": asked})

    def _card(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": 1, "max_model_len": self.models[name]}

    @staticmethod
    def _chat(asked: dict[str, Any]) -> Script:
        if not asked.get("messages"):
            return whole(error("messages must not be empty"), 400)
        content = asked["messages"][-1]["content"]
        last = content if isinstance(content, str) else "a picture"
        words = [word + " " for word in last.split(" ")]
        if not asked.get("stream"):
            message = {"role": "assistant", "content": last}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return whole({"object": "chat.completion", "choices": [choice]})
        return streamed(said(words))
