"""Dead weight in image builds: a library with several names is one file in the image and in its layer."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.console import Console
from builder.engine import Engine, base, buildx
from builder.paths import ROOT
from builder.sources import Sources
from builder.targets import Catalog
from builder.targets.naming import base_tag
from tests.pruner.compiled.workbench import workbench

pytestmark = pytest.mark.engine

SITE = "opt/venv/lib/python3.11/site-packages"
NAMES = ("libx.so", "libx.so.1", "libx.so.1.2")
LIBRARY = bytes(range(256)) * 20_000
DOCKERFILE = """\
ARG BASE=scratch
FROM ${BASE} AS build
COPY layer/ /layer/
RUN --mount=type=bind,source=pruner,target=/build/pruner \\
    --mount=type=bind,source=policy.txt,target=/build/policy.txt \\
    PYTHONPATH=/build python3 -m pruner.deadweight --family=cuda /layer /build/policy.txt

FROM ${BASE}
COPY --link --from=build /layer/ /
"""


@pytest.fixture(scope="module")
def base_image(engine: Engine, catalog: Catalog) -> str:
    quiet = Console(io.StringIO(), live=False, colour=False)
    spec = catalog.bases["bookworm"]
    base.ensure(engine, spec, sources=Sources.load(), console=quiet, assume_yes=True)
    return base_tag(spec)


def lay_out(folder: Path) -> Path:
    for path in (ROOT / "pruner").rglob("*.py"):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    site = folder / "layer" / SITE
    site.mkdir(parents=True)
    for name in NAMES:
        (site / name).write_bytes(LIBRARY)
    (folder / "policy.txt").write_text(f"link all {2 * len(LIBRARY) / 1e6} libx.so* names\n")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return folder


@pytest.fixture(scope="module")
def image(engine: Engine, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    tag = "gfxpack-test/links:1"
    quiet = Console(io.StringIO(), live=False, colour=False)
    buildx.build(
        lay_out(tmp_path_factory.mktemp("links")), tag, console=quiet, build_args={"BASE": base_image}
    )
    yield tag
    engine.remove_image(tag)


def test_all_names_are_one_file_in_the_image(engine: Engine, image: str) -> None:
    with workbench(engine, image) as bench:
        done = bench.run("stat", "--format=%i %h %s", *(f"/{SITE}/{name}" for name in NAMES))
    assert done.status == 0, done.err
    (one,) = set(done.out.splitlines())
    assert one.endswith(f" {len(NAMES)} {len(LIBRARY)}")


def test_the_layer_holds_it_once(engine: Engine, image: str) -> None:
    size = engine.sdk.images.get(image).history()[0]["Size"]
    assert len(LIBRARY) <= size < 2 * len(LIBRARY)


def test_files_of_two_owners_stay_two(engine: Engine, base_image: str, tmp_path: Path) -> None:
    lay_out(tmp_path)
    with workbench(engine, base_image) as bench:
        files = (path for path in tmp_path.rglob("*") if path.is_file())
        bench.put("/build", {path.relative_to(tmp_path).as_posix(): path for path in files})
        assert bench.run("chown", "12345:0", f"/build/layer/{SITE}/libx.so.1").status == 0
        command = "cd /build && python3 -m pruner.deadweight --family=cuda layer policy.txt"
        done = bench.run("sh", "-c", command)
        assert done.status == 1
        assert "mode or owner of /build/layer" in done.err
