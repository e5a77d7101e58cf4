"""What the vendors' own tools take out of device code."""

import hashlib
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

Pairs = Iterator[tuple[str, bytes]]

BUNDLER = "clang-offload-bundler-22"


def run(*argv: str, folder: str = ".") -> str:
    done = subprocess.run(argv, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        sys.exit(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def bundle(path: str) -> Pairs:
    names = run(BUNDLER, "--list", "--type=o", f"--input={path}").split()
    with tempfile.TemporaryDirectory() as room:
        parts = [f"{room}/{index}" for index, _ in enumerate(names)]
        outputs = [f"--output={part}" for part in parts]
        run(BUNDLER, "--unbundle", "--type=o", f"--input={path}", f"--targets={','.join(names)}", *outputs)
        for name, part in zip(names, parts, strict=True):
            yield name, Path(part).read_bytes()


def offloading(path: str) -> Pairs:
    with tempfile.TemporaryDirectory() as room:
        copy = Path(room, "library")
        copy.symlink_to(path)
        run("llvm-objdump-22", "--offloading", str(copy), folder=room)
        for part in Path(room).glob("library.*"):
            yield part.name.split(".", 2)[2], part.read_bytes()


def cuda(path: str) -> Pairs:
    """A name does not tell a family's variant (100f) from the plain one: it stands as the tool says it."""
    with tempfile.TemporaryDirectory() as room:
        run("cuobjdump", "-xelf", "all", "-xptx", "all", path, folder=room)
        for part in Path(room).iterdir():
            chip = re.search(r"sm_(\d+[af]?)\.(cubin|ptx)$", part.name)
            assert chip, part.name
            yield f"{'sm' if chip[2] == 'cubin' else 'compute'}_{chip[1]}", part.read_bytes()


UNIT: dict[str, Callable[[str], Pairs]] = {"hip": bundle, "cuda": cuda}
"""Vendor -> the tool for a file with one bundle or one region, as memory holds it."""
LIBRARY: dict[str, Callable[[str], Pairs]] = {"hip": offloading, "cuda": cuda}
"""Vendor -> the tool for an ELF file."""


def hashes(pairs: Pairs) -> dict[str, list[str]]:
    """Label -> hashes of the code for it."""
    found = defaultdict(list)
    for label, code in pairs:
        found[label].append(hashlib.sha256(code).hexdigest())
    return {label: sorted(each) for label, each in found.items()}
