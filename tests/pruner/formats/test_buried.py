"""CUDA regions between other data: all stays where it is, code for other chips alone goes."""

import pytest

from pruner.archs import Ptx
from pruner.formats.base import Match
from pruner.formats.buried import FORMAT
from tests.pruner.fatbins import codes, cuda_region
from tests.pruner.formats.handling import shrunk, viewing, wanted

BLACKWELL = cuda_region(codes(5000, "sm_100a", "sm_103a", "sm_120"))


def test_a_region_for_other_chips_keeps_every_header_and_loses_what_is_behind_the_last() -> None:
    one = cuda_region(codes(5000, "sm_100a"))
    assert shrunk(FORMAT, one, wanted("sm_90", embedded=True)) == one[: 16 + 64]
    assert shrunk(FORMAT, BLACKWELL, wanted("sm_90", embedded=True)) == BLACKWELL[:-5000]


@pytest.mark.parametrize("chips", [["sm_100"], ["sm_121"], ["sm_90", "sm_103"]])
def test_a_region_with_anything_for_the_chip_stays_whole(chips: list[str]) -> None:
    assert shrunk(FORMAT, BLACKWELL, wanted(*chips, embedded=True)) == BLACKWELL


def test_ptx_that_the_chip_can_use_is_something() -> None:
    data = cuda_region(codes(500, "sm_100", "compute_80"))
    assert shrunk(FORMAT, data, wanted("sm_90", embedded=True)) == data
    assert shrunk(FORMAT, data, wanted("sm_75", embedded=True)) == data[:-504]
    assert shrunk(FORMAT, data, wanted("sm_75", ptx=Ptx.NEWEST, embedded=True)) == data


def test_a_region_with_a_kind_that_nothing_judges_stays_whole() -> None:
    data = cuda_region(codes(500, "sm_100", "ltoir_100"))
    assert shrunk(FORMAT, data, wanted("sm_90", embedded=True)) == data


def test_how_it_serves_is_said() -> None:
    with viewing(BLACKWELL) as view:
        unit = FORMAT.read(view, 0, view.size)
    choice = FORMAT.select(unit, wanted("sm_121", "sm_90", embedded=True))
    assert choice.serves == (("sm_121", Match.FAMILY), ("sm_90", Match.NONE))


def test_it_has_to_be_asked_for() -> None:
    assert FORMAT.applies(wanted("sm_90", embedded=True))
    assert not FORMAT.applies(wanted("sm_90"))
    assert not FORMAT.applies(wanted("gfx1100", embedded=True))
