"""What a process and all its children took, by the kernel's books."""

import os
from collections import defaultdict
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """User and system time, that of children which have ended included."""
    return sum(sum(int(field) for field in _stat(each)[11:15]) for each in _tree(pid)) / _TICKS


def resident_bytes(pid: int) -> int:
    return sum(sum(int(field) for field in _stat(each)[21:22]) for each in _tree(pid)) * _PAGE


def _tree(pid: int) -> list[int]:
    children = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(folder.name))
        if fields:
            children[int(fields[1])].append(int(folder.name))
    tree = [pid]
    for each in tree:
        tree += children[each]
    return tree


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold anything; none of a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
