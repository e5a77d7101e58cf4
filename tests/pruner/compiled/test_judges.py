"""The judges see what they are there for: each damage is one that a wrong pruner could do."""

import struct
from pathlib import Path

import pytest

from tests.pruner.compiled.binaries import Binaries
from tests.pruner.compiled.expected import UNITS
from tests.pruner.compiled.judges import Judges
from tests.pruner.compiled.memory import Memory, compare

pytestmark = pytest.mark.engine


def damaged(path: Path, offset: int, data: bytes) -> Path:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)
    return path


@pytest.mark.parametrize(
    "section", [".text", ".dynsym", ".eh_frame", ".rela.dyn", ".data.rel.ro", ".dynamic"]
)
def test_a_byte_of_the_host_changed(compiled: Binaries, tmp_path: Path, section: str) -> None:
    original = Memory(compiled["hip/raw"])
    place = original.sections[section].offset + original.sections[section].size - 1
    copy = damaged(compiled.copy("hip/raw", tmp_path), place, bytes([original.data[place] ^ 1]))
    with pytest.raises(AssertionError):
        compare(original, Memory(copy))


def test_a_segment_may_be_written_to(compiled: Binaries, tmp_path: Path) -> None:
    original = Memory(compiled["hip/raw"])
    first = next(number for number, segment in enumerate(original.segments) if segment.kind == 1)
    copy = damaged(compiled.copy("hip/raw", tmp_path), 64 + first * 56 + 4, struct.pack("<I", 6))
    with pytest.raises(AssertionError):
        compare(original, Memory(copy))


def test_a_byte_of_kept_code_changed(compiled: Binaries, judges: Judges, tmp_path: Path) -> None:
    place = Memory(compiled["hip/raw"]).sections[".hip_fatbin"].offset + 0x2000
    copy = damaged(compiled.copy("hip/raw", tmp_path), place, b"damage")
    with pytest.raises(AssertionError):
        judges.agree("hip/raw", copy, UNITS["hip/raw"])


@pytest.mark.parametrize("form", ["hip/relr", "cuda/default"])
def test_two_records_swapped_their_units(
    compiled: Binaries, judges: Judges, tmp_path: Path, form: str
) -> None:
    """By the pointers themselves where they are packed, by the entries that set them where they are not."""
    memory = Memory(compiled[form])
    entries = {each.place: each.entry + 16 for each in memory.relocations}
    (first, one), (second, other), *_ = memory.records.items()
    copy = compiled.copy(form, tmp_path)
    for record, unit in ((first, other), (second, one)):
        address = entries.get(record + 8, record + 8)
        segment = next(
            each for each in memory.segments if each.kind == 1 and 0 <= address - each.address < each.filled
        )
        damaged(copy, address - segment.address + segment.offset, struct.pack("<Q", unit))
    compare(memory, Memory(copy))
    with pytest.raises(AssertionError):
        judges.agree(form, copy, UNITS[form])


def test_the_file_holds_other_bytes_than_memory(compiled: Binaries, judges: Judges, tmp_path: Path) -> None:
    """A pointer that leads to a unit's copy in another place, which no runtime would look for there."""
    memory = Memory(compiled["hip/relr"])
    record, unit = next(iter(memory.records.items()))
    segment = next(
        each for each in memory.segments if each.kind == 1 and 0 <= record - each.address < each.filled
    )
    copy = compiled.copy("hip/relr", tmp_path)
    damaged(copy, record + 8 - segment.address + segment.offset, struct.pack("<Q", unit + 4096))
    with pytest.raises(AssertionError):
        judges.agree("hip/relr", copy, UNITS["hip/relr"])
