"""The image that holds the compilers: made from the distribution's packages, once for each content."""

import hashlib
from pathlib import Path

from builder.console import Console
from builder.engine import Engine, base, buildx
from builder.sources import Sources, private_folder
from builder.targets.images import BaseSpec
from builder.targets.naming import base_tag

_ROOM = Path(__file__).with_name("image")
_LABEL = "gfxpack.compilers"
_NEEDED_BYTES = 4_000_000_000

BASE = BaseSpec(
    suite="trixie",
    image="debian:trixie-slim",
    python="3.13",
    glibc="2.41",
    packages=["python3", "ca-certificates", "netbase"],
    exclude=["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"],
)
"""The newest release whose packages have every clang that is needed here."""


def key() -> str:
    """What makes two such images the same."""
    content = b"".join(path.read_bytes() for path in sorted(_ROOM.iterdir()))
    return hashlib.sha256(BASE.model_dump_json().encode() + content).hexdigest()[:12]


def ensure(engine: Engine, console: Console) -> str:
    """The image's tag; builds it where it is not there, and then removes the one that it replaces."""
    tag = f"gfxpack-test/compilers:{key()}"
    if engine.image(tag) is not None:
        return tag
    engine.require_space(_NEEDED_BYTES, "the compilers of the pruner's tests")
    sources = Sources.load().answering()
    base.ensure(engine, BASE, sources=sources, console=console, assume_yes=True)
    with private_folder() as private:
        secrets = sources.secrets(private, suite=BASE.suite)
        buildx.build(
            _ROOM,
            tag,
            console=console,
            secrets=secrets,
            build_args={"BASE": base_tag(BASE)},
            labels={_LABEL: key()},
        )
    for other in engine.sdk.images.list(filters={"label": _LABEL}):
        if tag not in other.tags:
            engine.remove_image(str(other.id))
    return tag
