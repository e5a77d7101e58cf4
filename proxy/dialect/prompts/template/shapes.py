"""Messages and tools in the shapes that templates see: Go's names of fields, Go's numbers from JSON.

Arguments, tools and their properties print as JSON. So do a tool's function and parameters, which Ollama
prints as Go's structures since it copies them for templates: those that name them were written for JSON."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.dialect.messages import Message, Tool, ToolCall
from proxy.dialect.prompts.template.budget import Budget
from proxy.dialect.prompts.template.gojson import to_json
from proxy.dialect.prompts.template.values import TYPESCRIPT, Described, NilList, Ordered, Struct

_TYPESCRIPT = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "array": "any[]",
    "object": "Record<string, any>",
    "null": "null",
}
_MOST = int(sys.float_info.max)
_TAGS = {"Defs": "$defs", "AnyOf": "anyOf"}


class _AsJson(Described):
    def text(self, budget: Budget) -> str:
        return to_json(self, budget)


class _JsonStruct(_AsJson, Struct):
    pass


class _JsonList(_AsJson, list[object]):
    pass


class _JsonMap(_AsJson, dict[str, object]):
    pass


class _NoMap(Described, dict[str, object]):
    def text(self, _: Budget) -> str:
        return "{}"

    def encoded(self) -> object:
        return None


class _NoTools(_AsJson, NilList):
    pass


class _Types(Described, list[object]):
    """One type stands for itself, both in print and in JSON."""

    def text(self, _: Budget) -> str:
        return str(self[0]) if len(self) == 1 else f"[{' '.join(map(str, self))}]" if self else ""

    def encoded(self) -> object:
        return self[0] if len(self) == 1 else list(self) or None


def message(told: Message) -> Struct:
    calls = [_call(call) for call in told.tool_calls]
    return Struct(
        "*template.templateMessage",
        {
            "Role": told.role.lower(),
            "Content": told.content,
            "Thinking": told.thinking,
            "Images": list(told.images) or NilList(),
            "ToolCalls": calls or NilList(),
            "ToolName": told.tool_name,
            "ToolCallID": told.tool_call_id,
        },
    )


def _call(told: ToolCall) -> Struct:
    arguments = {name: _as_go(value) for name, value in told.function.arguments.items()}
    fields = {"Index": told.function.index, "Name": told.function.name, "Arguments": _JsonMap(arguments)}
    function = Struct("template.templateToolCallFunction", fields)
    return Struct("template.templateToolCall", {"ID": told.id, "Function": function})


def tools(told: Sequence[Tool]) -> Sequence[object]:
    return _JsonList(map(_tool, told)) if told else _NoTools()


def _tool(told: Tool) -> Struct:
    function = {
        "Name": told.function.name,
        "Description": told.function.description,
        "Parameters": _parameters(told.function.parameters),
    }
    fields = {
        "Type": told.type,
        "Items": None,
        "Function": _JsonStruct("template.templateToolFunction", function, tagged=_tagged(function)),
    }
    return _JsonStruct("template.templateTool", fields, tagged=_tagged(fields, "Items"))


def _parameters(told: Mapping[str, Any]) -> Struct:
    properties = told.get("properties")
    fields = {
        "Type": _text(told.get("type")),
        "Defs": _as_go(told.get("$defs")),
        "Items": _as_go(told.get("items")),
        "Required": _list(told.get("required")),
        "Properties": _NoMap() if properties is None else _JsonMap(_properties(properties)),
    }
    tagged = _tagged(fields, "Defs", "Items", "Required")
    return _JsonStruct("template.templateToolFunctionParameters", fields, tagged=tagged)


def _properties(told: object) -> dict[str, object]:
    return {name: _property(_mapping(value)) for name, value in _mapping(told).items()}


def _property(told: Mapping[str, Any]) -> Struct:
    choices = [_property(_mapping(choice)) for choice in _list(told.get("anyOf"))]
    types, inner = _types(told.get("type")), told.get("properties")
    fields = {
        "AnyOf": choices or NilList(),
        "Type": types,
        "Items": _as_go(told.get("items")),
        "Description": _text(told.get("description")),
        "Enum": _list(told.get("enum")),
        "Properties": None if inner is None else Ordered(_properties(inner)),
        "Required": _list(told.get("required")),
    }
    hidden = {TYPESCRIPT: _typescript(choices, types)}
    return Struct("api.ToolProperty", fields, tagged=_tagged(fields, *fields), hidden=hidden)


def _typescript(choices: Sequence[Struct], types: Sequence[object]) -> str:
    if choices:
        return " | ".join(str(choice.hidden[TYPESCRIPT]) for choice in choices)
    return " | ".join(_TYPESCRIPT.get(str(name), "any") for name in types) or "any"


def _tagged(fields: Mapping[str, object], *optional: str) -> Mapping[str, object]:
    """The fields with their names in JSON, without those that may be left out and hold nothing."""
    return {
        _TAGS.get(name, name.lower()): value
        for name, value in fields.items()
        if name not in optional or not _empty(name, value)
    }


def _empty(name: str, value: object) -> bool:
    """Whatever stands in some is something."""
    return value is None or (
        name not in ("Items", "Defs") and isinstance(value, str | list | tuple) and not value
    )


def _types(told: object) -> _Types:
    return _Types(
        [told] if isinstance(told, str) else [name for name in _list(told) if isinstance(name, str)]
    )


def _mapping(told: object) -> Mapping[str, Any]:
    return told if isinstance(told, Mapping) else {}


def _text(told: object) -> str:
    return told if isinstance(told, str) else ""


def _list(told: object) -> Sequence[object]:
    return [_as_go(value) for value in told] if isinstance(told, list) else NilList()


def _as_go(told: object) -> object:
    """Every number of JSON is a floating point one."""
    match told:
        case dict():
            return {name: _as_go(value) for name, value in told.items()}
        case list():
            return [_as_go(value) for value in told]
        case int() if not isinstance(told, bool):
            return float(max(-_MOST, min(_MOST, told)))
    return told
