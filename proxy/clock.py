"""The system's clock, as the dialect wants it."""

import time
from datetime import UTC, datetime

from proxy.dialect.answers import Clock


def _stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")[:26] + "Z"


SYSTEM = Clock(ticks=time.perf_counter_ns, stamp=_stamp)
