"""What upstream, a mirror or a catalog may do to a build: it stops early, with one line and a hint."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from builder.errors import GfxpackError
from builder.rehearsal.run import Script
from builder.targets.images import Patch
from tests.rehearsal.stage import Stage, moved, other, tagged_for

pytestmark = pytest.mark.engine

TARGET = "gfx1151"
DEVICE_WHEEL = f"amd-torch-device-{TARGET}"


def says_that_the_index_lacks(error: GfxpackError, name: str) -> None:
    assert error.hint is not None
    assert "upstream index" in error.hint
    assert any(f"No matching distribution found for {name}==" in line for line in error.evidence)


def test_a_chip_that_the_wheels_have_no_code_for(stage: Stage) -> None:
    error = stage.fails(TARGET, catalog=stage.with_target(TARGET, archs=["gfx1103"]))
    assert error.hint is not None
    assert "no code for this chip" in error.hint
    assert any("gfx1103" in line for line in error.evidence)


def test_a_device_wheel_that_the_index_lacks(stage: Stage) -> None:
    says_that_the_index_lacks(stage.fails(TARGET, script=moved("device", DEVICE_WHEEL)), DEVICE_WHEEL)


def test_a_namesake_elsewhere_is_not_taken(stage: Stage) -> None:
    """The very version lies with the wheels of another layer, as a placeholder would in a public index."""
    error = stage.fails(TARGET, script=moved("device", DEVICE_WHEEL, to="packages"))
    says_that_the_index_lacks(error, DEVICE_WHEEL)


def move_index(contexts: Mapping[str, Path]) -> None:
    layer = contexts["wheels"] / "torch"
    (layer / "simple").rename(layer / "elsewhere")


def test_an_index_that_moved(stage: Stage) -> None:
    says_that_the_index_lacks(stage.fails(TARGET, script=Script(arrange=move_index)), "torch")


@pytest.mark.parametrize(
    "tag", ["cp312-cp312-linux_x86_64", "cp313-cp313-manylinux_2_99_x86_64"], ids=["Python", "glibc"]
)
def test_wheels_for_another_base(stage: Stage, tag: str) -> None:
    says_that_the_index_lacks(stage.fails(TARGET, script=other("torch", tagged_for(tag))), "torch")


def test_a_patch_for_another_commit(stage: Stage) -> None:
    source = stage.catalog.targets["gfx906"].engine.source
    assert source is not None
    patch = Patch(file="stale.patch", reason="a test", link="https://example.org/1")
    catalog = stage.with_engine("gfx906", source=source.model_copy(update={"patches": [patch]}))
    text = b"--- a/setup.py\n+++ b/setup.py\n@@ -1,1 +1,1 @@\n-no such line\n+another\n"
    files = {
        **stage.inputs.image_files,
        "vllm": {**stage.inputs.image_files["vllm"], "patches/stale.patch": text},
    }
    error = stage.fails(
        "gfx906", catalog=catalog, inputs=dataclasses.replace(stage.inputs, image_files=files)
    )
    assert "step patched" in error.message
    assert error.hint is not None
    assert "make the patch again" in error.hint
