"""One device of the target where there is none: what the server asks about its GPU is answered by stubs.

NVIDIA's are libraries, compiled here by the image's own C compiler; AMD's is a Python module. They exist for
the processes that the checks start, and nowhere in the image.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from checks.child import Trouble, run
from checks.expectation import Expectation
from checks.subject import Subject
from pruner.archs import Gfx, parse_archs

STUBS = Path(__file__).with_name("stubs")
_SONAMES = {"cuda": "libcuda.so.1", "nvml": "libnvidia-ml.so.1"}
_DEFINED = re.compile(r"^int (cu[A-Z]\w*)\(", re.MULTILINE)
_FUNCTION = re.compile(rb"\bcu[A-Z]\w*")
_TRITON_SOURCE = "triton/backends/nvidia/driver.c"


@cache
def environment(subject: Subject) -> Mapping[str, str]:
    """The variables with which a process sees one device. Raises Trouble where a stub cannot be made."""
    return _VENDORS[subject.expect.vendor](subject)


def reported(expect: Expectation) -> str:
    """What the runtime calls the target's first chip."""
    (chip, *_), *_ = filter(None, parse_archs(expect.archs))
    return chip.processor if isinstance(chip, Gfx) else str(chip)


def _open_to_all(folder: Path) -> Path:
    """The user of the image writes and reads here."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    return folder


def _none(_: Subject) -> Mapping[str, str]:
    return {}


def _nvidia(subject: Subject) -> Mapping[str, str]:
    folder = _open_to_all(subject.scratch / "nvidia")
    capability = reported(subject.expect).removeprefix("sm_")
    major, minor = capability[:-1], capability[-1]
    for stub, soname in _SONAMES.items():
        source = folder / f"{stub}.c"
        text = (STUBS / source.name).read_text("utf-8")
        rest = _others(subject, text) if stub == "cuda" else ()
        source.write_text(text + "".join(rest), "utf-8")
        built = folder / soname
        given = [f"-DMAJOR={major}", f"-DMINOR={minor}", f"-Wl,-soname,{soname}", "-o", str(built)]
        run(subject, [_compiler(subject), "-shared", "-fPIC", "-O0", "-w", *given, str(source)])
    before = subject.environ.get("LD_LIBRARY_PATH", "")
    return {
        "LD_LIBRARY_PATH": ":".join(filter(None, (str(folder), before))),
        "TRITON_LIBCUDA_PATH": str(folder),
    }


def _others(subject: Subject, text: str) -> Iterator[str]:
    """Functions that no stub knows, yet something wants before it can be loaded: all give an error."""
    known = {name.encode() for name in _DEFINED.findall(text)}
    wanted = frozenset[bytes]().union(*(library.wanted for library in subject.libraries))
    for name in sorted((wanted | _called_by_triton(subject)) - known):
        if _FUNCTION.fullmatch(name):
            yield f"int {name.decode('ascii')}(void) {{ return 999; }}\n"


def _called_by_triton(subject: Subject) -> frozenset[bytes]:
    """By what it compiles and loads at its start."""
    sources = [source for site in subject.sites for source in site.glob(_TRITON_SOURCE)]
    return frozenset(name for source in sources for name in _FUNCTION.findall(source.read_bytes()))


def _compiler(subject: Subject) -> str:
    """The one that Triton takes."""
    path = subject.environ.get("PATH", os.defpath)
    found = (shutil.which(name, path=path) for name in ("gcc", "clang"))
    compiler = subject.environ.get("CC") or next(filter(None, found), None)
    if compiler is None:
        raise Trouble("no C compiler is on PATH")
    return compiler


def _amd(subject: Subject) -> Mapping[str, str]:
    folder = _open_to_all(subject.scratch / "amd")
    (folder / "amdsmi.py").write_text((STUBS / "amdsmi.py").read_text("utf-8"), "utf-8")
    before = subject.environ.get("PYTHONPATH", "")
    return {
        "PYTHONPATH": ":".join(filter(None, (str(folder), before))),
        "GFXPACK_STUB_CHIP": reported(subject.expect),
    }


_VENDORS = {"none": _none, "nvidia": _nvidia, "amd": _amd}
