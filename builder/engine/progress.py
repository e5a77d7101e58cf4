"""BuildKit's machine-readable progress (`--progress rawjson`): what runs, what is done, what failed.

The parser is pure: lines go in, finished steps come out. A message is one line of JSON, or with buildx
before 0.15 a block of lines that is indented. Lines that are no JSON are buildx's own words, which it prints
after the stream when a build fails; they are kept.
"""

import base64
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from builder.console import seconds, size
from builder.sources.urls import redact

_STEP = re.compile(r"\[(?:(?P<stage>.+?)\s+)?(?P<number>\d+)/(?P<total>\d+)\]\s+(?P<instruction>.*)", re.S)
_OPTIONS = re.compile(r"^([A-Z]+)(?:\s+--[a-z]+(?:=\S+)?)+")
_CANCELLED = ("context canceled", "context cancelled", "CANCELED")
_KEPT_LOG_LINES = 400
_INSTRUCTION_LENGTH = 60
_SHORT_LENGTH = 24


@dataclass(frozen=True)
class StepName:
    """`[build 2/5] RUN make` in its parts; work that is no step of the Dockerfile has number 0."""

    stage: str
    number: int
    total: int
    instruction: str

    @classmethod
    def parse(cls, name: str) -> "StepName":
        match = _STEP.match(name)
        if not match:
            return cls("", 0, 0, " ".join(name.split()))
        stage = (match["stage"] or "").split()[-1:] or [""]
        instruction = " ".join(match["instruction"].split())
        return cls(stage[0], int(match["number"]), int(match["total"]), _OPTIONS.sub(r"\1", instruction))

    @property
    def works(self) -> bool:
        """Whether it is a step that does something: what it starts from is only looked up."""
        return self.number > 0 and not self.instruction.startswith("FROM ")

    @property
    def place(self) -> str:
        return f"{self.stage} {self.number}/{self.total}".strip() if self.number else ""

    def __str__(self) -> str:
        return self.short(_INSTRUCTION_LENGTH)

    def short(self, length: int) -> str:
        """The place and the first `length` characters of the instruction."""
        text = self.instruction
        if len(text) > length:
            text = text[: length - 1] + "…"
        return f"{self.place} {text}".strip()


@dataclass
class Vertex:
    """One piece of work in BuildKit's graph."""

    name: StepName
    started: datetime | None = None
    completed: datetime | None = None
    cached: bool = False
    error: str = ""
    log: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LOG_LINES))
    transfers: dict[str, tuple[int, int]] = field(default_factory=dict)
    partial: dict[int, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        return self.started is not None and self.completed is None

    @property
    def seconds(self) -> float:
        if self.started is None or self.completed is None:
            return 0.0
        return (self.completed - self.started).total_seconds()

    @property
    def failed(self) -> bool:
        return bool(self.error) and not any(word in self.error for word in _CANCELLED)

    @property
    def tells_something(self) -> bool:
        """Whether it is a finished step that is worth a line: a base image is, if it had to be fetched."""
        done = self.completed is not None and self.name.number > 0 and not self.error
        return done and (self.name.works or bool(self.amount))

    @property
    def amount(self) -> str:
        """Bytes that have come so far, of how many where that is known."""
        amounts = tuple(self.transfers.values())
        current = sum(done for done, _ in amounts)
        total = sum(known for _, known in amounts)
        if not current:
            return ""
        return f"{size(current)} of {size(total)}" if total >= current else size(current)

    def log_lines(self) -> list[str]:
        """The log with what came after the last line break."""
        return [*self.log, *(rest for rest in self.partial.values() if rest.strip())]

    def append(self, stream: int, text: str) -> None:
        """Add output as it came: in pieces that do not end where lines end."""
        *lines, rest = (self.partial.get(stream, "") + text).replace("\r\n", "\n").split("\n")
        self.partial[stream] = rest
        self.log.extend(redact(line.rsplit("\r", 1)[-1].rstrip()) for line in lines)


class Progress:
    """The state of one build, fed line by line."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.warnings: list[str] = []
        self._vertices: dict[str, Vertex] = {}
        self._reported: set[str] = set()
        self._block: list[str] = []

    def feed(self, line: str) -> list[Vertex]:
        """Take one line; gives the steps of the Dockerfile that it finished."""
        message = _decode(self._whole(line))
        if message is None:
            return []
        for entry in _entries(message, "vertexes"):
            self._update(entry)
        for entry in _entries(message, "statuses"):
            self._transfer(entry)
        for entry in _entries(message, "logs"):
            self._log(entry)
        self.warnings.extend(_text(entry.get("short")) for entry in _entries(message, "warnings"))
        return self._newly_finished()

    def _whole(self, line: str) -> str:
        """The message that the line is or completes; "" where there is none yet, and none to come."""
        text = line.rstrip()
        if self._block and text.startswith((" ", "}")):
            self._block.append(text)
            if text != "}":
                return ""
            whole, self._block = "".join(self._block), []
            return whole
        self._block = [text] if text == "{" else []
        if text and not text.startswith("{"):
            self.text.append(redact(text))
        return text

    @property
    def steps(self) -> list[Vertex]:
        """The steps of the Dockerfile that were reached and do something, in their order of appearance."""
        return [vertex for vertex in self._vertices.values() if vertex.name.works and vertex.started]

    @property
    def failure(self) -> Vertex | None:
        return next((vertex for vertex in self._vertices.values() if vertex.failed), None)

    @property
    def summary(self) -> str:
        steps = self.steps
        cached = sum(step.cached for step in steps)
        return f"{len(steps)} steps" + (f", {cached} cached" if cached else "")

    def activity(self, now: datetime) -> str:
        """What runs at this moment: stage, step, its time, bytes or its last line of output."""
        running = [vertex for vertex in tuple(self._vertices.values()) if vertex.running]
        if not running:
            return ""
        vertex = min(running, key=lambda each: (not each.name.number, each.started))
        elapsed = (now - vertex.started).total_seconds() if vertex.started else 0.0
        detail = vertex.amount or (vertex.log[-1] if vertex.log else "")
        name = vertex.name.short(_SHORT_LENGTH if detail else _INSTRUCTION_LENGTH)
        parts = [name, seconds(max(elapsed, 0.0)), detail.strip()]
        return "  ".join(part for part in parts if part)

    def _update(self, entry: Mapping[str, Any]) -> None:
        digest = str(entry.get("digest"))
        vertex = self._vertices.get(digest)
        if vertex is None:
            vertex = self._vertices[digest] = Vertex(StepName.parse(redact(str(entry.get("name", "")))))
        vertex.started = _time(entry.get("started")) or vertex.started
        vertex.completed = _time(entry.get("completed"))
        vertex.cached = vertex.cached or bool(entry.get("cached"))
        vertex.error = redact(str(entry.get("error") or "")) or vertex.error

    def _transfer(self, entry: Mapping[str, Any]) -> None:
        vertex = self._vertices.get(str(entry.get("vertex")))
        if vertex is not None:
            amounts = _number(entry.get("current")), _number(entry.get("total"))
            vertex.transfers[str(entry.get("id"))] = amounts

    def _log(self, entry: Mapping[str, Any]) -> None:
        vertex = self._vertices.get(str(entry.get("vertex")))
        if vertex is not None:
            vertex.append(_number(entry.get("stream")), _text(entry.get("data")))

    def _newly_finished(self) -> list[Vertex]:
        finished = []
        for digest, vertex in self._vertices.items():
            if vertex.tells_something and digest not in self._reported:
                self._reported.add(digest)
                finished.append(vertex)
        return finished


def _decode(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _entries(message: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    found = message.get(key)
    if isinstance(found, list):
        yield from (entry for entry in found if isinstance(entry, dict))


def _text(data: object) -> str:
    try:
        return base64.b64decode(str(data or "")).decode("utf-8", "replace")
    except ValueError:
        return ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _time(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None
