"""Trees to prune, and all that can be seen of one."""

import base64
import hashlib
import io
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from builder.paths import ROOT
from pruner.archs import Gfx, Wanted
from pruner.library import Options
from pruner.tree.globs import Globs
from pruner.tree.progress import Progress
from pruner.tree.result import Request, Result
from pruner.tree.run import prune_tree
from tests.pruner.elves import Elf, cuda, hip
from tests.pruner.fatbins import codes, cuda_region, hip_bundle
from tests.pruner.linking import build

_NOTHING: Mapping[str, str] = {}

GFX1100 = Wanted(gfx=(Gfx("gfx1100"),))


@cache
def hip_library(*labels: str, size: int = 100_000) -> bytes:
    """Its bundle is large enough that a chip's part is worth taking out."""
    return build(Elf((hip(hip_bundle(codes(size, *labels))),))).data


@cache
def cuda_library(*labels: str) -> bytes:
    return build(Elf((cuda(cuda_region(codes(100_000, *labels))),))).data


def fat() -> bytes:
    return hip_library("gfx906", "gfx1100", "gfx1201")


def slim() -> bytes:
    return build(Elf()).data


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def recorded(content: bytes) -> tuple[str, int]:
    """Hash and size as RECORD has them."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest}", len(content)


def wheel(site: Path, name: str, *files: str) -> Path:
    """The RECORD of an installed wheel that has these files of `site`."""
    rows = [
        f"{file},{digest},{size}\n"
        for file in files
        for digest, size in [recorded((site / file).read_bytes())]
    ]
    record = put(site / f"{name}-1.0.dist-info/RECORD", "".join(rows).encode())
    with record.open("a", encoding="utf-8") as stream:
        stream.write(f"{name}-1.0.dist-info/RECORD,,\n")
    return record


def rocblas(folder: Path, *archs: str) -> None:
    for arch in archs:
        put(folder / f"TensileLibrary_lazy_{arch}.dat", arch.encode() * 100)
        put(folder / f"Kernels.so-000-{arch}.hsaco", arch.encode() * 2000)
    put(folder / "TensileLibrary_Type_HH_fallback.dat", b"fallback")


def snapshot(root: Path) -> dict[str, tuple[object, ...]]:
    """All there is of each file: kind and mode, owner, dates, links, content."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        for name in [".", *folders, *files]:
            path = Path(folder, name)
            status = path.lstat()
            what: object = None
            if stat.S_ISLNK(status.st_mode):
                what = path.readlink()
            elif stat.S_ISREG(status.st_mode):
                what = hashlib.sha256(path.read_bytes()).hexdigest(), status.st_ino
            found[os.path.normpath(path)] = (status.st_mode, status.st_uid, status.st_mtime_ns, what)
    return found


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def request(
    path: Path,
    *,
    wanted: Wanted = GFX1100,
    dry_run: bool = False,
    accept: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
    jobs: int = 1,
    marker: Path | None = None,
    prune: str = "pruner.library:prune_library",
) -> Request:
    return Request(
        path=path,
        wanted=wanted,
        options=Options(dry_run=dry_run),
        jobs=jobs,
        accept=Globs(accept),
        keep=Globs(keep),
        marker=marker,
        prune=prune,
    )


def prune(given: Request) -> Result:
    return prune_tree(given, Progress(io.StringIO()))


def pruner(
    *arguments: str | Path,
    stand_in: str = "",
    powerless: bool = False,
    environment: Mapping[str, str] = _NOTHING,
) -> subprocess.Popen[str]:
    """The command line in a process of its own; `stand_in` prunes in place of the real one, and for a
    powerless one modes of files count, also for root."""
    program = ["-m", "tests.pruner.tree.with_stand_in", stand_in] if stand_in else ["-m", "pruner"]
    if powerless:
        program = ["-m", "tests.pruner.tree.powerless", *program]
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error", **environment},
    )


def run(
    *arguments: str | Path, powerless: bool = False, environment: Mapping[str, str] = _NOTHING
) -> subprocess.CompletedProcess[str]:
    with pruner(*arguments, powerless=powerless, environment=environment) as process:
        out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
