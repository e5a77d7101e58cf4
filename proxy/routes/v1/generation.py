"""Chats, completions, responses, messages and decisions: what passes through to the engine as JSON."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from proxy.dialect.passing import forbidden
from proxy.dialect.passing.extensions import COMPLETIONS, adapted
from proxy.errors import ApiError
from proxy.http.asgi import Reply, Request, Stream
from proxy.model import Model
from proxy.routes.v1.bodies import asked_of, body_of
from proxy.routes.v1.finding import find_chat, named
from proxy.routes.v1.passing import Call, passed_on
from proxy.services import Services

_Body = dict[str, Any]


async def generation(request: Request, services: Services) -> Reply | Stream:
    """The body goes on byte for byte, unless it names what only Ollama knows, or a model that the engine
    knows by another name."""
    asked, body = asked_of(body_of(request))
    name = _checked(asked, request.path)
    forbidden.check(asked)
    model = await find_chat(request, services, name)
    wanted = adapted(asked, model, request.path) | {"model": model.served}
    if request.path == COMPLETIONS and wanted.get("suffix"):
        wanted = await _filled(wanted, model, services)
    if wanted != asked:
        body = msgspec.json.encode(wanted)
    return await passed_on(Call(request.path, model, name, body, request.tally), services)


async def _filled(body: _Body, model: Model, services: Services) -> _Body:
    """The same with the suffix in the prompt, in the way of the model's family: engines leave that to us."""
    prompt, suffix = body.get("prompt"), body.pop("suffix")
    if not isinstance(prompt, str) or not isinstance(suffix, str):
        raise ApiError(400, "a suffix takes a prompt that is one text")
    gap = await services.gaps.of(services.catalog.server(model), model)
    if gap is None:
        raise ApiError(400, f"{model.full_name} does not support insert")
    ends = {"stop_token_ids": body.get("stop_token_ids") or list(gap.ends)}
    return {**body, "prompt": gap.family.prompt(prompt, suffix), **ends}


def _checked(asked: _Body, path: str) -> str:
    """The model's name. What is asked for first of all is what Ollama asks for first."""
    if path == "/v1/chat/completions":
        _need_messages(asked, "[] is too short - 'messages'")
    name = named(asked)
    _CHECKS.get(path, _nothing)(asked)
    return name


def _nothing(_asked: _Body) -> None:
    pass


def _need_messages(asked: _Body, refusal: str) -> None:
    if not asked.get("messages"):
        raise ApiError(400, refusal)


def _check_messages(asked: _Body) -> None:
    limit = asked.get("max_tokens")
    if not isinstance(limit, int | float) or limit <= 0:
        raise ApiError(400, "max_tokens is required and must be positive")
    _need_messages(asked, "messages is required")


def _check_count(asked: _Body) -> None:
    _need_messages(asked, "messages is required")


def _check_decisions(asked: _Body) -> None:
    if asked.get("state") is None:
        raise ApiError(400, "state is required")
    questions = asked.get("questions")
    if not isinstance(questions, dict) or not questions:
        raise ApiError(400, "questions must be an object with at least one question")


_CHECKS: Mapping[str, Callable[[_Body], None]] = {
    "/v1/messages": _check_messages,
    "/v1/messages/count_tokens": _check_count,
    "/v1/systemone": _check_decisions,
}
