"""A host for CUDA libraries without a GPU: a stub of the driver's library, the system's loader, Python."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.prune import fetch
from bench.prune.trees import libraries

_ROOT = Path(__file__).parents[2]
_NO_DEVICE = 100
"""What the driver answers where there is no GPU: CUDA_ERROR_NO_DEVICE."""
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


def loaded(tree: Path, names: Sequence[Path], cache: Path) -> list[str]:
    """A line for each library."""
    command = [sys.executable, "-m", "bench.prune.loads", *(str(tree / name) for name in names)]
    done = subprocess.run(
        command, cwd=_ROOT, env=_environment(tree, cache), capture_output=True, text=True, check=True
    )
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
    path = ":".join([str(_driver(tree, cache)), *folders, str(tree / "torch" / "lib")])
    return {**os.environ, "LD_LIBRARY_PATH": path}


def _driver(tree: Path, cache: Path) -> Path:
    """A folder with a libcuda.so.1 that has every function anyone asks for."""
    folder = cache / "stub"
    library = folder / "libcuda.so.1"
    if not library.exists():
        folder.mkdir(exist_ok=True)
        source = folder / "stub.c"
        wanted = sorted({symbol for name in libraries(tree) for symbol in _asked_for(tree / name)})
        source.write_text("".join(f"int {name}() {{ return {_NO_DEVICE}; }}\n" for name in wanted))
        command = [
            "gcc",
            "-shared",
            "-fPIC",
            "-w",
            f"-Wl,-soname,{library.name}",
            "-o",
            str(library),
            str(source),
        ]
        subprocess.run(command, check=True)
    return folder


def _asked_for(library: Path) -> list[str]:
    done = subprocess.run(
        ["nm", "--dynamic", "--undefined-only", "--format=posix", library],
        capture_output=True,
        text=True,
        check=False,
    )
    names = (line.split()[0] for line in done.stdout.splitlines() if line)
    return [name for name in names if name.startswith("cu") and name[2:3].isupper() and "@" not in name]
