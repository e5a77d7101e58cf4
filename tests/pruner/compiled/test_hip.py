"""HIP binaries as compilers make them, pruned for each kind of chip; judged by the loader, LLVM and comgr."""

from dataclasses import replace
from pathlib import Path

import pytest

from pruner.archs import Wanted
from pruner.library import Layout, Options, prune_library
from pruner.report import Outcome
from tests.pruner.compiled.binaries import Binaries, digest
from tests.pruner.compiled.expected import (
    HIP,
    HIP_HOSTS,
    HIP_KEPT,
    cases,
    emptied,
    kept,
)
from tests.pruner.compiled.judges import Judges
from tests.pruner.compiled.memory import Memory, same_for_tools, unloaded
from tests.pruner.compiled.wanted import gfx

pytestmark = pytest.mark.engine

ALL = (*HIP, *HIP_HOSTS)
EVERYTHING = Options(least_gain=4096)
NO_ADDRESSES = "hip/aarch64"
"""Nothing searches its code for references: it cannot be compacted."""
COMPRESSED = ("hip/ccob1", "hip/ccob2", "hip/ccob3")
"""What llvm-objdump 22 extracts of these are other bytes of the file: it forgets to decompress."""


@pytest.mark.parametrize(("form", "chips"), cases(HIP, HIP_KEPT, HIP_HOSTS, ("gfx1150", "gfx90a:xnack-")))
def test_what_the_chip_needs_stays(
    compiled: Binaries, judges: Judges, tmp_path: Path, *, form: str, chips: str
) -> None:
    copy = compiled.copy(form, tmp_path)
    report = prune_library(copy, gfx(chips), EVERYTHING, name=form)
    assert report.outcome is Outcome.PRUNED, report
    assert report.after == copy.stat().st_size < report.before * 0.7
    assert report.emptied == emptied(form, chips)
    assert report.sha256 == digest(copy)
    judges.agree(form, copy, kept(form, chips))


@pytest.mark.parametrize("form", ALL)
@pytest.mark.parametrize("strip", [True, False], ids=["stripped", "whole"])
@pytest.mark.parametrize("layout", [Layout.COMPACT, Layout.KEEP])
def test_in_each_layout(
    compiled: Binaries, judges: Judges, tmp_path: Path, *, form: str, layout: Layout, strip: bool
) -> None:
    copy = compiled.copy(form, tmp_path)
    report = prune_library(copy, gfx("gfx1151"), replace(EVERYTHING, layout=layout, strip=strip), name=form)
    if (form, layout) == (NO_ADDRESSES, Layout.COMPACT):
        assert report.outcome is Outcome.REFUSED
        assert digest(copy) == digest(compiled[form])
        return
    assert dict(report.layout) == {".hip_fatbin": str(layout)}, report
    judges.agree(form, copy, kept(form, "gfx1151"))
    left = unloaded(Memory(copy))
    if strip:
        assert not {".symtab", ".strtab"} & left.keys()
        assert not [name for name in left if name.startswith(".debug")]
    else:
        same_for_tools(Memory(compiled[form]), Memory(copy))


@pytest.mark.parametrize("form", ALL)
def test_another_chip_finds_nothing_in_what_is_left(compiled: Binaries, tmp_path: Path, form: str) -> None:
    copy = compiled.copy(form, tmp_path)
    prune_library(copy, gfx("gfx1151"), EVERYTHING, name=form)
    before = digest(copy)
    report = prune_library(copy, gfx("gfx906"), EVERYTHING, name=form)
    assert report.outcome is Outcome.REFUSED
    assert "gfx906" in report.reason
    assert digest(copy) == before


@pytest.mark.parametrize("form", ["hip/raw", "hip/ccob3", "hip/patched"])
def test_narrowed_again_it_is_what_it_would_have_been(
    compiled: Binaries, judges: Judges, tmp_path: Path, form: str
) -> None:
    """Pruned for two chips, then for one of them: a file that this very program has written before."""
    copy = compiled.copy(form, tmp_path)
    prune_library(copy, gfx("gfx906 gfx1151"), EVERYTHING, name=form)
    report = prune_library(copy, gfx("gfx1151"), EVERYTHING, name=form)
    assert report.outcome is Outcome.PRUNED, report
    judges.agree(form, copy, kept(form, "gfx1151"))


@pytest.mark.parametrize("form", [form for form in ALL if form not in (NO_ADDRESSES, *COMPRESSED)])
def test_llvm_sees_the_same_code_in_the_whole_file(
    compiled: Binaries, judges: Judges, tmp_path: Path, form: str
) -> None:
    """When it is compact: of a section in pieces the tool reads the first."""
    copy = compiled.copy(form, tmp_path)
    report = prune_library(copy, gfx("gfx1151"), EVERYTHING, name=form)
    assert dict(report.layout) == {".hip_fatbin": "compact"}
    before, after = judges.whole(compiled[form], form), judges.whole(copy, form)
    assert after == {label: before[label] for label in ("host", "gfx1151")}


@pytest.mark.parametrize("form", ["hip/leaning", "hip/exported"])
def test_a_unit_that_more_than_its_record_leads_to_keeps_its_address(
    compiled: Binaries, judges: Judges, tmp_path: Path, form: str
) -> None:
    copy = compiled.copy(form, tmp_path)
    refused = prune_library(copy, gfx("gfx1151"), replace(EVERYTHING, layout=Layout.COMPACT), name=form)
    assert refused.outcome is Outcome.REFUSED, refused
    assert digest(copy) == digest(compiled[form])
    report = prune_library(copy, gfx("gfx1151"), EVERYTHING, name=form)
    assert dict(report.layout) == {".hip_fatbin": "keep"}
    assert any("keeps its addresses" in note for note in report.notes)
    assert Memory(copy).units.keys() == Memory(compiled[form]).units.keys()
    judges.agree(form, copy, kept(form, "gfx1151"))


@pytest.mark.parametrize("layout", Layout)
def test_a_unit_that_is_pointed_into_stays_whole(compiled: Binaries, tmp_path: Path, layout: Layout) -> None:
    copy = compiled.copy("hip/pointing", tmp_path)
    report = prune_library(copy, gfx("gfx1151"), replace(EVERYTHING, layout=layout), name="pointing")
    assert report.outcome is Outcome.REFUSED
    assert "middle of a unit" in report.reason
    assert digest(copy) == digest(compiled["hip/pointing"])


def test_code_of_the_other_vendor_is_left_alone(compiled: Binaries, tmp_path: Path) -> None:
    copy = compiled.copy("cuda/default", tmp_path)
    report = prune_library(copy, Wanted(gfx=gfx("gfx1151").gfx), replace(EVERYTHING, strip=False), name="x")
    assert report.outcome is Outcome.UNCHANGED
    assert digest(copy) == digest(compiled["cuda/default"])
