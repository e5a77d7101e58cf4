"""Each check finds what is planted in an image, and says it in its own words."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from checks.table import CHECKS
from tests.checks.images import SITE, Image, cpu_image, look, rocm_image
from tests.checks.linked import Linked
from tests.pruner.tree.trees import hip_library, rocblas

Plant = Callable[[Image], object]


def _without_kpack(image: Image) -> None:
    (image.site / "torch/.kpack/torch_gfx1151.kpack").unlink()


def _without_hidden_folders(image: Image) -> None:
    shutil.rmtree(image.site / "_rocm_sdk_libraries/.kpack")


def _damaged(image: Image) -> None:
    path = image.site / "torch/lib/libc10.so"
    path.write_bytes(path.read_bytes()[:200])


CPU_FAULTS: dict[str, tuple[Plant, str, str]] = {
    "a wrong torch": (
        lambda image: image.expect["versions"].update(torch="2.14.0+cpu"),
        "versions",
        "torch is 2.13.0+cpu, 2.14.0+cpu is expected",
    ),
    "no torch": (
        lambda image: image.expect["versions"].update(tensorflow="2.0"),
        "versions",
        "tensorflow is not installed, 2.0 is expected",
    ),
    "a second torch": (
        lambda image: image.put(
            f"{SITE}/torch-2.12.0.dist-info/METADATA",
            b"Metadata-Version: 2.1\nName: torch\nVersion: 2.12.0\n",
        ),
        "versions",
        "torch is there 2 times: 2.12.0, 2.13.0+cpu",
    ),
    "a file that a layer lost": (
        lambda image: (image.site / "kept/__init__.py").unlink(),
        "records",
        f"{SITE}/kept/__init__.py of kept is not there",
    ),
    "a file that is not what its wheel brought": (
        lambda image: image.put(f"{SITE}/kept/__init__.py", b"x = 2\n"),
        "records",
        f"{SITE}/kept/__init__.py of kept is not what its RECORD says",
    ),
    "a RECORD that a layer lost": (
        lambda image: (image.site / "kept-1.0.dist-info/RECORD").unlink(),
        "records",
        "kept 1.0 has no RECORD",
    ),
    "an old vLLM": (
        lambda image: image.expect["least"].update(vllm="0.32.1"),
        "least",
        "vllm is 0.32.0+cpu, below 0.32.1",
    ),
    "a requirement in a wrong version": (
        lambda image: image.install("broken", "1.0", ("torch>=3",)),
        "requires",
        "broken requires torch>=3, there is 2.13.0+cpu",
    ),
    "a requirement that is missing": (
        lambda image: image.install("broken", "1.0", ("gone[extra]~=1.2; python_version > '3'",)),
        "requires",
        "broken requires gone[extra]~=1.2; python_version > '3', there is none",
    ),
    "an unresolved symbol": (
        lambda image: image.library("torchvision/_C.so", Linked(wanted=("_ZNK2at10TensorBase4sizeEv",))),
        "symbols",
        f"{SITE}/torchvision/_C.so wants _ZNK2at10TensorBase4sizeEv, which nothing here defines",
    ),
    "an unresolved symbol of the stable interface": (
        lambda image: image.library(
            "vllm/_C_stable.so", Linked(wanted=("aoti_torch_new", "torch_call", "c10"))
        ),
        "symbols",
        f"{SITE}/vllm/_C_stable.so wants aoti_torch_new and 1 more, which nothing here defines",
    ),
    "a library that is missing": (
        lambda image: image.library("vllm/_D.so", Linked(needed=("libc.so.6", "libgone.so.2"))),
        "needed",
        f"{SITE}/vllm/_D.so needs libgone.so.2: nothing here brings that",
    ),
    "a driver's library on a target that has none": (
        lambda image: image.library("vllm/_D.so", Linked(needed=("libcuda.so.1",))),
        "needed",
        f"{SITE}/vllm/_D.so needs libcuda.so.1: nothing here brings that",
    ),
    "a damaged library": (_damaged, "needed", f"{SITE}/torch/lib/libc10.so cannot be read: truncated"),
    "a setuid file": (
        lambda image: image.put("usr/bin/mount", b"", 0o4755),
        "privileged",
        "/usr/bin/mount is setuid",
    ),
    "a setgid file": (
        lambda image: image.put("usr/bin/write", b"", 0o2755),
        "privileged",
        "/usr/bin/write is setgid",
    ),
    "a file that everybody may write": (
        lambda image: image.put("etc/passwd", b"", 0o666),
        "privileged",
        "/etc/passwd may be written by everybody",
    ),
    "a folder that everybody may write": (
        lambda image: (image.root / "opt").chmod(0o777),
        "privileged",
        "/opt may be written by everybody",
    ),
    "a server that does not start": (
        lambda image: image.put(f"{SITE}/vllm/platforms/__init__.py", b"import gone_missing"),
        "starts",
        "`vllm serve --help` does not start: ModuleNotFoundError: No module named 'gone_missing'",
    ),
    "a server that is missing": (
        lambda image: (image.root / "opt/venv/bin/vllm").unlink(),
        "starts",
        "bin/vllm does not start: No such file or directory",
    ),
    "another platform": (
        lambda image: image.put(
            f"{SITE}/vllm/platforms/__init__.py",
            b"class Other:\n    is_rocm = is_cuda = lambda self: False\ncurrent_platform = Other()\n",
        ),
        "platform",
        "vLLM takes the platform Other, not cpu",
    ),
    "an unknown argument": (
        lambda image: image.expect["args"].append("--swap-space=4"),
        "arguments",
        "vLLM does not take --swap-space=4: unrecognized arguments: --swap-space=4",
    ),
    "an argument cut short": (
        lambda image: image.expect["args"].append("--enforce"),
        "arguments",
        "vLLM does not take --enforce: unrecognized arguments: --enforce",
    ),
    "a bad choice": (
        lambda image: image.expect["args"].append("--dtype=float13"),
        "arguments",
        "vLLM does not take --dtype=float13: argument --dtype: invalid choice: 'float13'",
    ),
    "a bad number": (
        lambda image: image.expect["args"].append("--max-num-seqs=many"),
        "arguments",
        "vLLM does not take --max-num-seqs=many: argument --max-num-seqs: invalid int value: 'many'",
    ),
    "an attention backend that there is not": (
        lambda image: image.expect["args"].append("--attention-backend=XFORMERS"),
        "arguments",
        "vLLM does not take --attention-backend=XFORMERS: it has no attention backend XFORMERS",
    ),
    "an unknown variable": (
        lambda image: image.expect["env"].update(VLLM_USE_V1="1"),
        "variables",
        "vLLM does not take VLLM_USE_V1=1: this vLLM knows no such variable",
    ),
    "a variable's bad value": (
        lambda image: image.expect["env"].update(VLLM_MAX_STOP_STRINGS="lots"),
        "variables",
        "vLLM does not take VLLM_MAX_STOP_STRINGS=lots: invalid literal for int()",
    ),
}

ROCM_FAULTS: dict[str, tuple[Plant, str, str]] = {
    "a foreign code object": (
        lambda image: image.put(f"{SITE}/torch/lib/libtorch_hip.so", hip_library("gfx1151", "gfx942")),
        "code",
        f"{SITE}/torch/lib/libtorch_hip.so holds code for other chips: gfx942 (100.0 kB)",
    ),
    "foreign code alone": (
        lambda image: image.put(f"{SITE}/vllm/_rocm_C.so", hip_library("gfx942")),
        "code",
        f"{SITE}/vllm/_rocm_C.so: holds no code for gfx1151, only for gfx942",
    ),
    "a foreign kernel folder": (
        lambda image: rocblas(image.root / "opt/rocm/lib/rocblas/library", "gfx1151", "gfx1150"),
        "code",
        "opt/rocm/lib/rocblas/library holds code for other chips: gfx1150",
    ),
    "a missing kpack": (
        _without_kpack,
        "kpack",
        "there is no torch/.kpack/torch_gfx1151.kpack below site-packages",
    ),
    "lost hidden folders": (
        _without_hidden_folders,
        "kpack",
        "there is no _rocm_sdk_libraries/.kpack/*_gfx1151.kpack below site-packages",
    ),
    "an empty kpack": (
        lambda image: image.put(f"{SITE}/torch/.kpack/torch_gfx1151.kpack", b""),
        "kpack",
        "torch/.kpack/torch_gfx1151.kpack is empty",
    ),
    "a foreign kpack": (
        lambda image: image.put(f"{SITE}/torch/.kpack/torch_gfx90a:xnack-.kpack", b"KPAK"),
        "kpack",
        f"{SITE}/torch/.kpack/torch_gfx90a:xnack-.kpack is for gfx90a:xnack-, not for gfx1151",
    ),
    "no amdsmi but the checks' own": (
        lambda image: shutil.rmtree(image.site / "amdsmi"),
        "amdsmi",
        "amdsmi cannot be imported: ModuleNotFoundError: No module named 'amdsmi'",
    ),
    "an amdsmi without its library": (
        lambda image: image.put(
            f"{SITE}/amdsmi/__init__.py", b"import ctypes\nctypes.CDLL('/gone/libamd_smi.so')\n"
        ),
        "amdsmi",
        "amdsmi cannot be imported: OSError: /gone/libamd_smi.so",
    ),
    "another Triton": (
        lambda image: image.expect.update(fingerprint="0" * 64),
        "fingerprint",
        f"{'0' * 64} is expected",
    ),
    "no Triton": (
        lambda image: shutil.rmtree(image.site / "triton"),
        "fingerprint",
        "there is no triton below site-packages",
    ),
    "Triton switched off": (
        lambda image: image.put(f"{SITE}/vllm/triton_utils.py", b"HAS_TRITON = False"),
        "platform",
        "vLLM goes without Triton",
    ),
    "another chip": (
        lambda image: image.put(f"{SITE}/vllm/platforms/rocm.py", b"_GCN_ARCH = 'gfx1150'"),
        "platform",
        "vLLM takes the GPU for gfx1150, not gfx1151",
    ),
    "Triton that does not compile": (
        lambda image: image.put(
            f"{SITE}/triton/backends/amd/driver.py",
            b"class HIPUtils:\n    def __init__(self): raise RuntimeError('Failed to find C compiler.')\n",
        ),
        "compiler",
        "Triton's driver module does not compile: no C compiler is on PATH",
    ),
}


def _texts(image: Image, name: str) -> list[str]:
    finding = look(image, name)
    assert all(len(fault.hint) > 10 for fault in finding.faults)
    return [fault.text for fault in finding.faults]


@pytest.mark.parametrize("fault", CPU_FAULTS)
def test_a_fault_on_a_cpu_image(fault: str, tmp_path: Path) -> None:
    plant, name, words = CPU_FAULTS[fault]
    image = cpu_image(tmp_path / "root")
    plant(image)
    assert any(words in text for text in _texts(image, name))


@pytest.mark.parametrize("fault", ROCM_FAULTS)
def test_a_fault_on_a_rocm_image(fault: str, tmp_path: Path) -> None:
    plant, name, words = ROCM_FAULTS[fault]
    image = rocm_image(tmp_path / "root")
    plant(image)
    assert any(words in text for text in _texts(image, name))


def test_every_check_has_a_fault_that_it_finds() -> None:
    found = {name for _, name, _ in (*CPU_FAULTS.values(), *ROCM_FAULTS.values())}
    assert found == {check.name for check in CHECKS}
