"""Device code and libraries for stand-ins, compiled once for each content of `rehearsal/` and its base."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from builder.console import Console
from builder.engine import Engine, base, buildx
from builder.paths import CACHE, ROOT
from builder.sources import Sources, private_folder
from builder.targets.model import BaseSpec
from builder.targets.naming import base_key, base_tag

_ROOM = ROOT / "rehearsal"
_INPUTS = ("Dockerfile", "sources")
_NEEDED_BYTES = 2_000_000_000


def compiled(engine: Engine, spec: BaseSpec, sources: Sources, console: Console) -> Path:
    """The folder of what was compiled: `code/`, `bundle/`, `lib/` and `program/`."""
    made = CACHE / "rehearsal" / f"compiled-{key(spec)}"
    if made.is_dir():
        return made
    engine.require_space(_NEEDED_BYTES, "the compilers of a rehearsal")
    base.ensure(engine, spec, sources=sources, console=console, assume_yes=True)
    made.parent.mkdir(parents=True, exist_ok=True)
    with private_folder() as private, tempfile.TemporaryDirectory(dir=made.parent, prefix="making-") as room:
        context, out = Path(room, "context"), Path(room, "out")
        shutil.copytree(_ROOM / "sources", context / "sources")
        shutil.copy(_ROOM / "Dockerfile", context)
        buildx.build(
            context,
            "compiled",
            console=console,
            secrets=sources.secrets(private, suite=spec.suite),
            build_args={"BASE": base_tag(spec)},
            output=f"type=local,dest={out}",
            title="compile device code for stand-ins",
        )
        out.rename(made)
    for other in set(made.parent.glob("compiled-*")) - {made}:
        shutil.rmtree(other)
    return made


def key(spec: BaseSpec) -> str:
    """What makes two such folders the same."""
    whole = hashlib.sha256(base_key(spec).encode())
    for name in _INPUTS:
        place = _ROOM / name
        for path in sorted(place.iterdir()) if place.is_dir() else [place]:
            whole.update(f"{path.name}\0".encode() + path.read_bytes())
    return whole.hexdigest()[:12]
