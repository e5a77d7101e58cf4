"""A model's name in the engine's answers: clients get back the name that they asked for."""

import re
from collections.abc import Callable

import msgspec


def renaming(served: str, asked: str) -> Callable[[bytes], bytes] | None:
    """Of whole lines; None where both names are one.

    It is a search and no decoding. Within a JSON text every quote is escaped, so that what a model says
    is never taken for a field."""
    if served == asked:
        return None
    sought = re.compile(rb'"model"\s*:\s*' + re.escape(msgspec.json.encode(served)))
    instead = b'"model":' + msgspec.json.encode(asked)

    def rename(data: bytes) -> bytes:
        return sought.sub(lambda _: instead, data)

    return rename
