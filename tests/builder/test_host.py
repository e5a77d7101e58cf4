"""Whether a machine can run a target, by what the engine and the kernel say of it."""

import io
from pathlib import Path
from typing import Any, cast

import pytest

from builder import host, paths
from builder.console import Console
from builder.engine import Engine
from builder.errors import EngineError
from builder.render import StackOptions
from builder.targets import Catalog, Target, load_catalog


class FakeEngine:
    """An engine that only tells about its machine."""

    def __init__(
        self,
        *,
        machine: str = "x86_64",
        memory: int = 32 * 10**9,
        kernel: str = "6.18.4",
        is_local: bool = True,
    ) -> None:
        self.sdk: Any = self
        self.is_local = is_local
        self._facts = {"Architecture": machine, "MemTotal": memory, "KernelVersion": kernel}

    def info(self) -> dict[str, object]:
        return self._facts

    @property
    def typed(self) -> Engine:
        return cast(Engine, self)


@pytest.fixture
def catalog() -> Catalog:
    return load_catalog(paths.TARGETS)


@pytest.fixture
def target(catalog: Catalog) -> Target:
    return catalog.targets["cpu"]


def cpuinfo(folder: Path, flags: str) -> Path:
    file = folder / "cpuinfo"
    file.write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n\nprocessor\t: 1\n", encoding="ascii")
    return file


def test_a_processor_that_has_it_all_is_good(tmp_path: Path, target: Target) -> None:
    host.require_processor(FakeEngine().typed, "cpu", target, cpuinfo(tmp_path, "sse avx2"))


def test_a_processor_without_avx2_is_one_line(tmp_path: Path, target: Target) -> None:
    with pytest.raises(EngineError, match="target cpu needs a processor with avx2"):
        host.require_processor(FakeEngine().typed, "cpu", target, cpuinfo(tmp_path, "sse avx"))


def test_another_machine_s_processor_is_not_judged_by_this_one_s(tmp_path: Path, target: Target) -> None:
    host.require_processor(FakeEngine(is_local=False).typed, "cpu", target, cpuinfo(tmp_path, "sse"))


def test_an_arm_host_is_one_line(tmp_path: Path, target: Target) -> None:
    with pytest.raises(EngineError, match="target cpu is for x86_64 and the engine runs on aarch64"):
        host.require_processor(FakeEngine(machine="aarch64").typed, "cpu", target, cpuinfo(tmp_path, ""))


def test_a_small_machine_is_one_line_and_a_full_one_a_warning(
    catalog: Catalog, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    console = Console(screen, live=False, colour=False)
    too_small = r"needs \d\.\d\d GB of memory, and the engine's machine has 2\.00 GB"
    with pytest.raises(EngineError, match=too_small):
        host.require_memory(FakeEngine(memory=2 * 10**9).typed, catalog, target, StackOptions(), console)
    monkeypatch.setattr(host, "_available", lambda: 10**9)
    host.require_memory(FakeEngine().typed, catalog, target, StackOptions(), console)
    assert "1.00 GB are free" in screen.getvalue()


@pytest.mark.parametrize(
    ("target", "kernel", "is_told"),
    [
        ("gfx1151", "6.12.43+deb13-amd64", True),
        ("gfx1151", "6.18.4", False),
        ("gfx1151", "6.18.10-arch1-1", False),
        ("gfx1151", "7.0.0-rc1", False),
        ("gfx1151", "", False),
        ("gfx1100", "6.1.0", False),
        ("cpu", "5.4.0", False),
    ],
)
def test_a_kernel_older_than_the_gpu_wants_is_told(
    catalog: Catalog, target: str, kernel: str, is_told: bool
) -> None:
    screen = io.StringIO()
    console = Console(screen, live=False, colour=False)
    host.warn_of_kernel(FakeEngine(kernel=kernel).typed, catalog.targets[target], console)
    assert ("this GPU wants Linux 6.18.4 or newer" in screen.getvalue()) is is_told
