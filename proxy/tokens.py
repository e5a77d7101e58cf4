"""Texts and chats as an engine's tokens, and back: what its own tokenizer says, by small questions."""

from contextlib import closing
from typing import Any, TypeVar

import msgspec

from proxy.dialect import errors
from proxy.errors import EngineBrokenError
from proxy.model import Model
from proxy.upstream import Upstream

_K = TypeVar("_K")


class _Tokens(msgspec.Struct):
    tokens: list[int]


class _Text(msgspec.Struct):
    prompt: str


async def of_text(server: Upstream, model: Model, text: str, *, special: bool) -> list[int]:
    """`special` puts those around the text that the model expects there."""
    asked = {"model": model.served, "prompt": text, "add_special_tokens": special}
    return (await _ask(server, model, "/tokenize", asked, _Tokens)).tokens


async def of_chat(server: Upstream, model: Model, question: dict[str, Any]) -> list[int]:
    """Of a chat as the engine's own template renders it. `question` is the body of the chat's request."""
    asked = {name: question[name] for name in _OF_CHATS if name in question}
    return (await _ask(server, model, "/tokenize", {"add_generation_prompt": True, **asked}, _Tokens)).tokens


async def text_of(server: Upstream, model: Model, tokens: list[int]) -> str:
    return (await _ask(server, model, "/detokenize", {"model": model.served, "tokens": tokens}, _Text)).prompt


_OF_CHATS = ("model", "messages", "tools", "chat_template_kwargs")


async def _ask(server: Upstream, model: Model, path: str, asked: dict[str, Any], kind: type[_K]) -> _K:
    with closing(await server.post(path, msgspec.json.encode(asked))) as answer:
        body = await answer.whole()
    if answer.status != 200:
        raise errors.from_engine_error(answer.status, body, model=model.full_name)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise EngineBrokenError("the engine sent tokens that cannot be read") from None
