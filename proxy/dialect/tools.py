"""Tool calls: whole with object arguments for Ollama's clients, in fragments of text from the engine."""

import secrets
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from proxy.dialect.messages import ChatRequest, Message, ToolCall
from proxy.errors import ApiError

_LETTERS = string.ascii_lowercase + string.digits


def offered(request: ChatRequest) -> dict[str, Any]:
    """The tools that the model may call, and whether it must. An engine takes no empty list, and no choice
    among nothing."""
    choice = request.tool_choice
    names = {tool.function.name for tool in request.tools}
    wanted = choice["function"]["name"] if isinstance(choice, dict) else None
    if wanted is not None and wanted not in names:
        raise ApiError(400, "tool_choice names a function that is not among the tools")
    if choice == "required" and not names:
        raise ApiError(400, "tool_choice requires a tool to be called, but there are no tools")
    if not names:
        return {}
    functions = [{"name": tool.function.name, **msgspec.to_builtins(tool.function)} for tool in request.tools]
    tools = [{"type": "function", "function": function} for function in functions]
    return {"tools": tools} | ({"tool_choice": choice} if choice is not None else {})


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
                "id": next(filter(None, ids), "") or _made_id(),
                "function": {
                    "index": position,
                    "name": "".join(names),
                    "arguments": _arguments("".join(arguments)),
                },
            }
            for position, (_, (ids, names, arguments)) in enumerate(sorted(self._calls.items()))
        ]


def _made_id() -> str:
    return "call_" + "".join(secrets.choice(_LETTERS) for _ in range(8))


def _arguments(text: str) -> Mapping[str, Any]:
    """Clients demand an object; what is none, or cannot be written again, is given back under one key
    rather than lost."""
    if not text.strip():
        return {}
    try:
        value = msgspec.json.decode(text)
        msgspec.json.encode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return {"raw": text}
    return value if isinstance(value, dict) else {"raw": text}


@dataclass(frozen=True, slots=True)
class _OpenCall:
    """One that has no result yet. `own` says that the client gave the id."""

    call_id: str
    name: str
    own: bool


class CallIds:
    """Gives every call of a history an id, and every result the id of its call.

    Many clients drop the ids. A result then belongs to the oldest unanswered call of its tool's name, or
    to the oldest unanswered call of all. Made-up ids are nine letters and digits, which the strictest chat
    templates demand."""

    def __init__(self) -> None:
        self._open: list[_OpenCall] = []
        self._made = self._make()

    @staticmethod
    def _make() -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield f"call{number:05d}"

    def new_turn(self) -> None:
        """No result comes any more for what was called before."""
        self._open.clear()

    def for_call(self, call: ToolCall) -> str:
        call_id = call.id or next(self._made)
        self._open.append(_OpenCall(call_id, call.function.name, own=bool(call.id)))
        return call_id

    def for_result(self, message: Message) -> tuple[str, str]:
        """The call's id and its tool's name."""
        match = self._match(message)
        if match is None:
            return message.tool_call_id or next(self._made), message.tool_name
        self._open.remove(match)
        return match.call_id, message.tool_name or match.name

    def _match(self, message: Message) -> _OpenCall | None:
        """An id may be of a call whose own id was dropped."""
        wanted = message.tool_call_id
        same = next((call for call in self._open if call.own and call.call_id == wanted), None)
        if same is not None:
            return same
        candidates = [call for call in self._open if not (wanted and call.own)]
        named = (call for call in candidates if call.name == message.tool_name)
        return next(named, None) or next(iter(candidates), None)
