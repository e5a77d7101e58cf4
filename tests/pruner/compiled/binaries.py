"""Fat binaries of every form, compiled once for each content of the sources and the compilers' image."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from builder.console import Console
from builder.engine import Engine
from builder.paths import CACHE
from tests.pruner.compiled import image
from tests.pruner.compiled.workbench import workbench

_SOURCES = Path(__file__).with_name("sources")
_ROOM = CACHE / "compiled"


@dataclass(frozen=True)
class Binaries:
    """`hip/raw`, `cuda/default` and so on: the Makefile's goals; and stand-ins for the runtime libraries."""

    folder: Path

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def copy(self, name: str, folder: Path) -> Path:
        """A copy to work on, which keeps its name."""
        target = folder / Path(name).name
        shutil.copy(self[name], target)
        return target

    @property
    def runtimes(self) -> dict[str, Path]:
        return {path.name: path for path in self.folder.glob("*/lib*.so")}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def binaries(engine: Engine, console: Console) -> Binaries:
    """They lie in the project's cache; what other sources left there goes."""
    sources = {path.name: path.read_bytes() for path in sorted(_SOURCES.iterdir())}
    key = hashlib.sha256(repr((image.key(), sources)).encode()).hexdigest()[:12]
    made = _ROOM / key
    if not made.is_dir():
        _make(engine, image.ensure(engine, console), sources, made, console)
        for other in set(_ROOM.iterdir()) - {made}:
            shutil.rmtree(other)
    return Binaries(made)


def _make(engine: Engine, compilers: str, sources: dict[str, bytes], made: Path, console: Console) -> None:
    """The folder gets its name when all is in it."""
    with (
        console.step("compile fat binaries for the pruner's tests") as step,
        workbench(engine, compilers) as bench,
    ):
        bench.put("/sources", dict(sources))
        bench.run("mkdir", "/out")
        done = bench.run(
            "make", f"-j{os.cpu_count()}", "-Otarget", "--silent", "-C", "/out", "-f", "/sources/Makefile"
        )
        assert done.status == 0, done.out + done.err
        _ROOM.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(dir=_ROOM, prefix="making-"))
        count = 0
        for path, content in bench.get("/out"):
            if path.suffix != ".o":
                target = room / path
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(content)
                target.chmod(0o755)
                count += 1
        room.chmod(0o755)
        room.rename(made)
        step.finish(f"{count} files")
