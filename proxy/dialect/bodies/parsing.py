"""JSON as Ollama takes it, which is as Go's decoder does: the first value of the body, whatever follows."""

import json
import math
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec

from proxy.dialect.bodies.syntax import END, syntax_error
from proxy.errors import ApiError

MAX_DEPTH = 128
# What is larger is not worth the time that it takes to mend: nobody else is served meanwhile.
_LONGEST_MENDED = 2 * 1024 * 1024
_UNCLEAR = "invalid JSON in request body"
# Of integers that every decoder takes.
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1
_CONTAINERS = frozenset({dict, list})
_LONGEST_LIST = 10_000
_LONGEST_INTEGER = 300
_SURROGATES = re.compile("[\ud800-\udfff]")
# Small in a body, and large in memory: as many as can be looked at before others notice the wait.
_MOST_FIELDS = 250_000
_MARKS = (b"[", b"{", b":")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)


def parse_json(body: bytes) -> object:
    return read_json(body)[0]


def read_json(body: bytes) -> tuple[object, bool]:
    """The value, and whether every decoder reads the same in this body."""
    if not body.strip(b" \t\r\n"):
        raise ApiError(400, "missing request body")
    try:
        _refuse_crowds(body)
        value, plain = _first_value(body)
    except RecursionError:
        raise ApiError(400, "exceeded max depth") from None
    replaced: list[object] = []
    _settle(value, replaced, nested=body.count(b"[") + body.count(b"{") > MAX_DEPTH)
    return value, plain and not replaced


def _refuse_crowds(body: bytes) -> None:
    """Within texts the same bytes mean nothing, but that is looked at only where it matters."""
    if _marks(body) <= _MOST_FIELDS or _marks(_STRING.sub(b"", body, _MOST_FIELDS)) <= _MOST_FIELDS:
        return
    with suppress(msgspec.DecodeError):
        # What is too deep besides is that first of all: its beginning shows it.
        msgspec.json.decode(body[:_LONGEST_MENDED], type=msgspec.Raw)
    raise ApiError(
        400, f"the request body holds too many lists, objects and fields: the limit is {_MOST_FIELDS}"
    )


def _marks(text: bytes) -> int:
    return sum(map(text.count, _MARKS))


def _first_value(body: bytes) -> tuple[object, bool]:
    try:
        return msgspec.json.decode(body), True
    except (msgspec.DecodeError, ValueError) as error:
        if len(body) > _LONGEST_MENDED:
            raise ApiError(400, END if "truncated" in str(error) else _UNCLEAR) from None
        return _first_value_slowly(body), False


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


def _settle(value: object, replaced: list[object], *, nested: bool) -> None:
    """Raises where the value is too deep. Integers that no engine's decoder takes become floats, as they do
    in Go; long lists of nothing but values are left as they are."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for container in level for child in _inside(container, replaced, nested)]
        if not level:
            return
    raise ApiError(400, "exceeded max depth")


def _inside(container: Any, replaced: list[object], nested: bool) -> list[object]:  # noqa: ANN401 - a list or an object
    """The lists and objects in it."""
    if isinstance(container, list) and len(container) > _LONGEST_LIST:
        return [child for child in container if type(child) in _CONTAINERS] if nested else []
    if isinstance(container, dict):
        places: Iterable[tuple[Any, object]] = container.items()
    else:
        places = enumerate(container) if isinstance(container, list) else ()
    found: list[object] = []
    for place, child in places:
        kind = type(child)
        if kind is dict or kind is list:
            found.append(child)
        elif isinstance(child, int) and not _LOWEST <= child <= _HIGHEST:
            container[place] = _finite(str(child))
            replaced.append(child)
    return found
