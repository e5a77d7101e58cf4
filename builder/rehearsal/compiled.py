"""Device code and libraries for stand-ins, compiled once for each content of `rehearsal/` and its base."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from builder.console import Console
from builder.engine import Engine, base, buildx
from builder.paths import CACHE, ROOT
from builder.sources import Sources, private_folder
from builder.targets.images import BaseSpec
from builder.targets.naming import base_key, base_tag

_ROOM = ROOT / "rehearsal"
_INPUTS = ("Dockerfile", "pack.sh", "sources")
_STORE = CACHE / "rehearsal"
_NEEDED_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Compilers:
    """Where things are compiled: on the base of the rehearsal, with Debian's clang."""

    engine: Engine
    base: BaseSpec
    sources: Sources
    console: Console

    def standins(self) -> Path:
        """`code/`, `bundle/`, `lib/` and `program/`."""
        return self._made("standins", "compile device code for stand-ins")

    def devel(self) -> Path:
        """The compiler itself, as AMD's development package brings one: `_devel.tar`."""
        return self._made("devel", "pack a compiler")

    def _made(self, stage: str, title: str) -> Path:
        made = _STORE / f"{stage}-{key(self.base)}"
        if made.is_dir():
            return made
        self.engine.require_space(_NEEDED_BYTES, "the compilers of a rehearsal")
        base.ensure(self.engine, self.base, sources=self.sources, console=self.console, assume_yes=True)
        _STORE.mkdir(parents=True, exist_ok=True)
        with private_folder() as private, tempfile.TemporaryDirectory(dir=_STORE, prefix="making-") as room:
            out = Path(room, "out")
            buildx.build(
                _context(Path(room, "context")),
                stage,
                console=self.console,
                secrets=self.sources.secrets(private, suite=self.base.suite),
                build_args={"BASE": base_tag(self.base)},
                target=stage,
                output=f"type=local,dest={out}",
                title=title,
            )
            out.rename(made)
        for other in set(_STORE.glob(f"{stage}-*")) - {made}:
            shutil.rmtree(other)
        return made


def _context(folder: Path) -> Path:
    folder.mkdir()
    for name in _INPUTS:
        place = _ROOM / name
        (shutil.copytree if place.is_dir() else shutil.copy)(place, folder / name)
    return folder


def key(spec: BaseSpec) -> str:
    """What makes two such folders the same."""
    whole = hashlib.sha256(base_key(spec).encode())
    for name in _INPUTS:
        place = _ROOM / name
        for path in sorted(place.iterdir()) if place.is_dir() else [place]:
            whole.update(f"{path.name}\0".encode() + path.read_bytes())
    return whole.hexdigest()[:12]
