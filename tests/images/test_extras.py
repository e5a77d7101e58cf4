"""What `--with` adds, in images of the real wheels: it is worth its name. No GPU is needed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builder.engine import Engine
from builder.paths import ROOT
from builder.render import read_inputs
from builder.render.image import render_engine
from builder.targets import Catalog, Choice, chosen
from builder.targets.images import ExtraName
from builder.targets.naming import image_tag
from tests.driver import driver
from tests.images.room import make_room
from tests.pruner.compiled.workbench import Workbench, workbench

pytestmark = [pytest.mark.engine, pytest.mark.long]

TARGET = "sm_90"
PROBES = Path(__file__).with_name("probes")
PYTHON = "/opt/venv/bin/python"
WITH_STUBS = """
import pathlib, sys, tempfile
from checks import child, device, expectation, subject
with tempfile.TemporaryDirectory() as scratch:
    pathlib.Path(scratch).chmod(0o755)
    expected = expectation.load(pathlib.Path("/run/checks.json"))
    image = subject.Subject(pathlib.Path("/"), expected, pathlib.Path(scratch))
    try:
        print(child.run(image, sys.argv[1:], device.environment(image)))
    except child.Trouble as trouble:
        sys.exit(trouble.output)
"""
"""A program of the image, which sees one device of the target."""


@pytest.fixture(scope="module", params=["multimodal", "jit"])
def extra(request: pytest.FixtureRequest) -> ExtraName:
    name: ExtraName = request.param
    return name


@pytest.fixture(scope="module")
def larger(catalog: Catalog, extra: ExtraName) -> Catalog:
    return chosen(catalog, Choice(TARGET, extras=(extra,)))


@pytest.fixture(scope="module")
def tag(engine: Engine, larger: Catalog, extra: ExtraName) -> str:
    make_room(engine)
    done = driver("build", "--target", TARGET, "--image", "vllm", "--with", extra, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return image_tag("vllm", larger.targets[TARGET].engine, TARGET)


@pytest.fixture(scope="module")
def bench(engine: Engine, larger: Catalog, tag: str) -> Iterator[Workbench]:
    rendered = render_engine(larger, TARGET, larger.targets[TARGET], read_inputs(ROOT, larger))
    with workbench(engine, tag) as bench:
        for package in ("checks", "pruner"):
            files = [path for path in (ROOT / package).rglob("*") if path.suffix in (".py", ".c")]
            bench.put("/run/checks", {str(path.relative_to(ROOT)): path for path in files})
        bench.put("/run", {"checks.json": rendered.files["checks.json"], "stubs.py": WITH_STUBS.encode()})
        bench.put("/run/probes", {path.name: path for path in PROBES.glob("*.py")})
        yield bench


def asked(bench: Workbench, probe: str, *arguments: str) -> Any:  # noqa: ANN401 - what a probe says
    program = [PYTHON, "-P", f"/run/probes/{probe}.py", *arguments]
    done = bench.run("/usr/bin/python3", "/run/stubs.py", *program, PYTHONPATH="/run/checks")
    assert done.status == 0, done.out + done.err
    return json.loads(done.out.strip().splitlines()[-1])


@pytest.mark.parametrize("extra", ["multimodal"], indirect=True)
def test_an_image_a_sound_and_a_film_come_through(bench: Workbench) -> None:
    """By the functions that vLLM calls for a request."""
    said = asked(bench, "decodes")
    assert said["image"] == ["RGB", 64, 64, 255, 0, 0]
    assert said["audio"] == [8000, 8000, 0.6]
    assert said["video"] == [8, 64, 64, 3, True, True]
    assert said["decoder"] == "opencv"
    assert set(said["resampled"].values()) == {16000}
    assert said["parsed"] == {"image": 1, "audio": 1, "video": 1}


@pytest.mark.parametrize("extra", ["jit"], indirect=True)
def test_nvcc_compiles_and_vllm_sees_it(bench: Workbench) -> None:
    said = asked(bench, "compiles", TARGET.removeprefix("sm_") + "a")
    assert {name: said[name] for name in ("flashinfer", "deep_gemm", "tilelang", "humming")} == {
        "flashinfer": True,
        "deep_gemm": True,
        "tilelang": True,
        "humming": True,
    }
    assert "vllm.third_party.deep_gemm" in said["imported"]
    assert said["compiled"][1] == b"\x7fELF".hex()
    assert said["flashinfer_kernel"] == ["norm.so"]
