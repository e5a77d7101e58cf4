"""Ollama's answers, line by line or whole, from the engine's stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from proxy.dialect.answers.from_engine import Piece, Reading
from proxy.dialect.answers.lines import line
from proxy.dialect.answers.logprobs import Logprob
from proxy.dialect.prompts.to_engine import EngineRequest
from proxy.dialect.thoughts import Thoughts

_encode = msgspec.json.Encoder().encode

_DONE_REASONS = {"stop": "stop", "tool_calls": "stop", "length": "length"}


@dataclass(frozen=True, slots=True)
class Clock:
    """`ticks`: nanoseconds that never run back. `stamp`: the time of day, as RFC 3339 in UTC."""

    ticks: Callable[[], int]
    stamp: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the text stands in a record."""

    opening: bytes
    closing: bytes


CHAT = Shape(b'"message":{"role":"assistant","content":', b"}")
GENERATE = Shape(b'"response":', b"")


class Record:
    """Writes the records of one answer. Each is put together from bytes that are ready: a streamed token
    costs one small string's encoding, not a tree of objects."""

    __slots__ = ("_head", "_opening", "_part_end", "_shape", "_stamp")

    def __init__(self, shape: Shape, model: str, clock: Clock) -> None:
        self._shape = shape
        self._head = b'{"model":' + _encode(model) + b',"created_at":"'
        self._stamp = clock.stamp
        self._opening = b'",' + shape.opening
        self._part_end = shape.closing + b',"done":false}'

    def part(self, piece: Piece) -> bytes:
        if piece.thinking or piece.logprobs:
            return self._write(piece, (), b',"done":false}')
        text = _encode(piece.text)
        return line(b"".join((self._head, self._stamp().encode(), self._opening, text, self._part_end)))

    def calls(self, calls: Sequence[dict[str, Any]]) -> bytes:
        return self._write(Piece(), calls, b',"done":false}')

    def last(
        self, piece: Piece, calls: Sequence[dict[str, Any]], reason: str | None, figures: dict[str, Any]
    ) -> bytes:
        return self.told({"done": True} | ({"done_reason": reason} if reason else {}) | figures, piece, calls)

    def told(
        self, tail: dict[str, Any], piece: Piece | None = None, calls: Sequence[dict[str, Any]] = ()
    ) -> bytes:
        """A record that ends in other fields than those of a part."""
        return self._write(piece or Piece(), calls, b"," + _encode(tail)[1:])

    def _write(self, piece: Piece, calls: Sequence[dict[str, Any]], tail: bytes) -> bytes:
        shape = self._shape
        parts = [self._head, self._stamp().encode(), self._opening, _encode(piece.text)]
        if piece.thinking:
            parts += (b',"thinking":', _encode(piece.thinking))
        if calls:
            parts += (b',"tool_calls":', _encode(calls))
        parts.append(shape.closing)
        if piece.logprobs:
            parts += (b',"logprobs":', _encode(piece.logprobs))
        parts.append(tail)
        return line(b"".join(parts))


def settled(shape: Shape, model: str, reason: str, clock: Clock) -> bytes:
    """The answer to a request that only loads or unloads the model."""
    return Record(shape, model, clock).last(Piece(), (), reason, {})


def rendered(shape: Shape, model: str, prompt: str, images: int, clock: Clock) -> bytes:
    """The answer to a request that wants to see its prompt, and no more."""
    told = {"rendered_template": prompt, "image_count": images}
    return Record(shape, model, clock).told({"done": False, "_debug_info": told})


@dataclass(frozen=True, slots=True)
class Counts:
    """What an answer took, in tokens, and whether its prompt was cut."""

    prompt: int
    written: int
    truncated: bool = False


class Answer(Protocol):
    """Feed it the data of every event; what it returns goes to the client."""

    @property
    def done(self) -> bool: ...

    @property
    def counts(self) -> Counts: ...

    def sent(self, ask: EngineRequest) -> None: ...

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class _Told:
    """What both kinds of answers share: reading the stream, and the final record's figures."""

    def __init__(self, record: Record, clock: Clock, started_ns: int, ask: EngineRequest) -> None:
        self._record = record
        self._clock = clock
        self._started_ns = started_ns
        self._sent_ns = clock.ticks()
        self._ask = ask
        self._reading = Reading(clock.ticks, ask.tops)
        self._thoughts = Thoughts(begun=ask.thinking) if ask.thinks else None

    @property
    def done(self) -> bool:
        return self._reading.done

    @property
    def counts(self) -> Counts:
        """Where the engine does not count, what it sent tells."""
        reading, cut = self._reading, self._ask.truncated
        if reading.usage is None:
            return Counts(len(reading.prompt_ids), len(reading.ids) or reading.pieces, cut)
        return Counts(reading.usage.prompt_tokens, reading.usage.completion_tokens, cut)

    def sent(self, ask: EngineRequest) -> None:
        """The request as it went to the engine, which may be shorter than the one that was wanted."""
        self._ask = ask

    def _read(self, data: bytes) -> Piece | None:
        piece = self._reading.read(data)
        if self._ask.silent:
            return None
        if self._thoughts is None or piece is None:
            return piece
        thinking, text = self._thoughts.feed(piece.text)
        return Piece(text, thinking, piece.logprobs) if text or thinking or piece.logprobs else None

    def _rest(self) -> Piece:
        """What was held back until it was known to be the end."""
        if self._thoughts is None or self._ask.silent:
            return Piece()
        thinking, text = self._thoughts.rest()
        return Piece(text, thinking)

    def _calls(self) -> list[dict[str, Any]]:
        return [] if self._ask.silent else self._reading.tool_calls()

    def _last(self, piece: Piece, calls: Sequence[dict[str, Any]]) -> bytes:
        reading = self._reading
        reading.end()
        reason = "length" if self._ask.silent else _DONE_REASONS.get(reading.finish_reason or "")
        return self._record.last(piece, calls, reason, self._figures())

    def _figures(self) -> dict[str, Any]:
        """Clients take a zero for a missing value, so that no time is ever none at all."""
        reading, counts, silent = self._reading, self.counts, self._ask.silent
        figures = {
            "truncated": counts.truncated,
            "context": self._context(),
            "total_duration": max(1, self._clock.ticks() - self._started_ns),
            "load_duration": max(1, self._sent_ns - self._started_ns),
            "prompt_eval_count": counts.prompt,
            "prompt_eval_duration": max(1, reading.first_ns - self._sent_ns),
            "eval_count": 0 if silent else counts.written,
            "eval_duration": 0 if silent else max(1, reading.last_ns - reading.first_ns),
        }
        return {name: value for name, value in figures.items() if value}

    def _context(self) -> list[int]:
        """All tokens of the conversation so far, where the engine tells them."""
        reading = self._reading
        if not (self._ask.tells_ids and reading.prompt_ids):
            return []
        return reading.prompt_ids + ([] if self._ask.silent else reading.ids)


class StreamedAnswer(_Told):
    def feed(self, data: bytes) -> bytes:
        piece = self._read(data)
        return b"" if piece is None else self._record.part(piece)

    def finish(self) -> bytes:
        """The tool calls, whole, in a record of their own, then the last record."""
        self._reading.end()
        calls = self._calls()
        told = self._record.calls(calls) if calls else b""
        return told + self._last(self._rest(), ())


class WholeAnswer(_Told):
    def __init__(self, record: Record, clock: Clock, started_ns: int, ask: EngineRequest) -> None:
        super().__init__(record, clock, started_ns, ask)
        self._said: list[str] = []
        self._thought: list[str] = []
        self._logprobs: list[Logprob] = []

    def feed(self, data: bytes) -> bytes:
        piece = self._read(data)
        if piece is not None:
            self._said.append(piece.text)
            self._thought.append(piece.thinking)
            self._logprobs += piece.logprobs
        return b""

    def finish(self) -> bytes:
        rest = self._rest()
        text, thinking = "".join((*self._said, rest.text)), "".join((*self._thought, rest.thinking))
        whole = Piece(text, thinking, self._logprobs)
        return self._last(whole, self._calls())
