"""Texts as a model's tokens, and back, which Ollama itself does not tell."""

from collections.abc import Awaitable
from typing import TypeVar

from msgspec import field

from proxy.asking import tokens
from proxy.asking.tokens import NoTokenizerError
from proxy.dialect.bodies.decoding import Body, decode
from proxy.dialect.bodies.fields import Lifetime
from proxy.dialect.durations import KeepAlive
from proxy.dialect.messages import ChatRequest
from proxy.dialect.prompts import to_engine
from proxy.errors import ApiError
from proxy.http.asgi import Reply, Request, json_reply
from proxy.model import Model
from proxy.routes import finding
from proxy.services import Services

# Tokenizers count theirs in 32 bits.
_MOST = 2**31

_T = TypeVar("_T")


class TokenizeRequest(ChatRequest):
    """Of a text, which may be called a prompt, or of a chat, as the engine's template renders it."""

    content: str | None = None
    prompt: str | None = None
    add_special_tokens: bool = False


class DetokenizeRequest(Body):
    model: str = ""
    tokens: list[int] = field(default_factory=list)
    keep_alive: Lifetime = KeepAlive(None)


async def tokenize(request: Request, services: Services) -> Reply:
    asked = decode(request.body, TokenizeRequest)
    model = await _find(request, services, asked.model)
    found = await _told(_tokens(services, model, asked), asked.model)
    return json_reply({"model": asked.model, "tokens": found})


async def detokenize(request: Request, services: Services) -> Reply:
    asked = decode(request.body, DetokenizeRequest)
    model = await _find(request, services, asked.model)
    if any(not 0 <= token < _MOST for token in asked.tokens):
        raise ApiError(400, "tokens must be numbers of the model's vocabulary")
    text = await _told(tokens.text_of(services.catalog.server(model), model, asked.tokens), asked.model)
    return json_reply({"model": asked.model, "content": text})


async def _find(request: Request, services: Services, name: str) -> Model:
    model = await finding.find(services, name, finding.CHAT)
    request.tally.model = model.name
    return model


async def _tokens(services: Services, model: Model, asked: TokenizeRequest) -> list[int]:
    server = services.catalog.server(model)
    if asked.messages:
        return await tokens.of_chat(server, model, to_engine.chat(asked, model).body)
    text = asked.content if asked.content is not None else asked.prompt
    if text is None:
        raise ApiError(400, "content is required")
    return await tokens.of_text(server, model, text, special=asked.add_special_tokens)


async def _told(asking: Awaitable[_T], name: str) -> _T:
    try:
        return await asking
    except NoTokenizerError:
        raise ApiError(
            400, f'"{name}" does not support tokenizing: its engine does not tell its tokens'
        ) from None
