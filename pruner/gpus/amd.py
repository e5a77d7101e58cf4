"""AMD's GPUs, by the files of the kernel's driver and the variables that the runtime heeds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pruner.archs import Gfx
from pruner.gpus.base import Gpu

_TOPOLOGY = "class/kfd/kfd/topology/nodes"


@dataclass(frozen=True)
class _Node:
    """A GPU in the kernel's topology."""

    number: int
    processor: str
    properties: Mapping[str, int]

    @property
    def uuid(self) -> str:
        return f"GPU-{self.properties.get('unique_id', 0):016x}"

    @property
    def name(self) -> str:
        return f"AMD {self.properties.get('vendor_id', 0):04x}:{self.properties.get('device_id', 0):04x}"


def seen(environment: Mapping[str, str], sysfs: Path, devices: Path) -> list[Gpu]:
    """In the runtime's order: what the kernel has, less what is not in this container or is hidden."""
    nodes = [node for node in _nodes(sysfs) if _is_here(node, devices)]
    nodes = _visible(nodes, environment.get("ROCR_VISIBLE_DEVICES"))
    nodes = _visible(nodes, environment.get("HIP_VISIBLE_DEVICES", environment.get("CUDA_VISIBLE_DEVICES")))
    return [Gpu(_as_reported(node, environment), node.name) for node in nodes]


def _nodes(sysfs: Path) -> Iterator[_Node]:
    found = (sysfs / _TOPOLOGY).glob("[0-9]*")
    for folder in sorted(found, key=lambda folder: int(folder.name)):
        properties = _properties(folder / "properties")
        version = properties.get("gfx_target_version", 0)
        if version:
            yield _Node(int(folder.name), processor_of(version), properties)


def _properties(path: Path) -> dict[str, int]:
    """Empty for a device that the container may not use: the kernel does not let it be read."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def processor_of(version: int) -> str:
    """110501 -> gfx1151, 90010 -> gfx90a: two decimal digits each, written in hexadecimal."""
    major, minor, stepping = version // 10000, version // 100 % 100, version % 100
    return f"gfx{major}{minor:x}{stepping:x}"


def _is_here(node: _Node, devices: Path) -> bool:
    minor = node.properties.get("drm_render_minor", 0)
    return not minor or (devices / f"dri/renderD{minor}").exists()


def _visible(nodes: Sequence[_Node], setting: str | None) -> list[_Node]:
    """A list of numbers or of UUIDs; the first that is neither ends it."""
    if setting is None:
        return list(nodes)
    chosen: list[_Node] = []
    for word in setting.split(","):
        named = [
            node
            for number, node in enumerate(nodes)
            if word.strip().lower() in (str(number), node.uuid.lower())
        ]
        if not named:
            break
        chosen += named
    return chosen


def _as_reported(node: _Node, environment: Mapping[str, str]) -> Gfx:
    everywhere = environment.get("HSA_OVERRIDE_GFX_VERSION", "")
    override = environment.get(f"HSA_OVERRIDE_GFX_VERSION_{node.number}", everywhere)
    if not re.fullmatch(r"\d+\.\d+\.\d+", override):
        return Gfx(node.processor)
    major, minor, stepping = map(int, override.split("."))
    reported = f"gfx{major}{minor:x}{stepping:x}"
    return Gfx(reported, chip=node.processor if node.processor != reported else "")
