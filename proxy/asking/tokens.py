"""Texts and chats as an engine's tokens, and back: what its own tokenizer says, by small questions."""

from contextlib import closing
from typing import Any, NamedTuple, TypeVar

import msgspec

from proxy.dialect import errors
from proxy.errors import ApiError, EngineBrokenError, EngineUnreadyError
from proxy.model import Model
from proxy.upstream import Upstream

_K = TypeVar("_K")

_LLAMA_SERVER = "llamacpp"
_OF_CHATS = ("model", "messages", "tools", "chat_template_kwargs")
_UNKNOWN_PATH = frozenset({404, 405, 501})
_MODEL_MISSING = b"does not exist"


class NoTokenizerError(ApiError):
    """The engine tells nothing of its tokens."""

    def __init__(self) -> None:
        super().__init__(501, "the engine behind this model does not tell its tokens")


class _Tokens(msgspec.Struct):
    tokens: list[int]


class _CountedTokens(_Tokens):
    """vLLM's answer. An engine that takes other words for the text answers without tokens or count."""

    count: int


class _Text(msgspec.Struct):
    prompt: str


class _Content(msgspec.Struct):
    content: str


class _Words(NamedTuple):
    """What an engine calls a text, and the wish for the special tokens around it."""

    text: str
    special: str
    more: dict[str, Any]
    answer: type[_Tokens]


_VLLM_WORDS = _Words("prompt", "add_special_tokens", {}, _CountedTokens)
_WORDS = {_LLAMA_SERVER: _Words("content", "add_special", {"parse_special": True}, _Tokens)}


async def of_text(server: Upstream, model: Model, text: str, *, special: bool) -> list[int]:
    """`special` puts those around the text that the model expects there."""
    words = _WORDS.get(model.owner, _VLLM_WORDS)
    asked = {"model": model.served, words.text: text, words.special: special, **words.more}
    return (await _ask(server, model, "/tokenize", asked, words.answer)).tokens


async def of_chat(server: Upstream, model: Model, question: dict[str, Any]) -> list[int]:
    """Of a chat as the engine's own template renders it. `question` is the body of the chat's request."""
    asked = {name: question[name] for name in _OF_CHATS if name in question}
    if model.owner == _LLAMA_SERVER:
        rendered = await _ask(server, model, "/apply-template", asked, _Text)
        return await of_text(server, model, rendered.prompt, special=True)
    asked["add_generation_prompt"] = True
    return (await _ask(server, model, "/tokenize", asked, _CountedTokens)).tokens


async def text_of(server: Upstream, model: Model, tokens: list[int]) -> str:
    asked = {"model": model.served, "tokens": tokens}
    if model.owner == _LLAMA_SERVER:
        return (await _ask(server, model, "/detokenize", asked, _Content)).content
    return (await _ask(server, model, "/detokenize", asked, _Text)).prompt


async def _ask(server: Upstream, model: Model, path: str, asked: dict[str, Any], kind: type[_K]) -> _K:
    with closing(await server.post(path, msgspec.json.encode(asked))) as answer:
        body = await answer.whole()
    if answer.status == 404 and _MODEL_MISSING in body:
        raise EngineUnreadyError(f"model '{model.name}' is not loaded by the engine")
    if answer.status in _UNKNOWN_PATH:
        raise NoTokenizerError
    if answer.status != 200:
        raise errors.from_engine_error(answer.status, body, model=model.full_name)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        raise NoTokenizerError from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise EngineBrokenError("the engine sent tokens that cannot be read") from None
