"""How long a model stays loaded, in the two ways that clients write it: seconds, or Go's durations."""

import re
from dataclasses import dataclass

from proxy.errors import ApiError

FOREVER_NS = 2**63 - 1

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_ESCAPED = str.maketrans({'"': r"\"", "\\": r"\\"})
_LONGEST_SHOWN = 200
_TERM = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]*)")


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """`ns` is None where the client left the choice to the server."""

    ns: int | None

    @property
    def unload(self) -> bool:
        return self.ns == 0


def keep_alive(value: object) -> KeepAlive:
    if value is None:
        return KeepAlive(None)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ApiError(400, f"Unsupported type: '{_go_type(value)}'")
    ns = _parse(value) if isinstance(value, str) else _seconds(value)
    return KeepAlive(FOREVER_NS if ns < 0 else ns)


def _seconds(value: float) -> int:
    return FOREVER_NS if value < 0 or value > FOREVER_NS / 1e9 else int(value * 1e9)


def _parse(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total = 0.0
    position = 0
    while position < len(rest):
        term = _TERM.match(rest, position)
        if term is None:
            break
        number, unit = term.groups()
        if not unit:
            raise ApiError(400, f"time: missing unit in duration {_quoted(text)}")
        if unit not in _UNITS_NS:
            raise ApiError(400, f"time: unknown unit {_quoted(unit)} in duration {_quoted(text)}")
        total += float(number) * _UNITS_NS[unit]
        position = term.end()
    if not rest or position < len(rest):
        raise ApiError(400, f"time: invalid duration {_quoted(text)}")
    return sign * int(min(total, FOREVER_NS))


def _quoted(text: str) -> str:
    """As Go's `time` does it, byte by byte."""
    escaped = (
        f"\\x{byte:02x}" if byte >= 0x80 or byte < 0x20 else chr(byte).translate(_ESCAPED)
        for byte in text[:_LONGEST_SHOWN].encode("utf-8", "replace")
    )
    return f'"{"".join(escaped)}"'


def _go_type(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    return "[]interface {}" if isinstance(value, list) else "map[string]interface {}"
