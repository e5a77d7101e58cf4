"""Whether the machine that the engine runs on can run a target: its processor, its memory, its kernel."""

import re
from collections.abc import Iterable
from pathlib import Path

from builder.console import Console, size
from builder.engine import Engine
from builder.errors import EngineError
from builder.render import StackOptions
from builder.render.bundle import shared_images
from builder.targets import Catalog, Target

_GIGABYTE = 10**9
_CPUINFO = Path("/proc/cpuinfo")


def require_processor(engine: Engine, name: str, target: Target, cpuinfo: Path = _CPUINFO) -> None:
    """EngineError where the target's code cannot run. Flags are looked up only where the engine is here."""
    machine = str(engine.sdk.info().get("Architecture", ""))
    if machine != target.machine:
        raise EngineError(
            f"target {name} is for {target.machine} and the engine runs on {machine or 'an unknown machine'}",
            hint="`build.py targets` lists the others",
        )
    missing = set(target.cpu_flags) - _flags(cpuinfo) if engine.is_local else set()
    if missing:
        raise EngineError(
            f"target {name} needs a processor with {', '.join(sorted(missing))}, and this one has none",
            hint="run it on a newer machine; there is no slower path",
        )


def require_memory(
    engine: Engine, catalog: Catalog, target: Target, stack: StackOptions, console: Console
) -> None:
    """EngineError where the machine is too small for the stack, a warning where others fill it."""
    shared = sum(spec.memory_gb for _, spec in shared_images(catalog, stack))
    pooling = target.stack.pooling.memory_gb if stack.embeddings == "vllm" else 0
    needed = _GIGABYTE * (target.engine.memory_gb + shared + pooling)
    total = int(engine.sdk.info().get("MemTotal", 0))
    if total and total < needed:
        raise EngineError(
            f"the stack needs {size(needed)} of memory, and the engine's machine has {size(total)}",
            hint="run it on a larger machine",
        )
    free = _available() if engine.is_local else None
    if free is not None and free < needed:
        console.warn(
            f"the stack needs {size(needed)} of memory, and {size(free)} are free: it may be slow, or killed"
        )


def warn_of_kernel(engine: Engine, target: Target, console: Console) -> None:
    """A warning where the kernel is older than the GPU wants: distributions mend old kernels, too."""
    wanted = target.rocm.min_kernel if target.rocm else None
    found = str(engine.sdk.info().get("KernelVersion", ""))
    if wanted and found and _numbers(found) < _numbers(wanted):
        console.warn(f"this GPU wants Linux {wanted} or newer, and the engine's machine has {found}")


def _numbers(version: str) -> list[int]:
    """Of "6.18.4-rc1" the three that a release has."""
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


def _flags(cpuinfo: Path) -> set[str]:
    return set(_field(cpuinfo, "flags"))


def _available() -> int | None:
    words = list(_field(Path("/proc/meminfo"), "MemAvailable"))
    return int(words[0]) * 1024 if words else None


def _field(file: Path, key: str) -> Iterable[str]:
    """The words behind the first line `key: …` of a file of the kernel."""
    try:
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    return next(
        (value.split() for name, _, value in (line.partition(":") for line in lines) if name.strip() == key),
        [],
    )
