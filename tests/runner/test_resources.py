"""Limits of a container as the kernel's files give them, in both generations of cgroups."""

from pathlib import Path

import pytest

from runner.resources import cpu_quota, memory_limit, shared_memory_free

GIB = 1024**3
MACHINE = 16 * GIB


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    file = tmp_path / "meminfo"
    file.write_text(f"MemTotal:       {MACHINE // 1024} kB\nMemFree:        1 kB\n")
    return file


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "400000 100000\n"}, 4),
        ({"cpu.max": "1000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_cpu_quota(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    assert cpu_quota(write(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"memory.max": f"{4 * GIB}\n"}, 4 * GIB),
        ({"memory.max": "max\n"}, MACHINE),
        ({"memory/memory.limit_in_bytes": f"{2 * GIB}\n"}, 2 * GIB),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, MACHINE),
        ({}, MACHINE),
    ],
)
def test_memory_limit(tmp_path: Path, meminfo: Path, files: dict[str, str], expected: int) -> None:
    assert memory_limit(write(tmp_path, files), meminfo) == expected


def test_shared_memory_is_measured(tmp_path: Path) -> None:
    assert shared_memory_free(tmp_path) > 0
