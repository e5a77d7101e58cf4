"""Whether the engine's machine has the GPU that a stack asks for: told before anything starts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.engine import Engine
from builder.errors import EngineError, GfxpackError
from builder.render import ENV
from builder.render.settings import Setting, settings
from builder.targets import Target

_EVERYBODY = 0o006
_CDI = "nvidia.com/gpu"
_NODE = re.compile(r"/dev/dri/renderD[0-9]+")


@dataclass(frozen=True)
class _Part:
    """One of these files is there, or something is missing."""

    files: tuple[str, ...]
    missing: str
    hint: str


_DRIVERS = {
    "none": (),
    "amd": (
        _Part(
            ("dev/kfd",),
            "/dev/kfd, which AMD's kernel driver makes",
            "load it with `modprobe amdgpu`; a virtual machine or container must have the GPU passed through",
        ),
    ),
    "nvidia": (
        _Part(
            ("dev/nvidiactl", "dev/dxg"),
            "/dev/nvidiactl, which NVIDIA's kernel driver makes",
            "install the driver; `nvidia-smi` must show the GPU",
        ),
    ),
}
_TOOLKIT = _Part(
    ("usr/bin/nvidia-container-runtime-hook", "usr/bin/nvidia-container-runtime"),
    "NVIDIA's container toolkit",
    "install nvidia-container-toolkit, run `nvidia-ctk runtime configure`, restart the engine",
)


@dataclass(frozen=True)
class Host:
    """Where to look: the machine's files, the bundle with its settings, and the shell's environment."""

    bundle: Path
    environ: Mapping[str, str]
    root: Path = Path("/")

    def has(self, part: _Part) -> bool:
        return any((self.root / file).exists() for file in part.files)

    def values(self, wanted: Sequence[Setting], kind: str) -> dict[str, str]:
        """As Compose will see them: the shell's win over the file's, and those over the defaults."""
        said = {**_read(self.bundle / ENV), **self.environ}
        return {each.name: said.get(each.name) or each.default for each in wanted if each.kind == kind}


def require_gpu(engine: Engine, name: str, target: Target, gpus: int, host: Host) -> None:
    """EngineError with the first thing that is missing; looked up only where the engine is here."""
    problem = next(_problems(engine, target, gpus, host), None) if engine.is_local else None
    if problem:
        raise EngineError(f"target {name}: {problem.message}", hint=problem.hint)


def _problems(engine: Engine, target: Target, gpus: int, host: Host) -> Iterator[GfxpackError]:
    for part in _DRIVERS[target.vendor]:
        if not host.has(part):
            yield _missing(part)
    if target.vendor == "amd":
        wanted = settings(target, gpus)
        yield from _node_problems(wanted, host)
        yield from _chip_problems(wanted, target.archs, host)
    if target.cuda:
        yield from _driver_problem(target.cuda.min_driver, host)
        if not (host.has(_TOOLKIT) or _knows_nvidia(engine)):
            yield _missing(_TOOLKIT)


def _missing(part: _Part) -> GfxpackError:
    return GfxpackError(f"this machine lacks {part.missing}", hint=part.hint)


def _driver_problem(wanted: str, host: Host) -> Iterator[GfxpackError]:
    """The driver is as new as the CUDA in the image wants it, as far as it says how old it is."""
    found = re.search(r"NVRM version:.*?\s(\d+(?:\.\d+)+)\s", _text(host.root / "proc/driver/nvidia/version"))
    if found and _numbers(found[1]) < _numbers(wanted):
        yield GfxpackError(
            f"NVIDIA's driver is {found[1]}, and the image needs {wanted} or newer",
            hint="install a newer driver from NVIDIA or the distribution; the image brings its own CUDA",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _node_problems(wanted: Sequence[Setting], host: Host) -> Iterator[GfxpackError]:
    """Each render node is there, and belongs to a group that the containers get."""
    groups = host.values(wanted, "group")
    for variable, value in host.values(wanted, "gpu").items():
        node = host.root / value.lstrip("/")
        there = ", ".join(f"/dev/dri/{path.name}" for path in _render_nodes(host.root)) or "none"
        if not _NODE.fullmatch(value):
            own = f"/dev/dri/{node.resolve().name}" if node.is_symlink() else f"one of {there}"
            yield GfxpackError(
                f"{variable}={value} is not the own name of a GPU's render node, by which ROCm finds it",
                hint=f"set {variable} in {host.bundle / ENV} to {own}",
            )
            return
        if not node.exists():
            yield GfxpackError(
                f"this machine lacks {value}, a GPU's render node (there is {there})",
                hint=f"set {variable} in {host.bundle / ENV} to the node of the GPU to use",
            )
            return
        yield from _group_problem(node, value, groups, host)
    yield from _group_problem(host.root / "dev/kfd", "/dev/kfd", groups, host)


def _chip_problems(wanted: Sequence[Setting], archs: Sequence[str], host: Host) -> Iterator[GfxpackError]:
    """Each GPU is the chip that the image has code for, as far as the kernel says which it is."""
    chips = _chips(host.root)
    right = [f"/dev/dri/{node}" for node, chip in chips.items() if chip in archs]
    for variable, value in host.values(wanted, "gpu").items():
        chip = chips.get(Path(value).name)
        if chip and chip not in archs:
            yield GfxpackError(
                f"the GPU at {value} is {chip}, and the image is for {' and '.join(archs)}",
                hint=f"set {variable} in {host.bundle / ENV} to {right[0]}"
                if right
                else f"take --target {chip}, if `build.py targets` has it: no other chip's code runs there",
            )


def _chips(root: Path) -> dict[str, str]:
    """By the name of its render node: the chip's, which the kernel has as a number (110501 is gfx1151)."""
    files = sorted((root / "sys/class/kfd/kfd/topology/nodes").glob("*/properties"))
    facts = [dict(line.partition(" ")[::2] for line in _text(file).splitlines()) for file in files]
    found = {}
    for node in facts:
        version, minor = node.get("gfx_target_version", ""), node.get("drm_render_minor", "")
        if version.isdecimal() and int(version):
            major, rest = divmod(int(version), 10_000)
            found[f"renderD{minor}"] = f"gfx{major}{rest // 100:x}{rest % 100:x}"
    return found


def _group_problem(device: Path, shown: str, groups: Mapping[str, str], host: Host) -> Iterator[GfxpackError]:
    facts = device.stat()
    if facts.st_mode & _EVERYBODY == _EVERYBODY or str(facts.st_gid) in groups.values():
        return
    variable = next(iter(groups))
    yield GfxpackError(
        f"{shown} belongs to group {facts.st_gid}, and the containers get {', '.join(groups.values())}",
        hint=f"set {variable}={facts.st_gid} in {host.bundle / ENV}",
    )


def _render_nodes(root: Path) -> list[Path]:
    return sorted((root / "dev/dri").glob("renderD*"))


def _knows_nvidia(engine: Engine) -> bool:
    facts = engine.sdk.info()
    devices = (str(device.get("ID", "")) for device in facts.get("DiscoveredDevices") or ())
    return "nvidia" in (facts.get("Runtimes") or {}) or any(device.startswith(_CDI) for device in devices)


def _read(file: Path) -> dict[str, str]:
    """What a file of settings says, as far as these checks need it."""
    lines = map(str.strip, _text(file).splitlines())
    pairs = (line.partition("=") for line in lines if "=" in line and line[0] != "#")
    return {key.strip().removeprefix("export "): _plain(value) for key, _, value in pairs}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _plain(value: str) -> str:
    return value.partition(" #")[0].strip().strip("\"'")
