"""Copies of trees, and what is done with them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_ROOT = Path(__file__).parents[2]
_DONE = (0, 3)
"""With 3, some libraries have no code for the chip and were left alone."""
_CHUNK = 1 << 20


@contextmanager
def copy_of(source: Path, cache: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=cache, prefix="copy-") as folder:
        subprocess.run(["cp", "-a", source, folder], check=True)
        yield Path(folder) / source.name


def pruning(tree: Path, *arguments: str, report: str = "-") -> list[str]:
    """The command; its report goes to standard output."""
    return [sys.executable, "-m", "pruner", str(tree), *arguments, "--json", report, "--no-marker"]


def prune(tree: Path, *arguments: str) -> dict[str, Any]:
    """Prune, and give what the pruner reports."""
    done = subprocess.run(
        pruning(tree, *arguments), cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    if done.returncode not in _DONE:
        raise SystemExit(f"the pruner ended with {done.returncode} on {tree}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@dataclass(frozen=True)
class Size:
    """Bytes of a tree as a tar, and of that as a layer of an image."""

    tar: int
    layer: int


def size(tree: Path) -> Size:
    archive = ["tar", "--create", "--sort=name", "--numeric-owner", "--directory", str(tree), "."]
    packing = ["zstd", "--quiet", "-3", "--threads=0", "--stdout"]
    with (
        subprocess.Popen(archive, stdout=subprocess.PIPE) as tar,
        subprocess.Popen(packing, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as packer,
        ThreadPoolExecutor() as pool,
    ):
        layer = pool.submit(_count, packer.stdout)
        total = _count(tar.stdout, packer.stdin)
        return Size(total, layer.result())


def _count(source: IO[bytes] | None, target: IO[bytes] | None = None) -> int:
    """How many bytes come, each of which is passed on."""
    total = 0
    while source and (chunk := source.read(_CHUNK)):
        total += len(chunk)
        if target:
            target.write(chunk)
    if target:
        target.close()
    return total


def forget(tree: Path) -> None:
    """Take a tree out of the system's cache, and leave what others have there."""
    os.sync()
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def libraries(tree: Path) -> list[Path]:
    """Every ELF file of a tree, by its name below the tree's root."""
    return [
        path.relative_to(tree)
        for path in sorted(tree.rglob("*"))
        if path.is_file() and not path.is_symlink() and _starts(path) == b"\x7fELF"
    ]


def _starts(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)
