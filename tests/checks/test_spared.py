"""What looks like a fault, and is none."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.checks.images import SITE, Image, cpu_image, look, rocm_image
from tests.checks.linked import Linked
from tests.pruner.tree.trees import hip_library

Plant = Callable[[Image], object]


def _library(path: str, **said: object) -> Plant:
    return lambda image: image.library(path, Linked(**said))  # type: ignore[arg-type]


def _expect(**keys: object) -> Plant:
    return lambda image: image.expect.update(keys)


def _put(path: str, content: bytes = b"", mode: int = 0o644) -> Plant:
    return lambda image: image.put(path, content, mode)


def _folder(path: str, mode: int) -> Plant:
    def make(image: Image) -> None:
        (image.root / path).mkdir(parents=True)
        (image.root / path).chmod(mode)

    return make


def _install(name: str, version: str, *requires: str) -> Plant:
    def install(image: Image) -> None:
        image.install(name, version, requires)

    return install


SPARED: dict[str, tuple[str, Sequence[Plant]]] = {
    "a driver's library that the target names": (
        "needed",
        [_expect(driver_libraries=["libcuda.so.1"]), _library("vllm/_D.so", needed=["libcuda.so.1"])],
    ),
    "a library beside it, by RUNPATH": (
        "needed",
        [
            _put("opt/other/libdeep.so.1"),
            _library("vllm/_D.so", needed=["libdeep.so.1"], runpath="/gone:$ORIGIN/../../../../../other"),
        ],
    ),
    "a library elsewhere, by RPATH": (
        "needed",
        [
            _put("opt/rocm/private/libdeep.so.1"),
            _library("vllm/_D.so", needed=["libdeep.so.1"], rpath="/opt/rocm/private"),
        ],
    ),
    "a library of another wheel, which torch loads first": (
        "needed",
        [
            _library("nvidia/cu13/lib/libcublas.so.13", soname="libcublas.so.13"),
            _library("vllm/_D.so", needed=["libcublas.so.13"]),
        ],
    ),
    "a library under its soname": (
        "needed",
        [
            _library("numpy.libs/libblas-59ff.so", soname="libblas.so.3"),
            _library("vllm/_D.so", needed=["libblas.so.3"]),
        ],
    ),
    "a library in a folder that ld.so.conf includes": (
        "needed",
        [
            _put("etc/ld.so.conf", b"include /etc/ld.so.conf.d/*.conf\n"),
            _put("etc/ld.so.conf.d/far.conf", b"# a comment\n/opt/far/lib\n"),
            _put("opt/far/lib/libfar.so.1"),
            _library("vllm/_D.so", needed=["libfar.so.1"]),
        ],
    ),
    "a library that may lack others": (
        "needed",
        [
            _expect(may_lack={"numba/np/tbbpool*": "one way of three"}),
            _library("numba/np/tbbpool.so", needed=["libtbb.so.12"]),
        ],
    ),
    "symbols of a library that may lack them": (
        "symbols",
        [
            _expect(may_lack={"addon/*": "for other releases"}),
            _library("addon/torch24.so", wanted=["_ZN3c104goneEv"]),
        ],
    ),
    "undefined names that are not PyTorch's": (
        "symbols",
        [_library("vllm/_D.so", wanted=["cuInit", "_ZN4vllm3runEv", "malloc"])],
    ),
    "scripts that are called like libraries": (
        "needed",
        [_put(f"{SITE}/script.so", b"#!/bin/sh\n"), _put(f"{SITE}/linker.so", b"GROUP ( libc.so.6 )")],
    ),
    "folders like /tmp, and what lies there": (
        "privileged",
        [
            _folder("var/tmp", 0o1777),
            _folder("srv", 0o1777),
            _folder("var/mail", 0o2775),
            _put("tmp/anything", mode=0o666),
        ],
    ),
    "a link, whose mode means nothing": (
        "privileged",
        [lambda image: (image.root / "usr/link").symlink_to("gone")],
    ),
    "a requirement that is left out with a reason": (
        "requires",
        [
            _expect(without={"Left.Out": "nobody wants it", "triton": "as well"}),
            _install("wants", "1", "left_out>=2"),
        ],
    ),
    "a pre-release that is new enough": (
        "requires",
        [_install("early", "2.0rc1"), _install("wants", "1.0", "early>=1")],
    ),
    "variables that are not vLLM's": ("variables", [_expect(env={"HSA_NO_SCRATCH_RECLAIM": "1"})]),
}


@pytest.mark.parametrize("case", SPARED)
def test_no_fault(case: str, tmp_path: Path) -> None:
    name, plants = SPARED[case]
    image = cpu_image(tmp_path / "root")
    for plant in plants:
        plant(image)
    assert [fault.text for fault in look(image, name).faults] == []


def test_what_a_library_lacks_is_in_the_verdict(tmp_path: Path) -> None:
    image = cpu_image(tmp_path / "root")
    image.expect.update(may_lack={"numba/*": "one way of three"})
    image.library("numba/np/tbbpool.so", Linked(needed=("libtbb.so.12",)))
    assert look(image, "needed").found["lacking"] == {f"{SITE}/numba/np/tbbpool.so": ["libtbb.so.12"]}


def test_code_for_none_of_the_chips_that_is_accepted(tmp_path: Path) -> None:
    image = rocm_image(tmp_path / "root")
    image.put(f"{SITE}/flash_attn/_ck.so", hip_library("gfx942"))
    image.expect.update(accept=["flash_attn/_ck.so"])
    finding = look(image, "code")
    assert not finding.faults
    assert finding.found == {"code": ["gfx1151"], "accepted": [f"{SITE}/flash_attn/_ck.so"]}


def test_a_family_of_two_chips(tmp_path: Path) -> None:
    image = rocm_image(tmp_path / "root")
    image.expect.update(archs=["gfx1151", "gfx1201"])
    image.put(f"{SITE}/torch/lib/libtorch_hip.so", hip_library("gfx1151", "gfx1201"))
    assert not look(image, "code").faults
    assert [fault.text for fault in look(image, "kpack").faults] == [
        "there is no torch/.kpack/torch_gfx1201.kpack below site-packages",
        "there is no _rocm_sdk_libraries/.kpack/*_gfx1201.kpack below site-packages",
    ]


def test_the_fingerprint_is_of_code_alone(tmp_path: Path) -> None:
    image = rocm_image(tmp_path / "root")
    first = look(image, "fingerprint").found["triton"]
    image.put(f"{SITE}/triton/__pycache__/x.pyc", b"compiled")
    image.put(f"{SITE}/triton/backends/nvidia/lib/libdevice.10.bc", b"data")
    assert look(image, "fingerprint").found["triton"] == first
    image.expect.update(fingerprint=first)
    assert not look(image, "fingerprint").faults
    image.put(f"{SITE}/triton/_C/libtriton.so", b"another build")
    assert look(image, "fingerprint").found["triton"] != first
