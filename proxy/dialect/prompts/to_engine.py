"""Ollama's requests in OpenAI's words, with the engine's extensions and limits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from proxy.dialect.messages import ChatRequest, GenerateRequest, Generation, Message
from proxy.dialect.prompts import overlay
from proxy.dialect.prompts.constraints import constraint
from proxy.dialect.prompts.history import history
from proxy.dialect.prompts.options import Sampling, sampling
from proxy.dialect.prompts.thinking import thinking, wanted
from proxy.dialect.prompts.truncation import Cuts, cuts
from proxy.dialect.thoughts import begun
from proxy.dialect.tools import offered
from proxy.errors import ApiError
from proxy.model import Model

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"

_STOPS_OF_ANY_ENGINE = 4
# Ollama lets no answer grow past so many contexts.
_CONTEXTS = 10
# Room for an answer whose length nobody gave, where a prompt is cut.
_ROOM = 512

# What tokenizers put before every text, as templates write it.
_BEGINNINGS = (
    *("<s>", "<bos>", "<BOS_TOKEN>", "<|begin_of_text|>", "<|startoftext|>", "<|START_OF_TEXT|>"),
    *("<\uff5cbegin▁of▁sentence\uff5c>", "[gMASK]<sop>"),
)

Prompt = dict[str, Any]
WITH_IDS: Prompt = {"return_token_ids": True}


@dataclass(frozen=True, slots=True)
class Limits:
    """`window` is how long prompt and answer may be where the client wants less than what is served.
    `strict` holds the answer to it, too. `room` is what to leave to the answer where the prompt is cut."""

    window: int | None = None
    strict: bool = False
    room: int = _ROOM
    truncate: bool = True


@dataclass(frozen=True, slots=True)
class Shorter:
    """The ways to make a prompt of messages shorter, and the prompt of those that stay."""

    cuts: Cuts
    prompt: Callable[[list[int]], Prompt]


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """`silent` asks for the prompt's evaluation alone: what the engine writes is dropped. `tops` is how
    many of the likeliest tokens are to be told. `images` is how many the prompt holds.

    Where `shorter` is not given, a prompt that is too long loses what stands after its first `head` tokens.
    `dropped` and `cut` say what is missing already: messages, and tokens.

    `thinks` says that the engine will not part what the model thinks from its answer, and `thinking` that the
    prompt ends where it begins to."""

    path: str
    body: dict[str, Any]
    silent: bool = False
    tops: int = 0
    images: int = 0
    limits: Limits = Limits()
    shorter: Shorter | None = None
    head: int = 0
    dropped: int = 0
    cut: int = 0
    thinks: bool = False
    thinking: bool = False

    @property
    def truncated(self) -> bool:
        return bool(self.dropped or self.cut)

    @property
    def tells_ids(self) -> bool:
        return bool(self.body.get("return_token_ids"))

    def with_prompt(self, prompt: Prompt) -> "EngineRequest":
        return replace(self, body={**self.body, **prompt})


def chat(request: ChatRequest, model: Model) -> EngineRequest:
    messages = overlay.conversation(request, model.manifest.overlay)
    ask = _of_messages(request, model, messages)
    return ask.with_prompt(offered(request))


def generate(request: GenerateRequest, model: Model) -> EngineRequest:
    """A prompt is a chat of one turn, unless it is to go as it is. What comes after it needs its tokens."""
    if request.raw:
        return of_text(request, model, request.prompt)
    ask = _of_messages(request, model, overlay.turn(request, model.manifest.overlay))
    return ask.with_prompt(WITH_IDS)


def of_text(request: Generation, model: Model, prompt: str | list[int], head: int = 0) -> EngineRequest:
    """A prompt that no template of the engine's goes around. `head` is what has to stay of its start."""
    chosen, body = _common(request, model, path=COMPLETIONS)
    ask = _request(request, model, chosen, COMPLETIONS, body | text_prompt(prompt))
    return replace(ask, head=head or chosen.keep)


def parted(request: Generation, model: Model, prompt: str) -> EngineRequest:
    """A whole turn as text. What the model thinks in its answer is to be found there."""
    thinks = bool(wanted(request.think, model))
    return replace(of_text(request, model, prompt), thinks=thinks, thinking=thinks and begun(prompt))


def text_prompt(prompt: str | list[int]) -> Prompt:
    """Tokenizers put before a text what the model expects there, though it may stand there already."""
    begun = isinstance(prompt, str) and prompt.startswith(_BEGINNINGS)
    return {"prompt": prompt} | ({"add_special_tokens": False} if begun else {})


def after(
    request: GenerateRequest, model: Model, ask: EngineRequest, ids: list[int], end: str = ""
) -> EngineRequest:
    """The same request as the next turn of what its tokens hold, which must be all tokens of the prompt.
    `end` is how that ends as text."""
    if ask.path == CHAT:
        return parted(request, model, end).with_prompt(text_prompt(ids) | WITH_IDS)
    return replace(ask.with_prompt(text_prompt(ids)), shorter=None)


def with_fewer_stops(request: EngineRequest, error: ApiError) -> EngineRequest | None:
    """The same request with as many stop texts as every engine takes, where it was refused for more."""
    stops = request.body.get("stop", [])
    if len(stops) <= _STOPS_OF_ANY_ENGINE or f"at most {_STOPS_OF_ANY_ENGINE} items" not in error.message:
        return None
    return request.with_prompt({"stop": stops[:_STOPS_OF_ANY_ENGINE]})


def _of_messages(request: Generation, model: Model, messages: list[Message]) -> EngineRequest:
    chosen, body = _common(request, model, path=CHAT)
    mapped = history(messages)

    def of_those(kept: list[int]) -> Prompt:
        return {"messages": [mapped[place] for place in kept]}

    return replace(
        _request(request, model, chosen, CHAT, body | {"messages": mapped}),
        shorter=Shorter(cuts(messages), of_those),
        images=sum(len(message.images) for message in messages),
    )


def _request(
    request: Generation, model: Model, chosen: Sampling, path: str, body: dict[str, Any]
) -> EngineRequest:
    window = _window(chosen, model)
    room = _ROOM if chosen.limit is None else max(1, chosen.limit)
    limits = Limits(window, not request.shift, room, request.truncate)
    return EngineRequest(path, body, silent=chosen.limit == 0, tops=request.top_logprobs, limits=limits)


def _common(request: Generation, model: Model, *, path: str) -> tuple[Sampling, dict[str, Any]]:
    """Always a stream, and always with usage: the answer's counts and times are then true for clients
    that want it whole, too."""
    chosen = sampling(overlay.options(request, model.manifest.overlay))
    return chosen, {
        "model": model.served,
        "stream": True,
        "stream_options": {"include_usage": True},
        **chosen.fields,
        **_length(chosen, model, path),
        **constraint(request),
        **_logprobs(request, path),
        **(thinking(request.think, model) if path == CHAT else {}),
    }


def _window(chosen: Sampling, model: Model) -> int | None:
    """What is served cannot be made longer by a request."""
    wanted = chosen.window
    return None if wanted is None or wanted >= (model.context_length or wanted + 1) else wanted


def _length(chosen: Sampling, model: Model, path: str) -> dict[str, Any]:
    """Without a limit the engine writes until the context is full; for plain completions it would take 16.
    It refuses more than the whole context, and cuts what is over the rest of it by itself."""
    most = min(model.context, _CONTEXTS * (_window(chosen, model) or model.context))
    if chosen.limit is None:
        return {"max_tokens": most} if path == COMPLETIONS or most < model.context else {}
    return {"max_tokens": max(1, min(chosen.limit, most))}


def _logprobs(request: Generation, path: str) -> dict[str, Any]:
    if not request.logprobs:
        return {}
    if path == COMPLETIONS:
        return {"logprobs": request.top_logprobs}
    return {"logprobs": True, "top_logprobs": request.top_logprobs}
