"""The real image for processors is what its target expects, and its vLLM names what it does not take."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from builder.engine import Engine
from builder.paths import ROOT
from tests.checks.test_rendered import rendered
from tests.images.conftest import Built, built_images, catalog, engine
from tests.pruner.compiled.workbench import Done, Workbench, workbench

__all__ = ["built_images", "catalog", "engine"]

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def bench(engine: Engine, built_images: Built) -> Iterator[Workbench]:
    with workbench(engine, built_images.tags["vllm"], user="0:0") as bench:
        for package in ("checks", "pruner"):
            files = [path for path in (ROOT / package).rglob("*") if path.suffix in (".py", ".c")]
            bench.put(
                f"/run/checks/{package}", {str(path.relative_to(ROOT / package)): path for path in files}
            )
        yield bench


def checked(bench: Workbench, expect: dict[str, Any]) -> Done:
    bench.put("/run", {"checks.json": json.dumps(expect).encode()})
    program = ["/opt/venv/bin/python", "-P", "-m", "checks", "/run/checks.json"]
    return bench.run(*program, "--verdict", "/run/verdict.json", PYTHONPATH="/run/checks")


def test_it_is_what_its_target_expects(bench: Workbench) -> None:
    done = checked(bench, rendered("cpu"))
    assert done.status == 0, done.err
    verdict = json.loads(bench.run("cat", "/run/verdict.json").out)
    assert verdict["checks"]["platform"]["platform"] == "CpuPlatform"
    assert verdict["checks"]["symbols"]["symbols"] > 1000
    assert verdict["checks"]["needed"]["lacking"] == {}


def test_what_was_found_when_it_was_built_stays_in_it(bench: Workbench) -> None:
    checked(bench, rendered("cpu"))
    now, then = (
        json.loads(bench.run("cat", path).out) for path in ("/run/verdict.json", "/etc/gfxpack/checks.json")
    )
    del now["checks"]["needed"], then["checks"]["needed"]  # the engine lends a container a program, its init
    assert now == then


def test_what_it_does_not_take_is_named(bench: Workbench) -> None:
    expect = json.loads(json.dumps(rendered("cpu")))
    expect["args"] += ["--swap-space=4", "--dtype=float13", "--attention-backend=XFORMERS"]
    expect["env"] |= {"VLLM_USE_V1": "1", "VLLM_LOGGING_LEVEL": "DEBUG"}
    expect["versions"]["torch"] = "2.14.0+cpu"
    done = checked(bench, expect)
    assert done.status == 1
    said = done.err
    assert "torch is 2.13.0+cpu, 2.14.0+cpu is expected" in said
    assert "vLLM does not take --swap-space=4: unrecognized arguments: --swap-space=4" in said
    assert "vLLM does not take --dtype=float13: argument --dtype: invalid choice: 'float13'" in said
    assert "vLLM does not take --attention-backend=XFORMERS: it has no attention backend XFORMERS" in said
    assert (
        "error: check variables: vLLM does not take VLLM_USE_V1=1: this vLLM knows no such variable\n" in said
    )
    assert sum(line.startswith("error: ") for line in said.splitlines()) == 3
