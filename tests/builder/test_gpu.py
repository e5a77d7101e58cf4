"""What a machine lacks for a GPU target, told by a folder that stands for its root."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from builder.engine import Engine
from builder.errors import EngineError
from builder.gpu import Host, require_gpu
from builder.render import ENV
from tests.builder.render.stacks import CATALOG


class FakeEngine:
    """An engine that only tells about its machine."""

    def __init__(self, facts: Mapping[str, object], *, is_local: bool = True) -> None:
        self.sdk: Any = self
        self.is_local = is_local
        self._facts = facts

    def info(self) -> Mapping[str, object]:
        return self._facts


MINE = os.getgid()
SETTINGS = f"# a comment\nRENDER_GID={MINE}\nRENDER_NODE_1 = '/dev/dri/renderD129'  # the second card\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with two AMD GPUs and an NVIDIA one, all of it in order."""
    for name in (
        "dev/kfd",
        "dev/dri/card0",
        "dev/dri/renderD128",
        "dev/dri/renderD129",
        "dev/nvidiactl",
        "usr/bin/nvidia-container-runtime-hook",
        f"bundle/{ENV}",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o660)
    (tmp_path / "bundle" / ENV).write_text(SETTINGS)
    return tmp_path


def require(
    root: Path,
    target: str,
    *,
    gpus: int = 1,
    environ: Mapping[str, str] | None = None,
    facts: Mapping[str, object] | None = None,
    is_local: bool = True,
) -> None:
    engine = cast(Engine, FakeEngine(facts or {}, is_local=is_local))
    host = Host(root / "bundle", environ or {}, root)
    require_gpu(engine, target, CATALOG.targets[target], gpus, host)


@pytest.mark.parametrize(("target", "gpus"), [("amd", 1), ("amd", 2), ("nvidia", 1), ("cpu", 1)])
def test_a_machine_that_has_it_all_is_good(root: Path, target: str, gpus: int) -> None:
    require(root, target, gpus=gpus)


@pytest.mark.parametrize(
    ("target", "missing", "message", "hint"),
    [
        ("amd", "dev/kfd", "this machine lacks /dev/kfd", "modprobe amdgpu"),
        (
            "amd",
            "dev/dri/renderD128",
            r"lacks /dev/dri/renderD128.*there is /dev/dri/renderD129",
            "RENDER_NODE_0",
        ),
        ("nvidia", "dev/nvidiactl", "this machine lacks /dev/nvidiactl", "nvidia-smi"),
        ("nvidia", "usr/bin/nvidia-container-runtime-hook", "lacks NVIDIA's container toolkit", "nvidia-ctk"),
    ],
)
def test_what_is_missing_is_one_line(root: Path, target: str, missing: str, message: str, hint: str) -> None:
    (root / missing).unlink()
    with pytest.raises(EngineError, match=message) as caught:
        require(root, target)
    assert caught.value.message.startswith(f"target {target}: ")
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("target", ["amd", "nvidia"])
def test_a_machine_without_any_gpu_is_one_line(tmp_path: Path, target: str) -> None:
    with pytest.raises(EngineError, match="this machine lacks /dev/"):
        require(tmp_path, target)


def test_the_second_gpu_is_looked_for_where_two_are_asked_for(root: Path) -> None:
    (root / "dev/dri/renderD129").unlink()
    require(root, "amd")
    with pytest.raises(EngineError, match="lacks /dev/dri/renderD129"):
        require(root, "amd", gpus=2)


def test_a_group_that_the_containers_do_not_get_is_one_line_with_the_right_one(root: Path) -> None:
    (root / "bundle" / ENV).write_text(f"RENDER_GID={MINE + 1}\n")
    with pytest.raises(EngineError, match=f"/dev/dri/renderD128 belongs to group {MINE}") as caught:
        require(root, "amd")
    assert caught.value.hint == f"set RENDER_GID={MINE} in {root / 'bundle' / ENV}"
    require(root, "amd", environ={"RENDER_GID": str(MINE)})
    for device in ("dev/kfd", "dev/dri/renderD128"):
        (root / device).chmod(0o666)
    require(root, "amd")


def test_settings_that_cannot_be_read_leave_the_defaults(root: Path) -> None:
    (root / "bundle" / ENV).write_bytes(b"\xff\xfe\n=\nno equals sign\nRENDER_NODE_0=\n")
    require(root, "amd", environ={"RENDER_GID": str(MINE)})
    (root / "bundle" / ENV).unlink()
    require(root, "amd", environ={"VIDEO_GID": str(MINE)})


@pytest.mark.parametrize(
    "facts",
    [
        {"Runtimes": {"runc": {}, "nvidia": {}}},
        {"Runtimes": None, "DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]},
    ],
)
def test_an_engine_that_knows_nvidia_needs_no_hook(root: Path, facts: Mapping[str, object]) -> None:
    (root / "usr/bin/nvidia-container-runtime-hook").unlink()
    require(root, "nvidia", facts=facts)


def test_another_machine_is_not_judged_by_this_one(tmp_path: Path) -> None:
    require(tmp_path, "amd", is_local=False)
    require(tmp_path, "nvidia", is_local=False)


@pytest.mark.parametrize(
    ("version", "is_enough"), [("570.86.15", False), ("580.65.06", True), ("1000.1", True)]
)
def test_a_driver_that_is_too_old_is_one_line(root: Path, version: str, is_enough: bool) -> None:
    file = root / "proc/driver/nvidia/version"
    file.parent.mkdir(parents=True)
    file.write_text(
        f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Sun Jul 27\nGCC version: 12.2.0\n"
    )
    if is_enough:
        require(root, "nvidia")
        return
    with pytest.raises(EngineError, match=rf"NVIDIA's driver is {version}, and the image needs 580 or newer"):
        require(root, "nvidia")


def tell_chip(root: Path, node: int, version: int) -> None:
    """What the kernel says of a GPU; the processor comes first, with zeros."""
    for number, facts in ((0, (0, 0)), (node - 127, (version, node))):
        file = root / f"sys/class/kfd/kfd/topology/nodes/{number}/properties"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("cpu_cores_count 0\ngfx_target_version {}\ndrm_render_minor {}\n".format(*facts))


@pytest.mark.parametrize(
    ("version", "chip"), [(110500, "gfx1150"), (110003, "gfx1103"), (90010, "gfx90a"), (90006, "gfx906")]
)
def test_another_chip_than_the_images_is_one_line(root: Path, version: int, chip: str) -> None:
    tell_chip(root, 128, version)
    message = f"the GPU at /dev/dri/renderD128 is {chip}, and the image is for gfx1100"
    with pytest.raises(EngineError, match=message) as caught:
        require(root, "amd")
    assert f"--target {chip}" in (caught.value.hint or "")


def test_the_right_one_of_two_chips_is_named(root: Path) -> None:
    tell_chip(root, 128, 100306)
    tell_chip(root, 129, 110000)
    with pytest.raises(EngineError, match="the GPU at /dev/dri/renderD128 is gfx1036") as caught:
        require(root, "amd")
    assert caught.value.hint == f"set RENDER_NODE_0 in {root / 'bundle' / ENV} to /dev/dri/renderD129"
    require(root, "amd", environ={"RENDER_NODE_0": "/dev/dri/renderD129"})


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("/dev/dri/by-path/pci-render", "/dev/dri/renderD129"),
        ("/dev/dri/card0", "one of /dev/dri/renderD128, /dev/dri/renderD129"),
        ("renderD128", "one of /dev/dri/renderD128, /dev/dri/renderD129"),
        ("/dev/dri", "one of /dev/dri/renderD128, /dev/dri/renderD129"),
    ],
)
def test_a_node_by_another_name_is_refused_with_its_own(root: Path, value: str, right: str) -> None:
    """Docker would give it to the container under that other name, where ROCm does not look."""
    (root / "dev/dri/by-path").mkdir()
    (root / "dev/dri/by-path/pci-render").symlink_to("../renderD129")
    with pytest.raises(EngineError, match=f"RENDER_NODE_0={value} is not the own name") as caught:
        require(root, "amd", environ={"RENDER_NODE_0": value})
    assert caught.value.hint == f"set RENDER_NODE_0 in {root / 'bundle' / ENV} to {right}"


@pytest.mark.parametrize("text", ["", "gfx_target_version\n", "gfx_target_version x\n", "\xff\n"])
def test_a_kernel_that_does_not_say_the_chip_is_not_guessed_at(root: Path, text: str) -> None:
    tell_chip(root, 128, 110500)
    (root / "sys/class/kfd/kfd/topology/nodes/1/properties").write_text(text)
    require(root, "amd")
