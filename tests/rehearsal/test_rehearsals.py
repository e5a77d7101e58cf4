"""Every stage of a target's Dockerfile runs on stand-ins, and the image says what it is."""

import dataclasses
import io
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from builder.console import Console
from builder.engine import Engine
from builder.paths import TARGETS
from builder.rehearsal.run import Script
from builder.targets import Choice, chosen, load_catalog
from tests.rehearsal.stage import Stage

EVERY_DAY = ("gfx1151", "gfx906", "gfx942")
"""An APU, the source route, and a CDNA chip."""

REHEARSABLE = [name for name, target in load_catalog(TARGETS).targets.items() if target.engine.upstream]

pytestmark = pytest.mark.engine


def verdict(engine: Engine, tag: str) -> dict[str, object]:
    done = engine.run(tag, ["cat", "/etc/gfxpack/checks.json"])
    assert done.status == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "target",
    [name if name in EVERY_DAY else pytest.param(name, marks=pytest.mark.long) for name in REHEARSABLE],
)
def test_every_stage_runs_and_every_check_passes(stage: Stage, target: str) -> None:
    tag = stage.play(target)
    assert re.fullmatch(rf"rehearsal\.invalid/gfxpack/vllm:\S+-{target}-rehearsal", tag)
    image = stage.engine.image(tag)
    assert image is not None
    assert image.labels["gfxpack.rehearsal"] == "true"
    assert verdict(stage.engine, tag)["target"] == target


def test_what_sees_has_its_own_code_of_the_chip(stage: Stage) -> None:
    """AMD's wheels and everybody else's come in layers of their own, and the chip's with the chip's."""
    catalog = chosen(stage.catalog, Choice("gfx1151", extras=("multimodal",)))
    tag = stage.play("gfx1151", catalog=catalog)
    assert "-gfx1151-multimodal-" in tag
    done = stage.engine.run(tag, ["find", "/opt/venv", "-path", "*/torchvision/.kpack/*"])
    assert [line.rpartition("/")[2] for line in done.stdout.splitlines()] == ["torchvision_gfx1151.kpack"]


def test_the_image_holds_the_code_of_its_chip_alone(stage: Stage) -> None:
    tag = stage.play("gfx1151")
    done = stage.engine.run(tag, ["find", "/opt/venv", "-name", "*gfx*"])
    named = set(re.findall(r"gfx[0-9a-fx]+", done.stdout))
    assert named == {"gfx1151", "gfx115x", "gfx11xx"}


def edit_python(contexts: Mapping[str, Path]) -> None:
    """Another text each time, or the whole build would come out of the cache."""
    with (contexts["source"] / "vllm/triton_utils/__init__.py").open("a", encoding="utf-8") as file:
        file.write(f"EDITED = {time.time_ns()}\n")


def test_an_edit_of_python_compiles_no_kernel_again(stage: Stage) -> None:
    stage.play("gfx906")
    said = io.StringIO()
    edited = dataclasses.replace(stage, console=Console.for_stream(said))
    edited.play("gfx906", script=Script(arrange=edit_python))
    took = dict(re.findall(r"^ *(kernels|wheel) \d+/\d+ RUN .* (\S+)$", said.getvalue(), re.MULTILINE))
    assert took["kernels"] == "cached"
    assert took["wheel"] != "cached"


def test_nothing_can_push_a_rehearsal(stage: Stage) -> None:
    """Its registry cannot exist."""
    tag = stage.play("gfx1151")
    said = [line for line in stage.engine.sdk.images.push(tag, stream=True, decode=True) if "error" in line]
    assert said
