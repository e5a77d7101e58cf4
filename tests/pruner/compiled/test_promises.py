"""What holds for every form alike: it is done once, always the same way, and never to nothing."""

from pathlib import Path

import pytest

from pruner.archs import Wanted
from pruner.library import Options, prune_library
from pruner.report import Outcome
from tests.pruner.compiled.binaries import Binaries, digest
from tests.pruner.compiled.expected import CUDA, CUDA_HOSTS, HIP, HIP_HOSTS
from tests.pruner.compiled.wanted import gfx, sm

pytestmark = pytest.mark.engine

EVERYTHING = Options(least_gain=4096)
SERVED = [
    *((form, gfx("gfx1151")) for form in (*HIP, *HIP_HOSTS)),
    *((form, sm("90")) for form in (*CUDA, *CUDA_HOSTS)),
]
UNSERVED = [
    *((form, gfx("gfx803"), "gfx803") for form in (*HIP, *HIP_HOSTS)),
    *((form, sm("70"), "sm_70") for form in (*CUDA, *CUDA_HOSTS)),  # no PTX here is as old as this chip
]


@pytest.mark.parametrize(("form", "wanted"), SERVED)
def test_it_is_done_once_and_always_alike(
    compiled: Binaries, tmp_path: Path, form: str, wanted: Wanted
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        prune_library(compiled.copy(form, folder), wanted, EVERYTHING, name=form)
    name = Path(form).name
    assert (before := digest(first / name)) == digest(second / name)
    again = prune_library(first / name, wanted, EVERYTHING, name=form)
    assert (again.outcome, digest(first / name)) == (Outcome.UNCHANGED, before)


@pytest.mark.parametrize(("form", "wanted", "chip"), UNSERVED)
def test_without_code_for_the_chip_it_is_refused(
    compiled: Binaries, tmp_path: Path, *, form: str, wanted: Wanted, chip: str
) -> None:
    copy = compiled.copy(form, tmp_path)
    report = prune_library(copy, wanted, EVERYTHING, name=form)
    assert report.outcome is Outcome.REFUSED
    assert chip in report.reason
    assert digest(copy) == digest(compiled[form])
