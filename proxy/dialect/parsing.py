"""JSON as Ollama takes it, which is as Go's decoder does: the first value of the body, whatever follows."""

import json
import math
import re

import msgspec

from proxy.dialect.syntax import END, syntax_error
from proxy.errors import ApiError

MAX_DEPTH = 128
# What is larger is not worth the time that it takes to mend: nobody else is served meanwhile.
_LONGEST_MENDED = 2 * 1024 * 1024
_UNCLEAR = "invalid JSON in request body"
_LONGEST_INTEGER = 300
_SURROGATES = re.compile("[\ud800-\udfff]")


def parse_json(body: bytes) -> object:
    if not body.strip(b" \t\r\n"):
        raise ApiError(400, "missing request body")
    try:
        value = _first_value(body)
    except RecursionError:
        raise ApiError(400, "exceeded max depth") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    return value


def _first_value(body: bytes) -> object:
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError) as error:
        if len(body) > _LONGEST_MENDED:
            raise ApiError(400, END if "truncated" in str(error) else _UNCLEAR) from None
        return _first_value_slowly(body)
    return value


def _first_value_slowly(body: bytes) -> object:
    """For what the fast decoder refuses and Go takes: bytes after the value, bytes that are no UTF-8,
    halves of surrogate pairs, integers of any length."""
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    try:
        value, _ = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, parse_int=_whole).raw_decode(
            text
        )
    except json.JSONDecodeError:
        raise ApiError(400, syntax_error(body) or _UNCLEAR) from None
    whole = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", json.dumps(value, ensure_ascii=False))
    clean: object = msgspec.json.decode(whole)
    return clean


def _refuse(constant: str) -> object:
    raise json.JSONDecodeError(f"{constant} is no number of JSON", "", 0)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ApiError(400, f"json: cannot unmarshal number {text[:40]} into Go value of type float64")
    return value


def _whole(text: str) -> int | float:
    """Python refuses to read what is longer still."""
    return int(text) if len(text) < _LONGEST_INTEGER else _finite(text)


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
    if level:
        raise ApiError(400, "exceeded max depth")
