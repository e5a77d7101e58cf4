"""What vLLM refuses. A wrong translation of a client's request must not get past its fake either.

Each rule gives its complaints. A field of a wrong type is refused by whoever stumbles over it."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Asked = Mapping[str, Any]

ROLES = ("system", "developer", "user", "assistant", "tool")
_STOP_LIMIT = 64
_MAX_TOP_LOGPROBS = 20
_RESPONSE_FORMATS = ("text", "json_object", "json_schema")

# Field: from, to (both may be), whether it is an integer.
_RANGES: Mapping[str, tuple[float, float, bool]] = {
    "max_tokens": (1, 2**31, True),
    "max_completion_tokens": (1, 2**31, True),
    "temperature": (0, 2, False),
    "top_p": (1e-9, 1, False),
    "top_k": (-1, 2**31, True),
    "min_p": (0, 1, False),
    "repetition_penalty": (1e-9, 1e9, False),
    "presence_penalty": (-2, 2, False),
    "frequency_penalty": (-2, 2, False),
    "seed": (-(2**63), 2**63 - 1, True),
    "top_logprobs": (0, _MAX_TOP_LOGPROBS, True),
}


def complaint(asked: Asked, *, chat: bool) -> str | None:
    """The first thing in a request that vLLM would refuse."""
    rules = (*_RULES, *(_CHAT_RULES if chat else _COMPLETION_RULES))
    return next((told for rule in rules for told in rule(asked)), None)


def _in_range(asked: Asked) -> Iterator[str]:
    for name, (low, high, whole) in _RANGES.items():
        value = asked.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            yield f"{name}: input should be a valid {'integer' if whole else 'number'}"
        elif not low <= value <= high:
            yield f"{name} must be in [{low}, {high}], got {value}."


def _streaming(asked: Asked) -> Iterator[str]:
    if asked.get("stream_options") and not asked.get("stream"):
        yield "Stream options can only be defined when `stream=True`."


def _stops(asked: Asked) -> Iterator[str]:
    stop = asked.get("stop") or []
    if not isinstance(stop, str | list) or any(not isinstance(text, str) or not text for text in stop):
        yield "stop: input should be a string or a list of strings that are not empty"
    elif isinstance(stop, list) and len(stop) > _STOP_LIMIT:
        yield f"stop: list should have at most {_STOP_LIMIT} items"


def _constraints(asked: Asked) -> Iterator[str]:
    form = asked.get("response_format")
    if form is None:
        return
    if form.get("type") not in _RESPONSE_FORMATS:
        yield f"response_format: {form.get('type')!r} is not known"
    if form.get("type") == "json_schema" and not isinstance(form.get("json_schema", {}).get("schema"), dict):
        yield "response_format: json_schema needs a schema"
    if form.get("type") != "text" and asked.get("structured_outputs"):
        yield "You can only use one kind of constraints for structured outputs."


def _messages(asked: Asked) -> Iterator[str]:
    messages = asked.get("messages")
    if not messages:
        yield "messages must not be empty"
        return
    called: set[str] = set()
    for message in messages:
        if message.get("role") not in ROLES:
            yield f"Unexpected message role {message.get('role')!r}."
        yield from _content(message)
        for call in message.get("tool_calls") or ():
            yield from _call(call)
            called.add(str(call.get("id")))
        if message.get("role") == "tool":
            yield from _result(message, called)


def _content(message: Asked) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, list):
        for part in content:
            yield from _part(part)
    elif content is None and not message.get("tool_calls"):
        yield f"a message of the {message.get('role')} needs content"
    elif content is not None and not isinstance(content, str):
        yield "content: input should be a string or a list of parts"


def _part(part: Asked) -> Iterator[str]:
    match part.get("type"):
        case "text":
            if not isinstance(part.get("text"), str):
                yield "text: input should be a valid string"
        case "image_url":
            head, _, data = part["image_url"]["url"].partition(";base64,")
            if not head.startswith("data:image/") or not base64.b64decode(data, validate=True):
                yield "Failed to load image: the URL is no picture's data"
        case "input_audio":
            base64.b64decode(part["input_audio"]["data"], validate=True)
        case other:
            yield f"Unknown part type: {other}"


def _call(call: Asked) -> Iterator[str]:
    function = call.get("function", {})
    if call.get("type") != "function" or not call.get("id"):
        yield "a tool call needs an id and the type `function`"
    if not function.get("name") or not isinstance(function.get("arguments"), str):
        yield "the arguments of a tool call must be a string"
    elif not isinstance(json.loads(function["arguments"]), dict):
        yield "the arguments of a tool call must be a JSON object"


def _result(message: Asked, called: set[str]) -> Iterator[str]:
    if not message.get("tool_call_id"):
        yield "a tool's message needs a tool_call_id"
    elif called and message["tool_call_id"] not in called:
        yield f"nobody called {message['tool_call_id']!r}"


def _tools(asked: Asked) -> Iterator[str]:
    tools, choice = asked.get("tools"), asked.get("tool_choice")
    if tools == []:
        yield "tools: list should have at least 1 item"
    if choice not in (None, "none") and not tools:
        yield "When using `tool_choice`, `tools` must be set."
    names = [tool["function"]["name"] for tool in tools or () if tool["type"] == "function"]
    if len(names) != len(tools or ()) or not all(names):
        yield "a tool needs the type `function` and a name"
    if isinstance(choice, dict) and choice["function"]["name"] not in names:
        yield "The tool specified in `tool_choice` does not match any of the specified `tools`"


def _chat_logprobs(asked: Asked) -> Iterator[str]:
    if asked.get("top_logprobs") and not asked.get("logprobs"):
        yield "when using `top_logprobs`, `logprobs` must be set to true."


def _completion_logprobs(asked: Asked) -> Iterator[str]:
    logprobs = asked.get("logprobs")
    if isinstance(logprobs, bool) or not 0 <= (logprobs or 0) <= _MAX_TOP_LOGPROBS:
        yield f"`logprobs` must be a number from 0 to {_MAX_TOP_LOGPROBS}."


def _prompt(asked: Asked) -> Iterator[str]:
    prompt = asked.get("prompt")
    ids = isinstance(prompt, list) and prompt and all(isinstance(token, int) for token in prompt)
    if not ids and not isinstance(prompt, str):
        yield "prompt: input should be a string or a list of tokens"
    if asked.get("suffix"):
        yield "suffix is only supported for models with FIM completion"


_RULES: tuple[Callable[[Asked], Iterator[str]], ...] = (_in_range, _streaming, _stops, _constraints)
_CHAT_RULES = (_messages, _tools, _chat_logprobs)
_COMPLETION_RULES = (_completion_logprobs, _prompt)
