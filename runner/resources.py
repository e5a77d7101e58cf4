"""What this container may use: processors, memory and shared memory, by affinity and cgroup (v2 and v1)."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


def allowed_cpus() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def cpu_quota(cgroup: Path = CGROUP) -> int | None:
    """How many processors' worth of time a quota leaves, rounded up; None without a quota."""
    quota, period = _quota_v2(cgroup) or _quota_v1(cgroup) or (0, 0)
    return math.ceil(quota / period) if quota > 0 and period > 0 else None


def memory_limit(cgroup: Path = CGROUP, meminfo: Path = MEMINFO) -> int:
    """Bytes that the container may hold: its cgroup's limit, or the machine's memory where that is less."""
    total = int(meminfo.read_text().split("MemTotal:")[1].split()[0]) * 1024
    limits = [_integer(cgroup / "memory.max"), _integer(cgroup / "memory/memory.limit_in_bytes")]
    return min([total, *(limit for limit in limits if limit)])


def shared_memory_free(path: Path) -> int:
    state = os.statvfs(path)
    return state.f_bavail * state.f_frsize


def _quota_v2(cgroup: Path) -> tuple[int, int] | None:
    fields = _text(cgroup / "cpu.max").split()
    return (int(fields[0]), int(fields[1])) if len(fields) == 2 and fields[0] != "max" else None


def _quota_v1(cgroup: Path) -> tuple[int, int] | None:
    quota, period = _integer(cgroup / "cpu/cpu.cfs_quota_us"), _integer(cgroup / "cpu/cpu.cfs_period_us")
    return (quota, period) if quota and period else None


def _integer(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.removeprefix("-").isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
