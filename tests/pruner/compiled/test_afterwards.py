"""What people do to a library after it was pruned. GNU strip takes some such files apart; where it does
not is said below."""

from dataclasses import replace
from pathlib import Path

import pytest

from pruner.archs import Wanted
from pruner.library import Layout, Options, prune_library
from tests.pruner.compiled.binaries import Binaries
from tests.pruner.compiled.expected import kept
from tests.pruner.compiled.judges import Judges
from tests.pruner.compiled.wanted import gfx, sm

pytestmark = pytest.mark.engine

TOOLS = {
    "llvm-strip": ("llvm-strip-22",),
    "patchelf": ("patchelf", "--set-rpath", "$ORIGIN/../lib"),
    "patchelf-long": ("patchelf", "--set-rpath", "/nowhere" * 600),
}


@pytest.mark.parametrize("form", ["hip/raw", "hip/program", "hip/patched", "cuda/default", "cuda/rdc"])
@pytest.mark.parametrize("layout", [Layout.COMPACT, Layout.KEEP])
@pytest.mark.parametrize("tool", TOOLS)
def test_code_is_still_found(
    compiled: Binaries, judges: Judges, tmp_path: Path, *, form: str, layout: Layout, tool: str
) -> None:
    copy = compiled.copy(form, tmp_path)
    wanted = Wanted(gfx=gfx("gfx1151").gfx, sm=sm("90").sm)
    prune_library(copy, wanted, replace(Options(least_gain=4096), layout=layout, strip=False), name=form)
    judges.treated(copy, *TOOLS[tool])
    judges.holds(form, copy, kept(form, "gfx1151" if form.startswith("hip/") else "90"))


@pytest.mark.parametrize("form", ["hip/raw", "hip/patched"])
def test_a_packed_library_that_had_a_slot_to_give_up_survives_gnu_strip(
    compiled: Binaries, judges: Judges, tmp_path: Path, form: str
) -> None:
    copy = compiled.copy(form, tmp_path)
    wanted = Wanted(gfx=gfx("gfx1151").gfx, sm=sm("90").sm)
    packed = replace(Options(least_gain=4096), layout=Layout.COMPACT, strip=False)
    prune_library(copy, wanted, packed, name=form)
    judges.treated(copy, "strip")
    judges.holds(form, copy, kept(form, "gfx1151" if form.startswith("hip/") else "90"))
