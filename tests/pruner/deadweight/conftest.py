"""An image with Triton and a C compiler, made once for each content of its folder."""

import hashlib
import io
from pathlib import Path

import pytest

from builder.console import Console
from builder.engine import Engine, base, buildx
from builder.sources import Sources, private_folder
from builder.targets import Catalog
from builder.targets.naming import base_tag
from tests.driver import catalog, engine

__all__ = ["catalog", "engine"]

_ROOM = Path(__file__).with_name("image")
_NAME = "gfxpack-test/triton"


@pytest.fixture(scope="session")
def triton_image(engine: Engine, catalog: Catalog) -> str:
    spec = catalog.bases["bookworm"]
    content = b"".join(path.read_bytes() for path in sorted(_ROOM.iterdir()))
    tag = f"{_NAME}:{hashlib.sha256(spec.model_dump_json().encode() + content).hexdigest()[:12]}"
    if engine.image(tag) is None:
        _build(engine, catalog, tag)
        for other in engine.sdk.images.list(name=_NAME):
            for name in set(other.tags) - {tag}:
                engine.remove_image(name)
    return tag


def _build(engine: Engine, catalog: Catalog, tag: str) -> None:
    spec = catalog.bases["bookworm"]
    quiet = Console(io.StringIO(), live=False, colour=False)
    sources = Sources.load().answering()
    base.ensure(engine, spec, sources=sources, console=quiet, assume_yes=True)
    with private_folder() as private:
        buildx.build(
            _ROOM,
            tag,
            console=quiet,
            secrets=sources.secrets(private, suite=spec.suite),
            build_args={"BASE": base_tag(spec)},
        )
