"""The engine's stream, chunk by chunk, as far as an answer needs it."""

from collections.abc import Callable
from typing import Any

import msgspec

from proxy.dialect.answers.logprobs import Logprob, read_logprobs, without_end
from proxy.dialect.errors import from_engine_error
from proxy.dialect.tools import CallBuilder, ToolCallDelta
from proxy.errors import EngineBrokenError

_DONE = b"[DONE]"


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    # Engines disagree on the name of what a model thinks.
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallDelta] | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: Any = None
    # Of plain completions; chats have them beside the choices.
    prompt_token_ids: list[int] | None = None
    token_ids: list[int] | None = None


class Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] = []
    usage: Usage | None = None
    error: Any = None
    prompt_token_ids: list[int] | None = None


class Piece(msgspec.Struct, gc=False):
    """What one chunk adds to the answer."""

    text: str = ""
    thinking: str = ""
    logprobs: list[Logprob] = []


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class Reading:
    """What the stream said so far. `ticks` gives nanoseconds of a clock that never runs back; `tops` is how
    many of the likeliest tokens were asked for."""

    __slots__ = (
        "_calls",
        "_ticks",
        "_tops",
        "done",
        "finish_reason",
        "first_ns",
        "ids",
        "last_ns",
        "pieces",
        "prompt_ids",
        "usage",
    )

    def __init__(self, ticks: Callable[[], int], tops: int) -> None:
        self._ticks = ticks
        self._tops = tops
        self._calls: CallBuilder | None = None
        self.done = False
        self.finish_reason: str | None = None
        self.first_ns = 0
        self.last_ns = 0
        self.pieces = 0
        self.usage: Usage | None = None
        self.prompt_ids: list[int] = []
        self.ids: list[int] = []

    def read(self, data: bytes) -> Piece | None:
        """The piece in one event's data, if it holds any."""
        if data == _DONE:
            self.done = True
            return None
        try:
            chunk = _decode_chunk(data)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise EngineBrokenError("the engine sent a chunk that cannot be read") from None
        if chunk.error is not None:
            raise from_engine_error(_status(chunk.error), data)
        if chunk.usage is not None:
            self.usage = chunk.usage
        if chunk.prompt_token_ids is not None:
            self.prompt_ids = chunk.prompt_token_ids
        return self._choice(chunk.choices[0]) if chunk.choices else None

    def tool_calls(self) -> list[dict[str, Any]]:
        return self._calls.calls() if self._calls is not None else []

    def end(self) -> None:
        """The engine sends no more. Raises when the answer is not whole."""
        if self.finish_reason is None:
            raise EngineBrokenError("the engine closed the stream before the answer was complete")

    def _choice(self, choice: _Choice) -> Piece | None:
        # The chunk with the role comes with the first token, and a call's fragments may come long after it.
        self.first_ns = self.first_ns or self._ticks()
        piece = self._piece(choice)
        if choice.token_ids is not None:
            self.ids += choice.token_ids
            self.prompt_ids = choice.prompt_token_ids or self.prompt_ids
        if choice.finish_reason is not None:
            self.finish_reason = choice.finish_reason
        elif piece is None:
            return None
        self.last_ns = self._ticks()
        if piece is not None:
            self.pieces += 1
        return piece

    def _piece(self, choice: _Choice) -> Piece | None:
        delta = choice.delta
        if delta is None:
            text, thinking = choice.text or "", ""
        else:
            text, thinking = delta.content or "", delta.reasoning or delta.reasoning_content or ""
            if delta.tool_calls:
                self._calls = self._calls or CallBuilder()
                self._calls.add(delta.tool_calls)
        logprobs = read_logprobs(choice.logprobs, self._tops) if choice.logprobs is not None else []
        if choice.finish_reason == "stop":
            logprobs = without_end(logprobs, text or thinking)
        return Piece(text, thinking, logprobs) if text or thinking or logprobs else None


def _status(error: object) -> int:
    """A stream that began well has no other status than the one in its error."""
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500
