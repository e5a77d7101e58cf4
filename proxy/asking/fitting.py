"""Prompts that are too long: how much of them goes to the engine.

The engine is asked how long a prompt is only where that is in doubt: where it refused it for its length, or
where the client wants less context than is served and the prompt may be longer."""

import asyncio
from dataclasses import replace

from proxy.asking import tokens
from proxy.asking.tokens import NoTokenizerError
from proxy.dialect.errors import CONTEXT_EXCEEDED
from proxy.dialect.prompts.to_engine import CHAT, EngineRequest, Shorter
from proxy.dialect.prompts.truncation import most_tokens
from proxy.errors import ApiError
from proxy.model import Model
from proxy.upstream import Upstream

# So much of the context is for the prompt, however long the answer may become.
_SHARE_OF_PROMPTS = 0.75
# No natural text has more bytes to a token. What has, no tokenizer needs to see.
_BYTES_OF_A_TOKEN = 64
_SLACK_BYTES = 1024


async def fitted(
    server: Upstream, model: Model, ask: EngineRequest, *, certainly: bool = False
) -> EngineRequest:
    """The request within the context that the client wants; `certainly` within what is served, too, which
    the engine would say only when it is asked to answer. An engine that does not tell its tokens is asked
    as it is: it knows its own limit."""
    limits = ask.limits
    window = limits.window or (model.context_length if certainly else None)
    if window is None or (not limits.strict and most_tokens(ask.body) < window):
        return ask
    try:
        count = await _count(server, model, ask)
    except NoTokenizerError:
        return ask
    if count >= window:
        ask = await shortened(server, model, ask, window)
        count = await _count(server, model, ask)
    return _held_to(ask, window - count) if limits.strict else ask


async def shortened(server: Upstream, model: Model, ask: EngineRequest, window: int) -> EngineRequest:
    """The request with as much of its prompt as leaves room for an answer."""
    if not ask.limits.truncate:
        raise ApiError(400, CONTEXT_EXCEEDED)
    window = min(window, ask.limits.window or window)
    room = max(window - ask.limits.room, int(window * _SHARE_OF_PROMPTS), 1)
    try:
        if ask.shorter is None:
            return await _without_the_middle(server, model, ask, room)
        return await _without_the_oldest(server, model, ask, ask.shorter, room)
    except NoTokenizerError:
        hint = "and its engine cannot count what could be left out"
        raise ApiError(400, f"{CONTEXT_EXCEEDED}, {hint}") from None


async def _without_the_oldest(
    server: Upstream, model: Model, ask: EngineRequest, shorter: Shorter, room: int
) -> EngineRequest:
    """Without as few messages as it takes, by halving the ways to leave some out."""
    low, high = 0, len(shorter.cuts)
    best: EngineRequest | None = None
    whole = len(shorter.cuts.system) + len(shorter.cuts.others)
    while low < high:
        middle = (low + high) // 2
        kept = shorter.cuts.kept(middle)
        prompt = await asyncio.to_thread(shorter.prompt, kept)
        tried = replace(ask.with_prompt(prompt), dropped=whole - len(kept))
        if await _fits(server, model, tried, room):
            best, high = tried, middle
        else:
            low = middle + 1
    if best is None:
        raise ApiError(400, CONTEXT_EXCEEDED)
    return best


async def _without_the_middle(server: Upstream, model: Model, ask: EngineRequest, room: int) -> EngineRequest:
    """With its first tokens, which may steer the model, and its last ones."""
    head = min(ask.head + 1, room - 1)
    near = _without_the_hopeless(ask, head, room)
    ids = await _prompt_ids(server, model, near)
    if len(ids) <= room and near is ask:
        raise ApiError(400, CONTEXT_EXCEEDED)
    kept = ids[:head] + ids[max(head, len(ids) - (room - head)) :]
    return replace(ask.with_prompt({"prompt": kept}), cut=max(1, len(ids) - room))


def _without_the_hopeless(ask: EngineRequest, head: int, room: int) -> EngineRequest:
    """A text so long that even its middle need not be looked at, without that."""
    prompt = ask.body["prompt"]
    if isinstance(prompt, list) or len(prompt) <= (head + room) * _BYTES_OF_A_TOKEN:
        return ask
    near = prompt[: head * _BYTES_OF_A_TOKEN] + prompt[-room * _BYTES_OF_A_TOKEN :]
    return ask.with_prompt({"prompt": near})


async def _fits(server: Upstream, model: Model, ask: EngineRequest, room: int) -> bool:
    """Some templates refuse what some cuts leave; those do not count."""
    if not ask.images and most_tokens(ask.body) > room * _BYTES_OF_A_TOKEN + _SLACK_BYTES:
        return False
    try:
        return await _count(server, model, ask) <= room
    except NoTokenizerError:
        raise
    except ApiError as error:
        if error.status == 400:
            return False
        raise


async def _count(server: Upstream, model: Model, ask: EngineRequest) -> int:
    if ask.path == CHAT:
        return len(await tokens.of_chat(server, model, ask.body))
    return len(await _prompt_ids(server, model, ask))


async def _prompt_ids(server: Upstream, model: Model, ask: EngineRequest) -> list[int]:
    prompt: str | list[int] = ask.body["prompt"]
    if isinstance(prompt, list):
        return prompt
    special = ask.body.get("add_special_tokens", True)
    return await tokens.of_text(server, model, prompt, special=special)


def _held_to(ask: EngineRequest, rest: int) -> EngineRequest:
    most = ask.body.get("max_tokens", rest)
    return ask.with_prompt({"max_tokens": max(1, min(most, rest))})
