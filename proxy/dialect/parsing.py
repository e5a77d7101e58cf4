"""JSON as Ollama takes it, which is as Go's decoder does: the first value of the body, whatever follows."""

import json
import math

import msgspec

from proxy.errors import ApiError

MAX_DEPTH = 128


def parse_json(body: bytes) -> object:
    if not body.strip():
        raise ApiError(400, "missing request body")
    try:
        value = _first_value(body)
    except RecursionError:
        raise ApiError(400, "exceeded max depth") from None
    _check_depth(value)
    return value


def _first_value(body: bytes) -> object:
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError):
        return _first_value_slowly(body.decode("utf-8", "replace").lstrip(" \t\r\n"))
    return value


def _first_value_slowly(text: str) -> object:
    """For what the fast decoder refuses and Go takes: bytes after the value, bytes that are no UTF-8,
    halves of surrogate pairs."""
    try:
        value, _ = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).raw_decode(text)
        clean: object = msgspec.json.decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except json.JSONDecodeError as error:
        raise ApiError(400, _syntax_error(text, error.pos)) from None
    except (ValueError, msgspec.DecodeError):
        raise ApiError(400, "invalid number in JSON value") from None
    return clean


def _refuse(constant: str) -> object:
    raise ApiError(400, f"invalid character '{constant[0]}' looking for beginning of value")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ApiError(400, f"json: cannot unmarshal number {text[:40]} into Go value of type float64")
    return value


def _syntax_error(text: str, position: int) -> str:
    if position >= len(text) or text[position] == '"':
        return "unexpected EOF"
    return f"invalid character {text[position]!r} looking for beginning of value"


def _check_depth(value: object) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
    raise ApiError(400, "exceeded max depth")
