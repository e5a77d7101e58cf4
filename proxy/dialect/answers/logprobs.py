"""Log probabilities: the engine's two shapes, of chats and of plain completions, as Ollama's one."""

import msgspec

from proxy.errors import EngineBrokenError


class TokenLogprob(msgspec.Struct, omit_defaults=True):
    token: str
    logprob: float
    bytes: list[int] | None = None


class Logprob(TokenLogprob, omit_defaults=True):
    top_logprobs: list[TokenLogprob] = []


class _Chat(msgspec.Struct):
    content: list[Logprob] | None = None


class _Completion(msgspec.Struct):
    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None = None


def read_logprobs(value: object, tops: int) -> list[Logprob]:
    """`tops` is how many of the likeliest tokens were asked for; for completions the engine adds the chosen
    one to them."""
    try:
        if isinstance(value, dict) and "tokens" in value:
            return _from_completion(msgspec.convert(value, _Completion), tops)
        return msgspec.convert(value, _Chat).content or []
    except msgspec.ValidationError:
        raise EngineBrokenError("the engine sent log probabilities that cannot be read") from None


def without_end(logprobs: list[Logprob], text: str) -> list[Logprob]:
    """Those of the last piece of an answer that ended by itself: the token that ended it is no part of it."""
    ended = logprobs and not text.endswith(logprobs[-1].token)
    return logprobs[:-1] if ended else logprobs


def _from_completion(logprobs: _Completion, tops: int) -> list[Logprob]:
    likeliest = logprobs.top_logprobs or [None] * len(logprobs.tokens)
    return [
        Logprob(
            token,
            logprob if logprob is not None else 0.0,
            list(token.encode("utf-8", "replace")),
            _tops(top or {}, tops),
        )
        for token, logprob, top in zip(logprobs.tokens, logprobs.token_logprobs, likeliest, strict=False)
    ]


def _tops(found: dict[str, float], tops: int) -> list[TokenLogprob]:
    ordered = sorted(found.items(), key=lambda entry: -entry[1])
    return [
        TokenLogprob(token, logprob, list(token.encode("utf-8", "replace")))
        for token, logprob in ordered[:tops]
    ]
