"""A form that carries a file, as far as it must be understood to be passed on."""

import re
from dataclasses import dataclass

from proxy.errors import ApiError

_BOUNDARY = re.compile(r'multipart/form-data\s*;\s*boundary=(?:"([^"\\]{1,70})"|([^\s;,"]{1,70}))\s*', re.I)
_DISPOSITION = b"content-disposition:"
# A name in any other form might mean one field here and another one to the engine.
_FIELD = re.compile(
    rb'\s*form-data\s*;\s*name="([^"\\]*)"\s*(?:;\s*filename\*?=(?:"(?:[^"\\]|\\.)*"|[^\s;"]+)\s*)*', re.I
)
_MOST_FIELDS = 64
_BROKEN = "the request body is no valid multipart form"


@dataclass(frozen=True, slots=True)
class Field:
    """`start` and `end` say where its value stands in the body."""

    name: str
    start: int
    end: int


def fields(body: bytes, content_type: str) -> list[Field]:
    """Raises `ApiError` where the body is no form, or ends too early."""
    found = _BOUNDARY.fullmatch(content_type)
    if found is None:
        raise ApiError(400, "the request body must be a multipart form with a boundary")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace")
    # The first delimiter may stand at the very start.
    text = b"\r\n" + body
    read: list[Field] = []
    at = text.find(delimiter)
    while at >= 0 and not text.startswith(b"--", at + len(delimiter)):
        head = at + len(delimiter)
        start = text.find(b"\r\n\r\n", head)
        at = text.find(delimiter, start + 4)
        if start < 0 or at < 0 or len(read) >= _MOST_FIELDS:
            raise ApiError(400, _BROKEN)
        read.append(Field(_name(text[head:start]), start + 2, at - 2))
    if at < 0:
        raise ApiError(400, _BROKEN)
    return read


def replaced(body: bytes, field: Field, value: bytes) -> bytes:
    return body[: field.start] + value + body[field.end :]


def _name(head: bytes) -> str:
    """One of the part's own headers tells it."""
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(_DISPOSITION)]
    found = _FIELD.fullmatch(lines[0][len(_DISPOSITION) :]) if len(lines) == 1 else None
    if found is None:
        raise ApiError(400, _BROKEN)
    return found[1].decode("utf-8", "replace")
