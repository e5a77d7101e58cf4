"""The system's clock, as the dialect wants it."""

import time
from datetime import UTC, datetime

from proxy.dialect.answers import Clock


def now() -> datetime:
    return datetime.now(UTC)


def _stamp() -> str:
    return now().isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


SYSTEM = Clock(ticks=time.perf_counter_ns, stamp=_stamp)
