"""What the system says of this process, under the names that Prometheus's own clients use."""

import os
import resource
import time
from pathlib import Path

from proxy.figures.exposition import Counter, gauge

_STARTED = time.time()
_PROC = Path("/proc/self")


def metrics() -> list[Counter]:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    told = [
        _counter("process_cpu_seconds_total", "User and system time.", spent.ru_utime + spent.ru_stime),
        gauge("process_start_time_seconds", "When it started, in seconds since 1970.", _STARTED),
        gauge("process_max_fds", "Open files allowed.", resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    ]
    try:
        pages = int((_PROC / "statm").read_text(encoding="ascii").split()[1])
        files = sum(1 for _ in (_PROC / "fd").iterdir())
    except (OSError, ValueError, IndexError):
        return told
    resident = pages * os.sysconf("SC_PAGE_SIZE")
    return [
        *told,
        gauge("process_resident_memory_bytes", "Memory in use.", resident),
        gauge("process_open_fds", "Open files.", files),
    ]


def _counter(name: str, text: str, value: float) -> Counter:
    metric = gauge(name, text, value)
    metric.kind = "counter"
    return metric
