"""Roots of images to check, small and whole, with a stand-in of the server; and faults planted in them."""

import base64
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks.cli import main
from checks.expectation import parse
from checks.subject import Finding, Subject
from checks.table import CHECKS
from tests.checks.linked import Linked, linked
from tests.pruner.tree.trees import hip_library

SITE = "opt/venv/lib/python3.11/site-packages"
EXAMPLES = Path(__file__).with_name("examples")
STAND_IN = Path(__file__).with_name("stand_in")
_TRITON = {
    "triton/__init__.py": b"",
    "triton/_C/libtriton.so": b"triton",
    "triton/backends/__init__.py": b"",
    "triton/backends/amd/__init__.py": b"",
    "triton/backends/amd/driver.py": b"class HIPUtils:\n    load_binary = print\n",
}
_SCRIPT = '#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{site}" exec {python} -P {program} "$@"\n'
_SERVE = "-m vllm.entrypoints.cli.main"


@dataclass(frozen=True)
class Image:
    root: Path
    expect: dict[str, Any]
    """Goes into checks.json; a test changes it."""

    @property
    def site(self) -> Path:
        return self.root / SITE

    def put(self, path: str, content: bytes, mode: int = 0o644) -> Path:
        """A path of the image."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)
        return target

    def library(self, path: str, library: Linked) -> Path:
        return self.put(f"{SITE}/{path}", linked(library), 0o755)

    def install(
        self,
        name: str,
        version: str,
        requires: tuple[str, ...] = (),
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        """What pip leaves behind."""
        rows = ""
        for path, content in (files or {}).items():
            self.put(f"{SITE}/{path}", content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows += f"{path},sha256={digest},{len(content)}\n"
        info = f"{SITE}/{name.replace('-', '_')}-{version}.dist-info"
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        self.put(f"{info}/METADATA", "\n".join([*lines, "", "Requires-Dist: not-a-header\n"]).encode())
        self.put(f"{info}/RECORD", rows.encode())


def cpu_image(root: Path) -> Image:
    image = _image(root, "cpu.json")
    image.install("torch", "2.13.0+cpu", ("packaging>=20", "gone; python_version < '3'"))
    image.install("vllm", "0.32.0+cpu", ("torch==2.13.0", "triton", "left-out>=2; extra == 'more'"))
    _link(image)
    return image


def rocm_image(root: Path) -> Image:
    """Of a card for gfx1151, as it is after the pruner."""
    image = _image(root, "gfx1151.json")
    archives = {
        "torch/.kpack/torch_gfx1151.kpack": b"KPAK" + b"1" * 60,
        "_rocm_sdk_libraries/.kpack/blas_lib_gfx1151.kpack": b"KPAK" + b"2" * 60,
    }
    image.install("torch", "2.13.0+rocm10.0.0", files={"torch/version.py": b"hip = '10.0.0'\n"})
    image.install("triton", "3.8.0", files=_TRITON)
    image.install("vllm", "0.33.0+rocm100", ("torch==2.13.0",))
    image.put(f"{SITE}/amdsmi/__init__.py", b"")
    image.install("amd-torch-device-gfx1151", "2.13.0+rocm10.0.0", files=archives)
    image.put(f"{SITE}/torch/lib/libtorch_hip.so", hip_library("gfx1151"))
    _link(image)
    return image


def _image(root: Path, example: str) -> Image:
    image = Image(root, json.loads((EXAMPLES / example).read_text("utf-8")))
    image.expect["user"] = "0:0"
    shutil.copytree(STAND_IN, image.site)
    programs = {"python": "", "vllm": _SERVE}
    for name, program in programs.items():
        script = _SCRIPT.format(site=image.site, python=sys.executable, program=program)
        image.put(f"opt/venv/bin/{name}", script.encode(), 0o755)
    image.install("packaging", "26.0")
    image.install("kept", "1.0", files={"kept/__init__.py": b"x = 1\n"})
    return image


def _link(image: Image) -> None:
    image.put("usr/lib/x86_64-linux-gnu/libc.so.6", linked(Linked(soname="libc.so.6")))
    image.library(
        "torch/lib/libc10.so", Linked(soname="libc10.so", needed=("libc.so.6",), defined=("_ZN3c105ErrorE",))
    )
    image.library(
        "vllm/_C.abi3.so",
        Linked(needed=("libc10.so", "libc.so.6"), wanted=("_ZN3c105ErrorE",), weak=("_ZN3c104MaybeE",)),
    )


def look(image: Image, name: str) -> Finding:
    """What one check finds."""
    (check,) = (each for each in CHECKS if each.name == name)
    with tempfile.TemporaryDirectory() as scratch:
        return check.look(Subject(image.root, parse(image.expect), Path(scratch)))


def run(image: Image, verdict: Path | None = None) -> int:
    """Every check, as the build runs them."""
    expect = image.root.parent / "checks.json"
    expect.write_text(json.dumps(image.expect), "utf-8")
    arguments = [str(expect), "--root", str(image.root)]
    return main([*arguments, "--verdict", str(verdict)] if verdict else arguments)
