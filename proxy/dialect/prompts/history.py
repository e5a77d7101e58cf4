"""The messages of a chat, as the engine takes them."""

from typing import Any

import msgspec

from proxy.dialect.messages import Message, ToolCall
from proxy.dialect.prompts.images import content_part
from proxy.dialect.tools import CallIds


def history(messages: list[Message]) -> list[dict[str, Any]]:
    ids = CallIds()
    return [_message(message, ids) for message in messages]


def _message(message: Message, ids: CallIds) -> dict[str, Any]:
    if message.role == "user":
        ids.new_turn()
    mapped: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.thinking:
        mapped["reasoning"] = message.thinking
    if message.tool_calls:
        mapped["tool_calls"] = [_tool_call(call, ids) for call in message.tool_calls]
    if mapped["role"] == "tool":
        mapped["tool_call_id"], name = ids.for_result(message)
        if name:
            mapped["name"] = name
    return mapped


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.content
    text = [{"type": "text", "text": message.content}] if message.content else []
    return text + [content_part(image) for image in message.images]


def _tool_call(call: ToolCall, ids: CallIds) -> dict[str, Any]:
    function = call.function
    arguments = msgspec.json.encode(function.arguments).decode()
    return {
        "id": ids.for_call(call),
        "type": "function",
        "function": {"name": function.name, "arguments": arguments},
    }
