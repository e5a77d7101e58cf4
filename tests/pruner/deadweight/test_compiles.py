"""What Triton compiles at run time, kernels and launchers, it still compiles after the policy."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builder.engine import Engine
from builder.paths import IMAGES, ROOT
from pruner.deadweight.policy import Action, Family, read_policy
from tests.pruner.compiled.workbench import Workbench, workbench

pytestmark = pytest.mark.engine

PYTHON = "/opt/venv/bin/python"
PROBE = Path(__file__).with_name("probes") / "compile_kernel.py"
POLICY = IMAGES / "_shared/slim/torch.txt"
BACKEND = "/opt/venv/lib/python3.11/site-packages/triton/backends/nvidia"
CHIPS = ("80", "90", "100")
"""The last one has a ptxas of its own."""
CUDA_CODE = 190
NEEDED = {
    f"{BACKEND}/bin/ptxas": "ptxas",
    f"{BACKEND}/include/cuda.h": "cuda.h",
    "/usr/include/python3.11/Python.h": "Python.h",
    "/usr/bin/gcc": "C compiler",
}
"""What a compilation opens -> what it says where that is missing."""


def rows_for_triton() -> bytes:
    lines = POLICY.read_text().splitlines()
    return "\n".join(line for line in lines if " triton/" in line).encode()


def compiled(bench: Workbench, chip: str) -> Any:  # noqa: ANN401 - what the probe says
    done = bench.run(PYTHON, "/probe/compile_kernel.py", chip, TRITON_CACHE_DIR=f"/tmp/{chip}")  # noqa: S108
    assert done.status == 0, done.out + done.err
    return json.loads(done.out)


@pytest.fixture(scope="module")
def kernels_before(engine: Engine, triton_image: str) -> dict[str, Any]:
    """What is compiled where all of Triton is there."""
    with workbench(engine, triton_image) as bench:
        bench.put("/probe", {PROBE.name: PROBE})
        return {chip: compiled(bench, chip) for chip in CHIPS}


@pytest.fixture(scope="module")
def lightened(engine: Engine, triton_image: str) -> Iterator[Workbench]:
    modules = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "pruner").rglob("*.py")}
    with workbench(engine, triton_image) as bench:
        bench.put("/gfxpack", {**modules, "triton.txt": rows_for_triton()})
        bench.put("/probe", {PROBE.name: PROBE})
        command = "cd /gfxpack && python3 -m pruner.deadweight --family=cuda /opt/venv triton.txt"
        done = bench.run("sh", "-c", command)
        assert done.status == 0, done.err
        assert "its row says" not in done.out
        yield bench


def test_the_policy_has_been_at_it(lightened: Workbench) -> None:
    rows = [row for row in read_policy(POLICY) if Family.CUDA in row.families]
    gone = {row.pattern for row in rows if row.action is Action.DELETE and row.pattern.startswith("triton/")}
    assert "triton/backends/nvidia/lib/cupti*" in gone
    listing = lightened.run("ls", f"{BACKEND}/lib", f"{BACKEND}/include").out.split()
    assert {"libdevice.10.bc", "cuda.h"} <= set(listing)
    assert not {"cupti", "cupti-blackwell", "cupti.h"} & set(listing)


@pytest.mark.parametrize("chip", CHIPS)
def test_a_kernel_and_its_launcher_compile_as_before(
    lightened: Workbench, kernels_before: dict[str, Any], chip: str
) -> None:
    kernel = compiled(lightened, chip)
    assert kernel == kernels_before[chip]
    assert kernel["machine"] == CUDA_CODE
    assert kernel["launches"]


@pytest.mark.parametrize("needed", NEEDED)
def test_nothing_compiles_without(lightened: Workbench, needed: str) -> None:
    """So that the test above could fail."""
    assert lightened.run("mv", needed, f"{needed}.gone").status == 0
    try:
        cache = f"/tmp/without-{Path(needed).name}"  # noqa: S108
        done = lightened.run(PYTHON, "/probe/compile_kernel.py", "90", TRITON_CACHE_DIR=cache)
        assert done.status != 0
        assert NEEDED[needed] in done.out + done.err
    finally:
        assert lightened.run("mv", f"{needed}.gone", needed).status == 0
