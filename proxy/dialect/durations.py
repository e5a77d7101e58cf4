"""How long a model stays loaded, in the two ways that clients write it: seconds, or Go's durations."""

import re
from dataclasses import dataclass

from proxy.dialect.quoting import quoted
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
    return FOREVER_NS if abs(value) > FOREVER_NS / 1e9 and value > 0 else int(max(value, -1) * 1e9)


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
            raise ApiError(400, f"time: missing unit in duration {quoted(text)}")
        if unit not in _UNITS_NS:
            raise ApiError(400, f"time: unknown unit {quoted(unit)} in duration {quoted(text)}")
        total += float(number) * _UNITS_NS[unit]
        position = term.end()
    if not rest or position < len(rest):
        raise ApiError(400, f"time: invalid duration {quoted(text)}")
    return sign * int(min(total, FOREVER_NS))


def _go_type(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    return "[]interface {}" if isinstance(value, list) else "map[string]interface {}"
