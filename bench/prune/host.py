"""A host for GPU libraries without a GPU: stubs of the runtimes, the system's loader, Python."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.prune import fetch
from bench.prune.trees import libraries

_ROOT = Path(__file__).parents[2]
_NO_DEVICE = 100
"""What both vendors' runtimes answer where there is no GPU."""
_STUBS = {
    "libcuda.so.1": re.compile(r"cu[A-Z]"),
    "libamdhip64.so.5": re.compile(r"(__)?hip[A-Z]"),
    "libamdhip64.so.6": re.compile(r"(__)?hip[A-Z]"),
    "librocm_smi64.so.1": re.compile(r"rsmi_"),
    "libroctx64.so.4": re.compile(r"roctx"),
}
"""What is not on this machine, and how the names of its functions begin."""
_IMPORT = """
import glob, importlib, os, site, sys
site.addsitedir(sys.argv[1])
os.chdir(sys.argv[1])
def attempt(name):
    try:
        importlib.import_module(name)
        print(f"{name}: well")
    except BaseException as error:
        print(f"{name}: {type(error).__name__} {error}".replace(sys.argv[1], "").splitlines()[0])
for name in ("torch", "torchvision", "torchaudio", "numpy", "scipy.linalg", "triton", "cupy", "vllm"):
    attempt(name)
for path in sorted(glob.glob("vllm/**/*.so", recursive=True)):
    attempt(path.split(".")[0].replace("/", "."))
import torch
square = torch.arange(9.0).reshape(3, 3)
print(f"{(square @ square).flatten().tolist()}: well")
"""


def loaded(tree: Path, names: Sequence[Path], cache: Path, system: Path | None = None) -> list[str]:
    """A line for each library. `system` is a folder with another C library than this machine's."""
    environment = _environment(tree, cache)
    loader = [str(system / "ld-linux-x86-64.so.2")] if system else []
    if system:
        environment["LD_LIBRARY_PATH"] += f":{system}"
    command = [*loader, sys.executable, "-m", "bench.prune.loads", *(str(tree / name) for name in names)]
    done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=True)
    answers = done.stdout.replace(str(tree), "").splitlines()
    said = ("well" if answer == "loads" else answer for answer in answers)
    return [f"{name}: {answer}" for name, answer in zip(names, said, strict=True)]


def imported(tree: Path, cache: Path) -> list[str]:
    """A line for each module."""
    command = [str(fetch.python(cache)), "-S", "-c", _IMPORT, str(tree)]
    environment = {**_environment(tree, cache), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [line for line in done.stdout.splitlines() if ": " in line]


def _environment(tree: Path, cache: Path) -> dict[str, str]:
    folders = sorted({str(path.parent) for path in tree.glob("nvidia/**/lib*.so*")})
    path = ":".join([str(_stubs(tree, cache)), *folders, str(tree / "torch" / "lib")])
    return {**os.environ, "LD_LIBRARY_PATH": path}


def _stubs(tree: Path, cache: Path) -> Path:
    """A folder of libraries with every function that anyone in the tree asks for."""
    folder = cache / "stubs"
    folder.mkdir(exist_ok=True)
    wanted = {symbol for name in libraries(tree) for symbol in _asked_for(tree / name)}
    for name, pattern in _STUBS.items():
        functions = sorted(filter(pattern.match, wanted))
        if functions:
            _make_stub(folder / name, functions)
    return folder


def _make_stub(library: Path, functions: Sequence[str]) -> None:
    source = library.with_suffix(".c")
    source.write_text("".join(f"int {name}() {{ return {_NO_DEVICE}; }}\n" for name in functions))
    options = ["-shared", "-fPIC", "-w", f"-Wl,-soname,{library.name}"]
    subprocess.run(["gcc", *options, "-o", str(library), str(source)], check=True)


def _asked_for(library: Path) -> list[str]:
    done = subprocess.run(
        ["nm", "--dynamic", "--undefined-only", "--format=posix", library],
        capture_output=True,
        text=True,
        check=False,
    )
    return [line.split()[0].partition("@")[0] for line in done.stdout.splitlines() if line]
