"""Fields of requests that have a grammar of their own. Each is read while the request is decoded."""

from typing import Annotated, Any

from proxy.dialect.bodies.decoding import lower_case, whole
from proxy.dialect.bodies.quoting import quoted
from proxy.dialect.durations import KeepAlive, keep_alive
from proxy.errors import ApiError

# What Ollama knows, and what engines know besides.
EFFORTS = ("low", "medium", "high", "max", "minimal", "xhigh")
_MOST_TOPS = 20
_CHOICES = '"high", "medium", "low", "max", true, or false'


def read_think(value: object, _place: str = "") -> bool | str:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ApiError(400, f"think must be a boolean or string ({_CHOICES})")
    if value == "none":
        return False
    if value not in EFFORTS:
        raise ApiError(400, f"invalid think value: {quoted(value)} (must be {_CHOICES})")
    return value


def _arguments(value: object, _place: str) -> dict[str, Any]:
    """Of a tool call. Some clients write the object as a text, as OpenAI has it; Ollama refuses that."""
    if not isinstance(value, dict):
        raise ApiError(400, "Value looks like object, but can't find closing '}' symbol")
    return value


def _choice(value: object, _place: str) -> str | dict[str, Any]:
    """Which tool to call: one of the words, or a tool's name in OpenAI's form."""
    if value in ("auto", "none", "required"):
        return str(value)
    function = value.get("function") if isinstance(value, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        raise ApiError(400, 'tool_choice must be "auto", "none", "required", or name a function')
    return {"type": "function", "function": {"name": name}}


def _keep_alive(value: object, _place: str) -> KeepAlive:
    return keep_alive(value)


def _top_logprobs(value: object, place: str) -> int:
    number = whole(value, place)
    if not 0 <= number <= _MOST_TOPS:
        raise ApiError(400, f"top_logprobs must be between 0 and {_MOST_TOPS}")
    return number


Think = Annotated[bool | str | None, read_think]
Arguments = Annotated[dict[str, Any], _arguments]
Choice = Annotated[str | dict[str, Any] | None, _choice]
Lifetime = Annotated[KeepAlive, _keep_alive]
Role = Annotated[str, lower_case]
Tops = Annotated[int, _top_logprobs]
