"""The system's clock, as the dialect wants it."""

import time
from datetime import UTC, datetime

from proxy.dialect.answers.records import Clock


def now() -> datetime:
    return datetime.now(UTC)


class _Stamps:
    """Every record bears the time, of which only the last digits change within a second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def stamp(self) -> str:
        second, ns = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{ns // 1000:06d}Z"


SYSTEM = Clock(ticks=time.perf_counter_ns, stamp=_Stamps().stamp)
