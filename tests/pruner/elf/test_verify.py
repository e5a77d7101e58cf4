"""A new file that is wrong in any one thing does not pass: neither one that was written wrong nor one that
was planned wrong and written as right. Each fault is told from the others."""

import io
import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pruner.archs import Gfx, Wanted
from pruner.choice import choose
from pruner.elf.plan import Plan, plan
from pruner.elf.read import DROPPED, PAGE, SegmentType, read_elf
from pruner.elf.verify import verify
from pruner.elf.write import write
from pruner.errors import Refused
from pruner.view import Scratch, View
from tests.pruner.elves import Elf, hip
from tests.pruner.fatbins import codes, hip_bundle
from tests.pruner.linking import RELOCATION, SECTION, SEGMENT, build

WANTED = Wanted(gfx=(Gfx("gfx1100"),))
BUNDLE = hip_bundle(codes(20000, "gfx906", "gfx1100", "gfx1201"))
OWN = hip_bundle(codes(9000, "gfx1100"))
LIBRARY = Elf((hip(BUNDLE, BUNDLE, OWN, BUNDLE),), symbols=20, debug=5000)
COMPACT, KEEP = "compact", "keep"

Damage = Callable[[bytearray, Plan], None]
Slip = Callable[[Plan], Plan]


@contextmanager
def planned(folder: Path, layout: str) -> Iterator[Plan]:
    """A right plan for the library."""
    path = folder / "library.so"
    path.write_bytes(with_copies_in_place(LIBRARY))
    with path.open("rb") as file, closing(Scratch()) as scratch:
        elf = read_elf(View(file.fileno()))
        yield plan(elf, choose(elf, WANTED, scratch).cargo, layout=layout, strip=False)


def with_copies_in_place(library: Elf) -> bytes:
    """Some linkers write what a relocation adds into the word as well."""
    built = build(library)
    data = io.BytesIO(built.data)
    home = built.sections[".hipFatBinSegment"]
    for wrapper, unit in zip(built.wrappers, built.units[0], strict=True):
        data.seek(wrapper - home.address + home.offset + 8)
        data.write(struct.pack("<Q", unit))
    return data.getvalue()


def written(right: Plan) -> bytearray:
    descriptor = os.memfd_create("new")
    with os.fdopen(descriptor, "rb") as file:
        write(right, descriptor)
        return bytearray(file.read())


def check(right: Plan, data: bytearray) -> None:
    descriptor = os.memfd_create("new")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        verify(right, View(descriptor))


# Where things are in a new file, and what may become of them.


def section(right: Plan, name: str) -> int:
    return next(number for number, each in enumerate(right.sections) if each.name == name)


def within(name: str, distance: int = 0) -> Callable[[Plan], int]:
    """So many bytes into a section, in the new file."""
    return lambda right: right.sections[section(right, name)].offset + distance


def unit(number: int, distance: int = 0) -> Callable[[Plan], int]:
    """So many bytes into a unit, in the new file."""
    return lambda right: offset_of(right, list(right.placed)[number].address) + distance


def offset_of(right: Plan, address: int) -> int:
    loads = [each for each in right.segments if each.type == SegmentType.LOAD]
    return next(address - each.slide for each in loads if each.vaddr <= address < each.vaddr + each.filesz)


def segment_field(kind: SegmentType, field: int, number: int = 0) -> Callable[[Plan], int]:
    """A field of a segment's header: 0 type, 1 flags, 2 offset, 5 and 6 sizes, 7 alignment."""

    def place(right: Plan) -> int:
        found = [index for index, each in enumerate(right.segments) if each.type == kind]
        return right.phoff + SEGMENT.size * found[number] + (0, 4, 8, 16, 24, 32, 40, 48)[field]

    return place


def section_field(name: str, field: int) -> Callable[[Plan], int]:
    """A field of a section's header: 2 flags, 3 address, 4 offset, 5 size, 6 link (4 bytes), 8 alignment."""
    return lambda right: (
        right.shoff + SECTION.size * section(right, name) + ((0, 4, 8, 16, 24, 32, 40, 44, 48, 56)[field])
    )


def flip(place: Callable[[Plan], int], mask: int = 1) -> Damage:
    """Other bits in one byte."""

    def damage(data: bytearray, right: Plan) -> None:
        data[place(right)] ^= mask

    return damage


def add(place: Callable[[Plan], int], amount: int) -> Damage:
    """Another number in eight bytes."""

    def damage(data: bytearray, right: Plan) -> None:
        (value,) = struct.unpack_from("<Q", data, place(right))
        struct.pack_into("<Q", data, place(right), value + amount)

    return damage


def header(offset: int) -> Callable[[Plan], int]:
    return lambda _: offset


def lose_a_byte(place: Callable[[Plan], int]) -> Damage:
    """What follows moves up, to the end of a page."""

    def damage(data: bytearray, right: Plan) -> None:
        start = place(right)
        end = (start // PAGE + 1) * PAGE
        data[start:end] = data[start + 1 : end] + b"\0"

    return damage


ADDEND = 16
CODE = len(hip_bundle({"gfx1100": b""})) // 4096 * 4096 + 4096
"""Where the code begins in a bundle for one chip."""
LABEL = BUNDLE.index(b"gfx906")
DAMAGE: dict[str, tuple[Damage, str]] = {
    "a byte of the host's data": (flip(within(".rodata", 100)), "bytes changed behind"),
    "a byte of the host's code": (flip(within(".text")), "bytes changed behind"),
    "a byte lost": (lose_a_byte(within(".rodata", 100)), "bytes changed behind"),
    "a byte behind the units": (flip(within(".eh_frame")), "bytes changed behind"),
    "a byte of debug data": (flip(within(".debug_info", 7)), "section .debug_info changed"),
    "a byte of code": (flip(unit(0, CODE + 100)), "code for gfx1100 changed"),
    "a byte of code lost": (lose_a_byte(unit(1, CODE + 100)), "code for gfx1100 changed"),
    "a byte of a unit that is as it was": (flip(unit(2, CODE + 100)), "the unit at 0x"),
    "another chip's name": (flip(unit(0, LABEL + 3)), "lists other entries"),
    "a pointer to another place": (add(within(".rela.dyn", RELOCATION.size + ADDEND), 8), "do not reach"),
    "a pointer to another unit": (
        add(within(".rela.dyn", RELOCATION.size + ADDEND), -PAGE),
        "pointers into the code do not reach",
    ),
    "a pointer of another kind": (add(within(".rela.dyn", 8), 1), "bytes changed behind"),
    "a pointer's copy in its place": (add(within(".hipFatBinSegment", 24 + 8), 8), "said where the unit at"),
    "more memory that is writable": (flip(segment_field(SegmentType.LOAD, 1, 0), 2), "no memory at"),
    "a stack that is executable": (flip(segment_field(SegmentType.GNU_STACK, 1)), "not loaded by itself"),
    "a segment of another alignment": (add(segment_field(SegmentType.LOAD, 7), PAGE), "no memory at"),
    "zeros that are none": (add(segment_field(SegmentType.LOAD, 5, -1), 8), "no memory at"),
    "less memory": (add(segment_field(SegmentType.LOAD, 6, -1), -8), "no memory at"),
    "more memory": (add(segment_field(SegmentType.LOAD, 6, -1), 8), "memory at 0x"),
    "a segment less": (flip(segment_field(SegmentType.LOAD, 0, 1)), "no memory at"),
    "a dynamic section elsewhere": (add(segment_field(SegmentType.DYNAMIC, 2), 16), "not where it is mapped"),
    "a note elsewhere": (add(segment_field(SegmentType.NOTE, 2), 4), "not where it is mapped"),
    "another dynamic entry": (add(within(".dynamic", 8), 8), "its dynamic section changed"),
    "another entry point": (add(header(24), 16), "its ELF header changed"),
    "other flags": (flip(header(48)), "its ELF header changed"),
    "another ABI": (flip(header(7)), "its ELF header changed"),
    "another size of the header": (flip(header(52)), "its ELF header changed"),
    "a section linked to another": (flip(section_field(".dynsym", 6)), "header of section .dynsym changed"),
    "a section elsewhere": (add(section_field(".data", 4), 8), "section .data is not where it is mapped"),
    "a longer section": (add(section_field(".bss", 5), 8), "header of section .bss changed"),
    "a section of another alignment": (add(section_field(".data", 8), 8), "header of section .data changed"),
    "a section of code elsewhere": (add(section_field(".hip_fatbin", 4), PAGE), ".hip_fatbin is not where"),
    "a section of code too short": (add(section_field(".hip_fatbin", 5), -8), "no section holds the unit"),
}
SEEN_WHERE_UNITS_MOVE = {
    "a pointer to another place",
    "a pointer to another unit",
    "a pointer's copy in its place",
    "a byte of a unit that is as it was",
}
"""Elsewhere these are bytes of the host like any other."""


@pytest.mark.parametrize("layout", [COMPACT, KEEP])
@pytest.mark.parametrize("name", DAMAGE)
def test_a_file_that_was_written_wrong_does_not_pass(name: str, layout: str, tmp_path: Path) -> None:
    damage, message = DAMAGE[name]
    if layout == KEEP and name in SEEN_WHERE_UNITS_MOVE:
        message = "bytes changed behind"
    with planned(tmp_path, layout) as right:
        data = written(right)
        check(right, data)
        damage(data, right)
        with pytest.raises(Refused, match=re.escape(message)):
            check(right, data)


def write_too_far(right: Plan) -> Plan:
    *others, last = right.rewrites
    return replace(right, rewrites=(*others, replace(last, end=last.end + 64)))


def forget_a_pointer(right: Plan) -> Plan:
    return replace(right, patches=dict(list(right.patches.items())[2:]))


def patch_something_else(right: Plan) -> Plan:
    text = right.elf.sections[section(right, ".text")].offset
    return replace(right, patches={**right.patches, text: b"8 bytes."})


def forget_a_unit(right: Plan) -> Plan:
    (only,) = right.arrangements
    return replace(right, arrangements=(replace(only, placed=only.placed[1:]),))


def drop_what_is_loaded(right: Plan) -> Plan:
    number = section(right, ".eh_frame")
    sections = (*right.sections[:number], DROPPED, *right.sections[number + 1 :])
    return replace(right, sections=sections, dropped=frozenset({number}))


def drop_what_is_not_there(right: Plan) -> Plan:
    return replace(right, dropped=frozenset({section(right, ".debug_info")}))


def add_a_section(right: Plan) -> Plan:
    sections = (*right.sections, right.sections[1])
    return replace(right, sections=sections, shoff=right.size, size=right.size + SECTION.size * len(sections))


def shift_units(right: Plan) -> Plan:
    """All but the first by eight bytes, with everything that says where they are."""
    (only,), (rewrite,) = right.arrangements, right.rewrites
    first, *others = only.placed
    moved = tuple(replace(placed, address=placed.address + 8) for placed in others)
    start = len(first.unit.pieces)
    pieces = (*rewrite.pieces[:start], bytes(8), *rewrite.pieces[start:])
    number = section(right, ".hip_fatbin")
    longer = replace(right.sections[number], size=right.sections[number].size + 8)
    return replace(
        right,
        arrangements=(replace(only, placed=(first, *moved)),),
        rewrites=(replace(rewrite, pieces=pieces),),
        patches={
            offset: struct.pack("<Q", struct.unpack("<Q", word)[0] + 8)
            for offset, word in right.patches.items()
        },
        sections=(*right.sections[:number], longer, *right.sections[number + 1 :]),
    )


SLIPS: dict[str, tuple[Slip, str, str]] = {
    "more written than a unit": (write_too_far, KEEP, "bytes changed behind"),
    "a pointer forgotten": (forget_a_pointer, COMPACT, "pointers into the code do not reach"),
    "another word patched": (patch_something_else, KEEP, "bytes changed behind"),
    "a unit forgotten in its place": (forget_a_unit, KEEP, "the file has no bytes for"),
    "a unit forgotten as all move": (forget_a_unit, COMPACT, "bytes changed behind"),
    "a loaded section dropped": (drop_what_is_loaded, KEEP, "section .eh_frame is gone"),
    "a section dropped by half": (drop_what_is_not_there, KEEP, "section .debug_info is gone"),
    "a section added": (add_a_section, KEEP, "a section too many"),
    "units shifted": (shift_units, COMPACT, "lost its alignment"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_file_that_was_planned_wrong_does_not_pass(name: str, tmp_path: Path) -> None:
    slip, layout, message = SLIPS[name]
    with planned(tmp_path, layout) as right:
        check(right, written(right))
        wrong = slip(right)
        with pytest.raises(Refused, match=re.escape(message)):
            check(wrong, written(wrong))
