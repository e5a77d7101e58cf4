"""CUDA binaries as nvcc makes them, pruned for each kind of chip; judged by the loader and by cuobjdump."""

from dataclasses import replace
from pathlib import Path

import pytest

from pruner.archs import Ptx
from pruner.library import Layout, Options, prune_library
from pruner.report import Outcome
from tests.pruner.compiled.binaries import Binaries, digest
from tests.pruner.compiled.expected import (
    CUDA,
    CUDA_HOSTS,
    CUDA_KEPT,
    Units,
    cases,
    emptied,
    in_groups,
    kept,
    units,
)
from tests.pruner.compiled.judges import Judges
from tests.pruner.compiled.memory import Memory, compare, same_for_tools, unloaded
from tests.pruner.compiled.wanted import sm

pytestmark = pytest.mark.engine

ALL = (*CUDA, *CUDA_HOSTS)
EVERYTHING = Options(least_gain=4096)
_REGION_HEADER, _ENTRY_HEADER = 16, 120
LAYOUTS = (Layout.COMPACT, Layout.KEEP)


@pytest.mark.parametrize(("form", "chips"), cases(CUDA, CUDA_KEPT, CUDA_HOSTS, ("80", "90", "103")))
def test_what_the_chip_needs_stays(
    compiled: Binaries, judges: Judges, tmp_path: Path, *, form: str, chips: str
) -> None:
    copy = compiled.copy(form, tmp_path)
    report = prune_library(copy, sm(chips), EVERYTHING, name=form)
    assert report.outcome is Outcome.PRUNED, report
    assert report.after == copy.stat().st_size < report.before * 0.8
    assert report.emptied == emptied(form, chips)
    assert report.sha256 == digest(copy)
    judges.agree(form, copy, kept(form, chips))


@pytest.mark.parametrize("form", ALL)
@pytest.mark.parametrize("strip", [True, False], ids=["stripped", "whole"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_in_each_layout(
    compiled: Binaries, judges: Judges, tmp_path: Path, *, form: str, layout: Layout, strip: bool
) -> None:
    copy = compiled.copy(form, tmp_path)
    report = prune_library(copy, sm("90"), replace(EVERYTHING, layout=layout, strip=strip), name=form)
    assert set(report.layout.values()) == {str(layout)}, report
    judges.agree(form, copy, kept(form, "90"))
    left = unloaded(Memory(copy))
    if strip:
        assert not {".symtab", ".strtab"} & left.keys()
        assert not [name for name in left if name.startswith(".debug")]
    else:
        same_for_tools(Memory(compiled[form]), Memory(copy))


@pytest.mark.parametrize("form", ["cuda/default", "cuda/packed", "cuda/plain", "cuda/concat"])
@pytest.mark.parametrize(
    ("policy", "chips", "stays"),
    [
        (Ptx.NEEDED, "90", units("sm_90 sm_90a", "sm_90", "sm_90a")),
        (Ptx.ALWAYS, "90", units("sm_90 sm_90a", "sm_90 compute_75", "sm_90a")),
        (Ptx.ALWAYS, "120", units("sm_120 compute_120", "compute_75", "sm_75")),
        (Ptx.NEWEST, "90", units("sm_90 sm_90a compute_120", "sm_90 compute_75", "sm_90a")),
        (Ptx.NEWEST, "86", units("sm_86 compute_120", "sm_86 compute_75", "sm_75")),
    ],
)
def test_ptx_stays_as_asked(
    compiled: Binaries,
    judges: Judges,
    tmp_path: Path,
    *,
    form: str,
    policy: Ptx,
    chips: str,
    stays: Units,
) -> None:
    copy = compiled.copy(form, tmp_path)
    report = prune_library(copy, sm(chips, policy), EVERYTHING, name=form)
    assert report.outcome is Outcome.PRUNED
    judges.agree(form, copy, in_groups(form, stays))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_code_that_is_not_linked_yet_is_judged_by_itself(
    compiled: Binaries, judges: Judges, tmp_path: Path, layout: Layout
) -> None:
    """What runs lies in .nv_fatbin, what it was made of in __nv_relfatbin: both shrink."""
    copy = compiled.copy("cuda/rdc", tmp_path)
    report = prune_library(copy, sm("89"), replace(EVERYTHING, layout=layout), name="rdc")
    assert dict(report.layout) == {".nv_fatbin": str(layout), "__nv_relfatbin": str(layout)}
    judges.agree("cuda/rdc", copy, kept("cuda/rdc", "89"))


def test_what_is_buried_in_other_data_goes_where_it_is_asked_for(
    compiled: Binaries, judges: Judges, tmp_path: Path
) -> None:
    """The region for another chip keeps its headers; all else of the resource stays, and where it was."""
    original = Memory(compiled["cuda/buried"])
    start, end = (original.loaded.index(marker) for marker in (b"[others]", b"[hopper]"))
    code = start + len(b"[others]") + _REGION_HEADER + _ENTRY_HEADER
    copy = compiled.copy("cuda/buried", tmp_path)
    report = prune_library(copy, replace(sm("90"), embedded=True), EVERYTHING, name="buried")
    assert dict(report.layout) == {".nv_fatbin": "compact", ".cask_resource": "keep"}
    pruned = Memory(copy)
    compare(original, pruned, also=[(code, end)])
    assert pruned.loaded[code:end] == bytes(end - code)
    pieces = [header.size for header in pruned.headers if header.name == ".cask_resource"]
    assert sum(pieces) < original.sections[".cask_resource"].size - 140_000
    judges.holds("cuda/buried", copy, kept("cuda/buried", "90"))


@pytest.mark.parametrize("form", [form for form in ALL if form not in ("cuda/rdc", "cuda/debug")])
def test_cuobjdump_sees_the_same_code_in_the_whole_file(
    compiled: Binaries, judges: Judges, tmp_path: Path, form: str
) -> None:
    """When it is compact: of a section in pieces the tool reads the first. Of a linked library it looks at
    what is linked alone, and of one with debug data it gives all files for a chip one name."""
    copy = compiled.copy(form, tmp_path)
    prune_library(copy, sm("90"), EVERYTHING, name=form)
    units = zip(judges.original(form).units, kept(form, "90"), strict=True)
    left = [(label, code) for unit, labels in units for label in labels for code in unit[label]]
    assert judges.whole(copy, form) == {
        label: sorted(code for each, code in left if each == label) for label, _ in left
    }
