"""The check at start-up: which GPU is here, and whether it runs what is left in the image."""

import ctypes
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from builder.paths import ROOT
from pruner import marker
from pruner.archs import Gfx, Sm
from pruner.gpus import amd, nvidia
from pruner.gpus.base import Gpu
from pruner.marker import Marker
from pruner.startup import NOT_ASKED, NOT_SERVED, SERVED, judge, main
from tests.pruner.tree.trees import put

FOR_1151 = Marker(gfx=(Gfx("gfx1151"),))


class Machine:
    """The kernel's files and device files of a machine."""

    def __init__(self, root: Path) -> None:
        self.sysfs, self.devices = root / "sys", root / "dev"
        self.add(0)

    def add(self, version: int, minor: int = 0, unique: int = 0, *, passed_in: bool = True) -> "Machine":
        """A node; version 0 is a CPU."""
        nodes = self.sysfs / "class/kfd/kfd/topology/nodes"
        number = len(list(nodes.glob("*")))
        lines = ["cpu_cores_count 16", "simd_count 80", f"gfx_target_version {version}", "vendor_id 4098"]
        lines += ["device_id 29772", f"drm_render_minor {minor}", f"unique_id {unique}", "name of nothing"]
        put(nodes / str(number) / "properties", "\n".join(lines).encode())
        if minor and passed_in:
            put(self.devices / f"dri/renderD{minor}", b"")
        return self

    def chips(self, **environment: str) -> list[str]:
        return [str(gpu.chip) for gpu in amd.seen(environment, self.sysfs, self.devices)]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("version", "processor"),
    [
        (110501, "gfx1151"),
        (90010, "gfx90a"),
        (90006, "gfx906"),
        (90402, "gfx942"),
        (90500, "gfx950"),
        (100306, "gfx1036"),
        (110000, "gfx1100"),
        (120001, "gfx1201"),
        (90012, "gfx90c"),
        (80003, "gfx803"),
    ],
)
def test_the_kernels_numbers_are_decimal_and_the_names_hexadecimal(version: int, processor: str) -> None:
    assert amd.processor_of(version) == processor


def test_gpus_of_the_kernel_that_are_in_this_container(machine: Machine) -> None:
    machine.add(110000, 128).add(100306, 129, passed_in=False).add(110501, 130)
    assert machine.chips() == ["gfx1100", "gfx1151"]
    (first, _) = amd.seen({}, machine.sysfs, machine.devices)
    assert str(first) == "gfx1100 (AMD 1002:744c)"


def test_a_node_that_may_not_be_read_is_no_gpu(machine: Machine) -> None:
    machine.add(110000, 128)
    (machine.sysfs / "class/kfd/kfd/topology/nodes/7").mkdir()
    put(machine.sysfs / "class/kfd/kfd/topology/nodes/8/properties", b"\xff gfx_target_version\n\n1 2 3")
    assert machine.chips() == ["gfx1100"]


@pytest.mark.parametrize(
    ("environment", "chips"),
    [
        ({"ROCR_VISIBLE_DEVICES": "1"}, ["gfx1036"]),
        ({"ROCR_VISIBLE_DEVICES": "1,0"}, ["gfx1036", "gfx1100"]),
        ({"ROCR_VISIBLE_DEVICES": "GPU-00000000000000AB"}, ["gfx1100"]),
        ({"ROCR_VISIBLE_DEVICES": "0,7,1"}, ["gfx1100"]),
        ({"ROCR_VISIBLE_DEVICES": ""}, []),
        ({"HIP_VISIBLE_DEVICES": "0"}, ["gfx1100"]),
        ({"HIP_VISIBLE_DEVICES": "-1"}, []),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ["gfx1036"]),
        ({"CUDA_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "0"}, ["gfx1100"]),
        ({"ROCR_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "0"}, ["gfx1036"]),
        ({"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}, ["gfx1100=gfx1030", "gfx1036=gfx1030"]),
        ({"HSA_OVERRIDE_GFX_VERSION_2": "10.3.0"}, ["gfx1100", "gfx1036=gfx1030"]),
        ({"HSA_OVERRIDE_GFX_VERSION": "11.0.0"}, ["gfx1100", "gfx1036=gfx1100"]),
        ({"HSA_OVERRIDE_GFX_VERSION": "9.0.10"}, ["gfx1100=gfx90a", "gfx1036=gfx90a"]),
        ({"HSA_OVERRIDE_GFX_VERSION": "eleven"}, ["gfx1100", "gfx1036"]),
    ],
)
def test_variables_that_the_runtime_heeds(
    environment: dict[str, str], chips: list[str], machine: Machine
) -> None:
    machine.add(110000, 128, unique=0xAB).add(100306, 129)
    assert machine.chips(**environment) == chips


class FakeLibcuda:
    """Answers as NVIDIA's driver does, for cards of these capabilities."""

    def __init__(self, *capabilities: tuple[int, int], error: int = 0) -> None:
        self._capabilities = capabilities
        self._error = error

    def cuInit(self, flags: int) -> int:  # noqa: N802 - as the driver calls it
        assert flags == 0
        return self._error

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802, ANN401
        count._obj.value = len(self._capabilities)
        return 0

    def cuDeviceGetAttribute(self, value: Any, which: int, device: int) -> int:  # noqa: N802, ANN401
        value._obj.value = self._capabilities[device][{75: 0, 76: 1}[which]]
        return 0

    def cuDeviceGetName(self, name: "ctypes.Array[ctypes.c_char]", size: int, device: int) -> int:  # noqa: N802
        assert size == len(name)
        name.value = f"NVIDIA Card {device}".encode()
        return 0


def test_nvidias_driver_is_asked_for_its_cards() -> None:
    assert nvidia.ask(FakeLibcuda((9, 0), (12, 1))) == [
        Gpu(Sm(90), "NVIDIA Card 0"),
        Gpu(Sm(121), "NVIDIA Card 1"),
    ]
    assert nvidia.ask(FakeLibcuda((9, 0), error=100)) == []


def test_a_driver_that_cannot_be_loaded_has_no_cards(tmp_path: Path) -> None:
    assert nvidia.seen(str(tmp_path / "libcuda.so.1")) == []
    assert nvidia.seen(str(put(tmp_path / "libcuda.so.1", b"no library"))) == []
    assert nvidia.seen("libc.so.6") == []


def gpus(*archs: str) -> list[Gpu]:
    return [
        Gpu(Sm(int(arch[3:])), "NVIDIA") if arch.startswith("sm_") else Gpu(Gfx(arch), "AMD")
        for arch in archs
    ]


@pytest.mark.parametrize(
    ("held", "here", "code"),
    [
        (("gfx1151",), ("gfx1151",), SERVED),
        (("gfx1151",), ("gfx1100",), NOT_SERVED),
        (("gfx1151",), (), SERVED),
        (("gfx1100",), ("gfx1036", "gfx1100"), SERVED),
        (("gfx11-generic",), ("gfx1151",), SERVED),
        (("gfx11-generic",), ("gfx1201",), NOT_SERVED),
        (("sm_80",), ("sm_86",), SERVED),
        (("sm_86",), ("sm_80",), NOT_SERVED),
        (("sm_80",), ("sm_87",), NOT_SERVED),
        (("sm_80",), ("sm_90",), NOT_SERVED),
        (("sm_90",), ("gfx1151",), NOT_SERVED),
        (("sm_90",), ("gfx1036", "sm_90"), SERVED),
        (("gfx1151", "sm_90"), ("sm_90",), SERVED),
    ],
)
def test_who_is_served(held: tuple[str, ...], here: tuple[str, ...], code: int) -> None:
    chips = [gpu.chip for gpu in gpus(*held)]
    image = Marker(
        gfx=tuple(chip for chip in chips if isinstance(chip, Gfx)),
        sm=tuple(chip for chip in chips if isinstance(chip, Sm)),
    )
    verdict = judge(image, gpus(*here))
    assert verdict.code == code
    assert "\n" not in verdict.text


def test_the_wrong_gpu_is_told_which_image_to_use() -> None:
    assert judge(FOR_1151, [Gpu(Gfx("gfx1100"), "AMD 1002:744c")]).text == (
        "this image holds code for gfx1151 only; this machine's GPU is gfx1100 (AMD 1002:744c): "
        "use the image of target gfx1100"
    )
    assert judge(FOR_1151, gpus("gfx1100", "gfx1100", "sm_90")).text.endswith(
        "GPUs are gfx1100 (AMD): use the image of target gfx1100"
    )


def test_a_gpu_among_others_that_is_not_served_is_a_warning() -> None:
    text = judge(Marker(gfx=(Gfx("gfx1100"),)), gpus("gfx1036", "gfx1100")).text
    assert text == "warning: this image holds code for gfx1100 only; it does not run on gfx1036 (AMD)"


def test_a_chip_that_is_to_be_reported_as_another() -> None:
    image = Marker(gfx=(Gfx("gfx1100", chip="gfx1151"),))
    verdict = judge(image, gpus("gfx1151"))
    assert verdict.code == NOT_SERVED
    assert verdict.text.endswith("its code is that of gfx1100; set HSA_OVERRIDE_GFX_VERSION=11.0.0")
    assert judge(image, [Gpu(Gfx("gfx1100", chip="gfx1151"), "AMD")]).code == SERVED
    own = Marker(gfx=(Gfx("gfx90a", chip="gfx90c"),))
    assert judge(own, gpus("gfx90c")).text.endswith("HSA_OVERRIDE_GFX_VERSION=9.0.10")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return put(tmp_path / "etc/gfxpack/pruned.json", marker.dump(FOR_1151))


def test_the_command(image: Path, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--marker", str(image), "--sysfs", str(machine.sysfs), "--devices", str(machine.devices)]
    assert main(given) == SERVED
    assert capsys.readouterr().out == "this image holds code for gfx1151 only; no GPU is to be seen here\n"
    machine.add(110000, 128)
    assert main(given) == NOT_SERVED
    assert capsys.readouterr().err.endswith("use the image of target gfx1100\n")
    machine.add(110501, 129)
    assert main(given) == SERVED
    assert capsys.readouterr().out.startswith("warning: ")


@pytest.mark.parametrize("content", [None, b"{"])
def test_an_image_without_a_marker(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "pruned.json"
    if content is not None:
        place.write_bytes(content)
    assert main(["--marker", str(place)]) == NOT_ASKED
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["error", "hint"]


def test_it_is_a_program_that_loads_little(image: Path, machine: Machine) -> None:
    given = ["--marker", str(image), "--sysfs", str(machine.sysfs), "--devices", str(machine.devices)]
    program = (
        "import runpy, sys\n"
        "sys.argv = ['startup', *sys.argv[1:]]\n"
        "try:\n"
        "    runpy.run_module('pruner.startup', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    slow = {'ctypes', 'subprocess', 'socket', 'pruner.library', 'pruner.tree'}\n"
        "    print(end.code, sorted(slow & {*sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "0 []"
