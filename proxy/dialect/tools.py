"""Tool calls: whole with object arguments for Ollama's clients, in fragments of text from the engine."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from proxy.dialect.messages import Message, ToolCall


class FunctionDelta(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: FunctionDelta | None = None


class CallBuilder:
    """Puts the fragments of the engine's tool calls together."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[int, tuple[list[str], list[str], list[str]]] = {}

    def add(self, deltas: Sequence[ToolCallDelta]) -> None:
        for delta in deltas:
            ids, names, arguments = self._calls.setdefault(delta.index, ([], [], []))
            ids.append(delta.id or "")
            if delta.function is not None:
                names.append(delta.function.name or "")
                arguments.append(delta.function.arguments or "")

    def calls(self) -> list[dict[str, Any]]:
        return [
            {
                "id": next(filter(None, ids), f"call_{position:08d}"),
                "function": {
                    "index": position,
                    "name": "".join(names),
                    "arguments": _arguments("".join(arguments)),
                },
            }
            for position, (_, (ids, names, arguments)) in enumerate(sorted(self._calls.items()))
        ]


def _arguments(text: str) -> Mapping[str, Any]:
    """Clients demand an object; what is none is given back under one key rather than lost."""
    if not text.strip():
        return {}
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {"raw": text}
    return value if isinstance(value, dict) else {"raw": text}


class CallIds:
    """Gives every call of a history an id, and every result the id of its call.

    Many clients drop the ids. A result then belongs to the oldest unanswered call of its tool's name, or
    to the oldest unanswered call of all. Made-up ids are nine letters and digits, which the strictest chat
    templates demand."""

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []
        self._made = self._make()

    @staticmethod
    def _make() -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield f"call{number:05d}"

    def for_call(self, call: ToolCall) -> str:
        call_id = call.id or next(self._made)
        self._open.append((call_id, call.function.name))
        return call_id

    def for_result(self, message: Message) -> tuple[str, str]:
        """The call's id and its tool's name."""
        match = self._match(message)
        if match is None:
            return message.tool_call_id or next(self._made), message.tool_name
        self._open.remove(match)
        return match[0], message.tool_name or match[1]

    def _match(self, message: Message) -> tuple[str, str] | None:
        if message.tool_call_id:
            return next((entry for entry in self._open if entry[0] == message.tool_call_id), None)
        by_name = next((entry for entry in self._open if entry[1] == message.tool_name), None)
        return by_name or next(iter(self._open), None)
