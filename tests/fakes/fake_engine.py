"""A fake of vLLM's server: its dialect, without a model. By default it says the last message's words back.

Chats and completions stream as vLLM does: a chunk with the role, one chunk for each word, the finish
reason, the usage in a chunk of its own, and [DONE]. It tells its tokens where it is asked for them, and
refuses what is longer than its context."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tests.fakes.fake_server import LAST_CHUNK, FakeServer, Received, Script, Step, chunk, head, whole
from tests.fakes.fake_tokenizer import FakeTokenizer

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


class _RefusedError(Exception):
    pass


class FakeEngine(FakeServer):
    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, int] = {"smollm2:135m": 2048}
        self.tokenizer = FakeTokenizer()
        self.card: dict[str, Any] = {}

    def reset(self) -> None:
        super().reset()
        self.tokenizer = FakeTokenizer()
        self.card = {}

    def answer(self, request: Received) -> Script:
        if request.path == "/v1/models":
            return whole({"object": "list", "data": [self._card(name) for name in self.models]})
        asked = request.json() if request.body else {}
        if asked.get("model") not in self.models:
            return whole(error(f"The model `{asked.get('model')}` does not exist.", 404), 404)
        route = self._routes().get(request.path)
        try:
            return whole({"path": request.path, "asked": asked}) if route is None else route(asked)
        except _RefusedError as refused:
            return whole(error(str(refused)), 400)

    def _routes(self) -> dict[str, Callable[[dict[str, Any]], Script]]:
        return {
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._complete,
            "/tokenize": self._tokenize,
            "/detokenize": self._detokenize,
        }

    def _card(self, name: str) -> dict[str, Any]:
        card = {"id": name, "object": "model", "created": 1, "max_model_len": self.models[name]}
        return card | self.card

    def _chat(self, asked: dict[str, Any]) -> Script:
        if not asked.get("messages"):
            raise _RefusedError("messages must not be empty")
        prompt = self._fitting(asked, self.tokenizer.ids(self.tokenizer.chat(asked["messages"])))
        content = asked["messages"][-1]["content"]
        last = content if isinstance(content, str) else "a picture"
        words = [word + " " for word in last.split(" ")]
        if not asked.get("stream"):
            message = {"role": "assistant", "content": last}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return whole({"object": "chat.completion", "choices": [choice]})
        return streamed(self._with_ids(asked, prompt, said(words)))

    def _complete(self, asked: dict[str, Any]) -> Script:
        """The prompt again, in one piece; what tokens say is said in words."""
        given = asked["prompt"]
        if isinstance(given, list) and not all(map(self.tokenizer.knows, given)):
            raise _RefusedError(f"Token id {max(given)} is out of vocabulary")
        special = asked.get("add_special_tokens", True)
        ids = given if isinstance(given, list) else self.tokenizer.ids(given, special=special)
        prompt = self._fitting(asked, ids)
        words = self.tokenizer.text(given) if isinstance(given, list) else given
        return streamed(self._with_ids(asked, prompt, [text(words), text("", "stop"), usage(3, 2)]))

    def _fitting(self, asked: dict[str, Any], prompt: list[int]) -> list[int]:
        context = self.models[asked["model"]]
        if len(prompt) < context:
            return prompt
        if len(prompt) == context:
            raise _RefusedError("max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)")
        raise _RefusedError(
            f"This model's maximum context length is {context} tokens. However, your prompt contains "
            f"{len(prompt)} input tokens. Please reduce the length of the input prompt."
        )

    def _with_ids(self, asked: dict[str, Any], prompt: list[int], events: Sequence[Event]) -> list[Event]:
        """Where vLLM puts them: in the first chunk those of the prompt, in each those of its text."""
        if not asked.get("return_token_ids"):
            return list(events)
        told = [value for value in events if isinstance(value, dict)]
        in_choice = "text" in told[0]["choices"][0]
        for value in told:
            for choice in value["choices"]:
                spoken = choice["text"] if in_choice else choice["delta"].get("content", "")
                choice["token_ids"] = self.tokenizer.ids(spoken)
        first = told[0]["choices"][0] if in_choice else told[0]
        first["prompt_token_ids"] = prompt
        return list(told)

    def _tokenize(self, asked: dict[str, Any]) -> Script:
        if "messages" in asked:
            ids = self.tokenizer.ids(self.tokenizer.chat(asked["messages"]))
        else:
            ids = self.tokenizer.ids(asked["prompt"], special=asked["add_special_tokens"])
        context = self.models[asked["model"]]
        return whole({"count": len(ids), "max_model_len": context, "tokens": ids, "token_strs": None})

    def _detokenize(self, asked: dict[str, Any]) -> Script:
        return whole({"prompt": self.tokenizer.text(asked["tokens"])})
