"""Ollama's requests in OpenAI's words, with the engine's extensions and limits."""

from dataclasses import dataclass, replace
from typing import Any

from proxy.dialect.constraints import constraint
from proxy.dialect.history import history
from proxy.dialect.messages import ChatRequest, GenerateRequest, Generation, Message
from proxy.dialect.options import sampling
from proxy.dialect.thinking import thinking
from proxy.errors import ApiError
from proxy.model import Model

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"

_MAX_TOP_LOGPROBS = 20
_STOPS_OF_ANY_ENGINE = 4


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """`silent` asks for the prompt's evaluation alone: what the engine writes is dropped. `tops` is how
    many of the likeliest tokens are to be told."""

    path: str
    body: dict[str, Any]
    silent: bool = False
    tops: int = 0


def chat(request: ChatRequest, model: Model) -> EngineRequest:
    body = _common(request, model, path=CHAT)
    body["messages"] = history(request.messages)
    if request.tools:
        body["tools"] = request.tools
    return _finished(request, body, CHAT)


def generate(request: GenerateRequest, model: Model) -> EngineRequest:
    if request.raw:
        body = _common(request, model, path=COMPLETIONS)
        body["prompt"] = request.prompt
        return _finished(request, body, COMPLETIONS)
    system = [Message(role="system", content=request.system)] if request.system else []
    user = Message(role="user", content=request.prompt, images=request.images)
    body = _common(request, model, path=CHAT)
    body["messages"] = history([*system, user])
    return _finished(request, body, CHAT)


def with_fewer_stops(request: EngineRequest, error: ApiError) -> EngineRequest | None:
    """The same request with as many stop texts as every engine takes, where it was refused for more."""
    stops = request.body.get("stop", [])
    if len(stops) <= _STOPS_OF_ANY_ENGINE or f"at most {_STOPS_OF_ANY_ENGINE} items" not in error.message:
        return None
    return replace(request, body={**request.body, "stop": stops[:_STOPS_OF_ANY_ENGINE]})


def _finished(request: Generation, body: dict[str, Any], path: str) -> EngineRequest:
    silent = sampling(request.options).limit == 0
    return EngineRequest(path, body, silent, tops=request.top_logprobs)


def _common(request: Generation, model: Model, *, path: str) -> dict[str, Any]:
    """Always a stream, and always with usage: the answer's counts and times are then true for clients
    that want it whole, too."""
    chosen = sampling(request.options)
    return {
        "model": model.served,
        "stream": True,
        "stream_options": {"include_usage": True},
        **chosen.fields,
        **_length(chosen.limit, model.context, path),
        **constraint(request),
        **_logprobs(request, path),
        **(thinking(request.think, model) if path == CHAT else {}),
    }


def _length(limit: int | None, context: int, path: str) -> dict[str, Any]:
    """Without a limit the engine writes until the context is full; for plain completions it would take 16.
    It refuses more than the whole context, and cuts what is over the rest of it by itself."""
    if limit is None:
        return {"max_tokens": context} if path == COMPLETIONS else {}
    return {"max_tokens": max(1, min(limit, context))}


def _logprobs(request: Generation, path: str) -> dict[str, Any]:
    if not 0 <= request.top_logprobs <= _MAX_TOP_LOGPROBS:
        raise ApiError(400, f"top_logprobs must be between 0 and {_MAX_TOP_LOGPROBS}")
    if not request.logprobs:
        return {}
    if path == COMPLETIONS:
        return {"logprobs": request.top_logprobs}
    return {"logprobs": True, "top_logprobs": request.top_logprobs}
