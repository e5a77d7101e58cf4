"""A fake of vLLM that behaves like a model: for the suites of real clients, which look at what is said.

It speaks vLLM's dialect alone, and refuses what vLLM refuses. Everything comes in pieces: tool arguments cut
anywhere, the usage in a chunk of its own after the finish reason."""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.fakes import brain_mind, brain_rules
from tests.fakes.brain_mind import Asked, Said
from tests.fakes.fake_engine import DONE, STREAM, error, event
from tests.fakes.fake_server import LAST_CHUNK, FakeServer, Gate, Received, Script, chunk, whole

Json = dict[str, Any]

ENDLESS = "without end"
"""Who asks for this is told something, and then waits until he goes."""
_COMPLETION_LIMIT = 16
_ARGUMENT_PIECE = 5


@dataclass(frozen=True, slots=True)
class Served:
    """What a model of the fake can do, and how long its context is."""

    context: int = 4096
    thinks: bool = False
    sees: bool = False


class RefusedError(Exception):
    """What vLLM answers with status 400."""


class FakeBrain(FakeServer):
    def __init__(self, models: Mapping[str, Served]) -> None:
        super().__init__()
        self.models = models
        self._words: dict[int, str] = {}
        self._ids = count(1)

    def answer(self, request: Received) -> Script:
        if request.path == "/v1/models":
            return whole({"object": "list", "data": [self._card(name) for name in self.models]})
        route = self._routes().get(request.path)
        if route is None:
            return whole({"detail": "Not Found"}, 404)
        if request.headers.get("content-type") != "application/json":
            return whole(error("Unsupported Media Type: Only 'application/json' is allowed", 415), 415)
        asked = request.json()
        if asked.get("model") not in self.models:
            return whole(error(f"The model `{asked.get('model')}` does not exist.", 404), 404)
        try:
            return route(asked)
        except (RefusedError, ValueError) as refused:
            return whole(error(str(refused)), 400)

    def _routes(self) -> Mapping[str, Callable[[Json], Script]]:
        return {
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._complete,
            "/v1/systemone": self._decide,
            "/tokenize": self._tokenize,
            "/detokenize": self._detokenize,
        }

    def _card(self, name: str) -> Json:
        served = self.models[name]
        return {"id": name, "object": "model", "owned_by": "vllm", "max_model_len": served.context}

    def _chat(self, asked: Json) -> Script:
        _refuse(brain_rules.complaint(asked, chat=True))
        served = self.models[asked["model"]]
        if brain_mind.parts_of(asked["messages"], "image_url") and not served.sees:
            raise RefusedError(f"{asked['model']} is not a multimodal model")
        switch = (asked.get("chat_template_kwargs") or {}).get("enable_thinking", served.thinks)
        said = brain_mind.answer(asked, thinks=bool(switch) and served.thinks)
        limit = asked.get("max_completion_tokens") or asked.get("max_tokens")
        return self._tell(_Telling(asked, _rendered(asked), said, self._room(asked, limit), chat=True))

    def _complete(self, asked: Json) -> Script:
        _refuse(brain_rules.complaint(asked, chat=False))
        prompt = asked["prompt"]
        prompt = prompt if isinstance(prompt, str) else self._text(prompt)
        limit = asked.get("max_tokens") or _COMPLETION_LIMIT
        said = Said(brain_mind.completion(prompt))
        return self._tell(_Telling(asked, prompt, said, self._room(asked, limit), chat=False))

    def _room(self, asked: Json, limit: int | None) -> int:
        context = self.models[asked["model"]].context
        if limit is not None and limit > context:
            raise RefusedError(f"max_tokens={limit} cannot be greater than max_model_len={context}.")
        return context if limit is None else limit

    def _tell(self, telling: "_Telling") -> Script:
        asked = telling.asked
        context = self.models[asked["model"]].context
        prompt_ids = self._encode(telling.prompt)
        room = context - len(prompt_ids)
        if room < 1:
            raise RefusedError(
                f"This model's maximum context length is {context} tokens. "
                f"However, your prompt has {len(prompt_ids)} tokens."
            )
        answer_id = f"{'chatcmpl' if telling.chat else 'cmpl'}-{next(self._ids):08x}"
        choices = list(telling.choices(min(room, telling.limit), self._encode))
        written = sum(len(choice["token_ids"]) for choice in choices)
        usage = {
            "prompt_tokens": len(prompt_ids),
            "completion_tokens": written,
            "total_tokens": len(prompt_ids) + written,
        }
        if not asked.get("return_token_ids"):
            choices = [{**choice, "token_ids": None} for choice in choices]
        top = {"id": answer_id, "created": 1, "model": asked["model"]}
        if not asked.get("stream"):
            return whole(top | telling.whole(choices) | {"usage": usage})
        kind = "chat.completion.chunk" if telling.chat else "text_completion"
        chunks: list[Json] = [top | {"object": kind, "choices": [choice]} for choice in choices]
        if asked.get("return_token_ids"):
            chunks[0]["prompt_token_ids"] = prompt_ids
        if (asked.get("stream_options") or {}).get("include_usage"):
            chunks.append(top | {"object": kind, "choices": [], "usage": usage})
        if ENDLESS in telling.prompt:
            return [STREAM, *(chunk(event(each)) for each in chunks[:-2]), Gate()]
        return [STREAM, *(chunk(event(each)) for each in chunks), chunk(DONE), LAST_CHUNK]

    def _decide(self, asked: Json) -> Script:
        answers = {
            name: _DECISIONS[question["type"]](question) for name, question in asked["questions"].items()
        }
        words = len(self._encode(json.dumps(asked["state"])))
        usage = {"input_tokens": words, "output_tokens": len(answers)}
        return whole({"model": asked["model"], "answers": answers, "usage": usage})

    def _tokenize(self, asked: Json) -> Script:
        text = asked["prompt"] if "prompt" in asked else _rendered(asked)
        ids = self._encode(text)
        context = self.models[asked["model"]].context
        return whole({"count": len(ids), "max_model_len": context, "tokens": ids, "token_strs": None})

    def _detokenize(self, asked: Json) -> Script:
        return whole({"prompt": self._text(asked["tokens"])})

    def _encode(self, text: str) -> list[int]:
        words = brain_mind.tokens(text)
        ids = [zlib.crc32(word.encode()) % 2**31 for word in words]
        self._words.update(zip(ids, words, strict=True))
        return ids

    def _text(self, ids: Sequence[int]) -> str:
        unknown = [each for each in ids if each not in self._words]
        if unknown:
            raise RefusedError(f"Token id {unknown[0]} is out of vocabulary")
        return "".join(self._words[each] for each in ids)


@dataclass(frozen=True, slots=True)
class _Telling:
    """What is to be said to one request, and how much of it may be."""

    asked: Asked
    prompt: str
    said: Said
    limit: int
    chat: bool

    def choices(self, room: int, encode: Callable[[str], list[int]]) -> Iterator[Json]:
        """The choice of each chunk, its tokens beside it."""
        if self.chat:
            yield self._choice({"role": "assistant", "content": ""}, [])
        reasoning = brain_mind.tokens(self.said.reasoning)[:room]
        for word in reasoning:
            yield self._choice({"reasoning": word}, encode(word))
        spoken, reason = self._spoken(room - len(reasoning))
        for word in spoken:
            yield self._choice({"content": word}, encode(word), self._logprobs(word))
        for position, call in enumerate(self.said.calls):
            yield from self._call(position, call, encode)
        yield self._choice({}, [], reason=reason)

    def _spoken(self, room: int) -> tuple[list[str], str]:
        text, stopped = self._up_to_stop(self.said.text)
        words = brain_mind.tokens(text)
        if len(words) > room:
            return words[: max(room, 0)], "length"
        return words, "tool_calls" if self.said.calls and not stopped else "stop"

    def _up_to_stop(self, text: str) -> tuple[str, bool]:
        stops = self.asked.get("stop") or []
        places = [text.find(stop) for stop in ([stops] if isinstance(stops, str) else stops)]
        found = [place for place in places if place >= 0]
        return (text[: min(found)], True) if found else (text, False)

    def _call(
        self, position: int, call: brain_mind.Call, encode: Callable[[str], list[int]]
    ) -> Iterator[Json]:
        head = {"name": call.name, "arguments": ""}
        yield self._called(
            {"index": position, "id": f"chatcmpl-tool-{position}", "type": "function", "function": head}
        )
        text = json.dumps(call.arguments, ensure_ascii=False)
        for start in range(0, len(text), _ARGUMENT_PIECE):
            piece = text[start : start + _ARGUMENT_PIECE]
            yield self._called({"index": position, "function": {"arguments": piece}}, encode(piece))

    def _called(self, call: Json, ids: Sequence[int] = ()) -> Json:
        return self._choice({"tool_calls": [call]}, ids)

    def _choice(
        self, delta: Json, ids: Sequence[int], logprobs: object = None, *, reason: str | None = None
    ) -> Json:
        said = {"delta": delta} if self.chat else {"text": delta.get("content", "")}
        rest = {"logprobs": logprobs, "finish_reason": reason, "token_ids": list(ids)}
        return {"index": 0, **said, **rest}

    def _logprobs(self, word: str) -> Json | None:
        wanted = self.asked.get("logprobs")
        if wanted is None or wanted is False:
            return None
        if self.chat:
            likeliest = [_logprob(each, -0.25 * (at + 1)) for at, each in enumerate(self._likeliest(word))]
            return {"content": [_logprob(word, -0.25) | {"top_logprobs": likeliest}]}
        tops = {each: -0.25 * (at + 1) for at, each in enumerate(self._likeliest(word) or [word])}
        return {"tokens": [word], "token_logprobs": [-0.25], "top_logprobs": [tops], "text_offset": [0]}

    def _likeliest(self, word: str) -> list[str]:
        wanted = self.asked.get("top_logprobs") if self.chat else self.asked.get("logprobs")
        return [word, *(f"{word}{at}" for at in range(1, wanted or 0))][: wanted or 0]

    def whole(self, choices: Sequence[Json]) -> Json:
        """The answer to who does not want a stream."""
        reason = choices[-1]["finish_reason"]
        if not self.chat:
            text = "".join(choice["text"] for choice in choices)
            return {
                "object": "text_completion",
                "choices": [{"index": 0, "text": text, "finish_reason": reason}],
            }
        deltas = [choice["delta"] for choice in choices]
        message: Json = {
            "role": "assistant",
            "content": "".join(delta.get("content", "") for delta in deltas),
            "reasoning": "".join(delta.get("reasoning", "") for delta in deltas) or None,
            "tool_calls": [
                {
                    "id": f"chatcmpl-tool-{position}",
                    "type": "function",
                    "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
                }
                for position, call in enumerate(self.said.calls)
            ],
        }
        return {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        }


def _refuse(complaint: str | None) -> None:
    if complaint is not None:
        raise RefusedError(complaint)


def _rendered(asked: Asked) -> str:
    """A chat as a template would put it, tools and all."""
    lines = [json.dumps(asked["tools"])] if asked.get("tools") else []
    for message in asked["messages"]:
        calls = json.dumps(message["tool_calls"]) if message.get("tool_calls") else ""
        lines.append(f"<{message['role']}> {brain_mind.texts_of(message)}{calls}")
    return "\n".join([*lines, "<assistant>"])


def _logprob(word: str, value: float) -> Json:
    return {"token": word, "logprob": value, "bytes": list(word.encode())}


def _even(names: Sequence[str]) -> Json:
    return {"probabilities": {name: 1 / len(names) for name in names}, "confidence": 1 / len(names)}


_DECISIONS: Mapping[str, Callable[[Json], Json]] = {
    "choice": lambda question: {
        "type": "choice",
        "choice": next(iter(question["criteria"])),
        **_even(list(question["criteria"])),
    },
    "noul": lambda _: {"type": "noul", "noul": 0.75},
    "score": lambda question: {
        "type": "score",
        "score": 0.5,
        "legend": {str(at): text for at, text in enumerate(question["criteria"])},
        **_even([str(at) for at, _ in enumerate(question["criteria"])]),
    },
}
