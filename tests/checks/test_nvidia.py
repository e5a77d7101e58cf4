"""NVIDIA's stubs and Triton's own module, compiled by an image's own C compiler; vLLM is a stand-in."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from builder.engine import Engine
from builder.paths import ROOT
from tests.checks.images import EXAMPLES, STAND_IN
from tests.pruner.compiled.workbench import Done, Workbench, workbench
from tests.pruner.deadweight.conftest import catalog, engine, triton_image

__all__ = ["catalog", "engine", "triton_image"]

pytestmark = pytest.mark.engine

SITE = "opt/venv/lib/python3.11/site-packages"
BACKEND = f"/{SITE}/triton/backends/nvidia"
SERVE = b'#!/bin/sh\nexec /opt/venv/bin/python -m vllm.entrypoints.cli.main "$@"\n'
NEEDED = {
    "/usr/bin/gcc": ("/usr/bin/gcc", "no C compiler is on PATH"),
    "Python.h": ("/usr/include/python3.11/Python.h", "Python.h is missing"),
    "cuda.h": (f"{BACKEND}/include/cuda.h", "cuda.h is missing"),
    "libc6-dev": ("/usr/include/stdlib.h", "stdlib.h is missing"),
}
"""What a compilation opens, and what the check says without it."""


def expectation(**keys: object) -> bytes:
    expect: dict[str, Any] = json.loads((EXAMPLES / "sm_90.json").read_text("utf-8"))
    alone = {"versions": {"triton": "3.8.0"}, "least": {}, "trees": ["opt"]}
    return json.dumps({**expect, **alone, **keys}).encode()


@pytest.fixture(scope="module")
def bench(engine: Engine, triton_image: str) -> Iterator[Workbench]:
    with workbench(engine, triton_image) as bench:
        for package in ("checks", "pruner"):
            files = [path for path in (ROOT / package).rglob("*") if path.suffix in (".py", ".c")]
            bench.put(
                f"/run/checks/{package}", {str(path.relative_to(ROOT / package)): path for path in files}
            )
        server = {str(path.relative_to(STAND_IN)): path for path in STAND_IN.rglob("*.py")}
        bench.put(f"/{SITE}", server)
        bench.put("/opt/venv/bin", {"vllm": SERVE})
        yield bench


def checked(bench: Workbench, **keys: object) -> Done:
    bench.put("/run", {"checks.json": expectation(**keys)})
    program = ["/opt/venv/bin/python", "-P", "-m", "checks", "/run/checks.json"]
    return bench.run(*program, "--verdict", "/run/verdict.json", PYTHONPATH="/run/checks")


def passed(done: Done) -> set[str]:
    return {line.split()[1] for line in done.out.splitlines()}


@pytest.mark.parametrize("arch", ["sm_75", "sm_90", "sm_90a", "sm_121"])
def test_the_stubs_report_the_target(bench: Workbench, arch: str) -> None:
    """As the image's own user: where the stubs lie is open to it."""
    done = checked(bench, archs=[arch])
    assert {"compiler", "starts", "platform", "fingerprint"} <= passed(done), done.err


def test_the_stubs_are_gone_afterwards(bench: Workbench) -> None:
    checked(bench)
    assert bench.run("find", "/", "-xdev", "-name", "libnvidia-ml*").out == ""
    assert bench.run("ls", "/tmp").out == ""  # noqa: S108 - in the container


@pytest.mark.parametrize("needed", NEEDED)
def test_what_triton_compiles_with(bench: Workbench, needed: str) -> None:
    path, words = NEEDED[needed]
    assert bench.run("mv", path, f"{path}.gone").status == 0
    try:
        done = checked(bench)
    finally:
        assert bench.run("mv", f"{path}.gone", path).status == 0
    assert done.status == 1
    line = next(line for line in done.err.splitlines() if line.startswith("error: check compiler: "))
    assert words in line
    assert "cannot be carried out" not in done.err
