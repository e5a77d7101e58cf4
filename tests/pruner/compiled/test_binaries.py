"""The compiled binaries are what they are called: tests that prune them rest on this."""

import struct

import pytest

from tests.pruner.compiled.binaries import Binaries
from tests.pruner.compiled.expected import UNITS
from tests.pruner.compiled.judges import Judges
from tests.pruner.compiled.memory import Memory

pytestmark = pytest.mark.engine

_LOAD = 1


@pytest.mark.parametrize("form", UNITS)
def test_each_holds_the_code_that_it_was_compiled_for(judges: Judges, form: str) -> None:
    assert [set(unit) for unit in judges.original(form).units] == [set(unit) for unit in UNITS[form]]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_compressed_bundles_have_each_version(compiled: Binaries, version: int) -> None:
    units = Memory(compiled[f"hip/ccob{version}"]).units.values()
    assert [struct.unpack_from("<4sH", unit) for unit in units] == [(b"CCOB", version)] * 2


def test_patchelf_added_a_segment(compiled: Binaries) -> None:
    for vendor, plain in (("hip", "raw"), ("cuda", "default")):
        loads = [
            sum(segment.kind == _LOAD for segment in Memory(compiled[f"{vendor}/{name}"]).segments)
            for name in (plain, "patched")
        ]
        assert loads[1] == loads[0] + 1


@pytest.mark.parametrize("form", ["hip/relr", "cuda/relr"])
def test_pointers_are_packed(compiled: Binaries, form: str) -> None:
    memory = Memory(compiled[form])
    records = {wrapper + 8 for wrapper in memory.wrappers}
    assert ".relr.dyn" in memory.sections
    assert not records & {relocation.place for relocation in memory.relocations}


def test_linked_cuda_code_has_both_its_sections(compiled: Binaries) -> None:
    assert {".nv_fatbin", "__nv_relfatbin"} <= Memory(compiled["cuda/rdc"]).sections.keys()


def test_the_new_drivers_bundles_lie_close_together(compiled: Binaries) -> None:
    addresses = Memory(compiled["hip/newrdc"]).units
    assert any(address % 4096 for address in addresses)
