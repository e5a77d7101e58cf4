"""Prompts that take a question to the engine's tokenizer before they are known."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from proxy.asking import tokens
from proxy.asking.tokens import NoTokenizerError
from proxy.dialect.messages import GenerateRequest
from proxy.dialect.prompts import insert, to_engine
from proxy.dialect.prompts.insert import Family
from proxy.dialect.prompts.thinking import wanted
from proxy.dialect.prompts.to_engine import CHAT, EngineRequest
from proxy.errors import ApiError
from proxy.model import Model
from proxy.upstream import Upstream

_A_LETTER = "a"
# No vocabulary has more, and engines may not look at what is above.
_MOST_TOKENS = 2**31
# So many tokens hold the tag with which a template may have the model think.
_END_OF_A_TURN = 8


@dataclass(frozen=True, slots=True)
class Gap:
    """How a model fills in the middle. `ends` are the tokens that end what it fills in."""

    family: Family
    ends: tuple[int, ...]


@dataclass(slots=True)
class Gaps:
    """What the engines' tokenizers said of the families' markers, so that each is asked once for a model."""

    _known: dict[tuple[str, str], Gap | None] = field(default_factory=dict)

    async def of(self, server: Upstream, model: Model) -> Gap | None:
        key = (model.served, model.manifest.digest)
        if key not in self._known:
            self._known[key] = await _find_gap(server, model)
        return self._known[key]


async def _find_gap(server: Upstream, model: Model) -> Gap | None:
    """An engine that does not tell its tokens is believed to have the likeliest family's."""
    likely = list(insert.families(model.manifest))
    try:
        for family in likely:
            markers = await _single_tokens(server, model, family.markers)
            if None not in markers:
                ends = await _single_tokens(server, model, family.ends)
                found = dict.fromkeys(one for one in (*markers, *ends) if one is not None)
                return Gap(family, tuple(found))
    except NoTokenizerError:
        return Gap(likely[0], ())
    return None


async def _single_tokens(server: Upstream, model: Model, texts: Iterable[str]) -> list[int | None]:
    """The token that each text is, and None for one that is none."""
    asked = (tokens.of_text(server, model, text, special=False) for text in texts)
    return [ids[0] if len(ids) == 1 else None for ids in await asyncio.gather(*asked)]


async def filled(server: Upstream, model: Model, gaps: Gaps, request: GenerateRequest) -> EngineRequest:
    """The request to write what stands between prompt and suffix."""
    gap = await gaps.of(server, model)
    if gap is None:
        raise ApiError(400, f"{model.full_name} does not support insert")
    prompt = gap.family.prompt(request.prompt, request.suffix)
    ask = to_engine.of_text(request, model, prompt).with_prompt(to_engine.WITH_IDS)
    return ask.with_prompt({"stop_token_ids": list(gap.ends)}) if gap.ends else ask


async def continued(
    server: Upstream, model: Model, request: GenerateRequest, ask: EngineRequest
) -> EngineRequest:
    """The request after what the client's context holds. Where the engine does not tell its tokens, the
    context means nothing to it, and is left out."""
    if ask.images:
        raise ApiError(400, "context cannot be used together with images")
    outside = next((one for one in request.context if not 0 <= one < _MOST_TOKENS), None)
    if outside is not None:
        raise ApiError(400, f"token {outside} of the context is not in the model's vocabulary")
    try:
        turn = await _turn(server, model, ask)
        thinks = ask.path == CHAT and wanted(request.think, model)
        end = await tokens.text_of(server, model, turn[-_END_OF_A_TURN:]) if thinks else ""
    except NoTokenizerError:
        return ask
    return to_engine.after(request, model, ask, request.context + turn, end)


async def _turn(server: Upstream, model: Model, ask: EngineRequest) -> list[int]:
    """The tokens of the new turn, without the one that begins every text: that one stands in the context."""
    if ask.path != CHAT:
        return await tokens.of_text(server, model, ask.body["prompt"], special=False)
    turn, alone = await asyncio.gather(
        tokens.of_chat(server, model, ask.body), tokens.of_text(server, model, _A_LETTER, special=True)
    )
    return turn[1:] if len(alone) > 1 and turn[:1] == alone[:1] else turn


async def rendered(server: Upstream, model: Model, ask: EngineRequest) -> str:
    """The prompt as the model would see it."""
    prompt = ask.body.get("prompt")
    if isinstance(prompt, str):
        return prompt
    ids = await tokens.of_chat(server, model, ask.body) if prompt is None else prompt
    return await tokens.text_of(server, model, ids)
