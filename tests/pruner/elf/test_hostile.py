"""Files that are cut off, lie about themselves or are no library at all: each is left as it was, at once,
with one line that says why."""

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pruner.archs import Gfx, Sm, Wanted
from pruner.library import Options, prune_library
from pruner.report import FileReport, Outcome
from tests.pruner.elves import Elf, Pointers, Spot, Tables, hip
from tests.pruner.fatbins import ccob, codes, hip_bundle
from tests.pruner.linking import HEADER, RELOCATION, SECTION, SEGMENT, build

WANTED = Wanted(gfx=(Gfx("gfx1100"),), sm=(Sm(90),), embedded=True)
LEFT = {Outcome.REFUSED, Outcome.UNCHANGED}
BUNDLE = hip_bundle(codes(9000, "gfx906", "gfx1030", "gfx1100"))
BUILT = build(Elf((hip(BUNDLE, BUNDLE),), symbols=20, debug=5000))
SECONDS = 1.0
DT_RELA, DT_RELRSZ, DT_RELR = 7, 35, 36

DEVICE = list(BUILT.sections).index(".hip_fatbin") + 1


def pruned(path: Path, data: bytes) -> FileReport:
    """Prune these bytes; whatever comes of it, quickly, and the file is whole."""
    path.write_bytes(data)
    started = time.process_time()
    report = prune_library(path, WANTED, Options(least_gain=1), name="library.so")
    assert time.process_time() - started < SECONDS
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    if report.outcome is not Outcome.PRUNED:
        assert path.read_bytes() == data
    return report


def with_number(offset: int, layout: str, value: int, data: bytes = BUILT.data) -> bytes:
    changed = bytearray(data)
    struct.pack_into(f"<{layout}", changed, offset, value)
    return bytes(changed)


def with_segment(number: int, field: int, value: int) -> bytes:
    """A field of a program header: 0 type, 1 flags, 2 offset, 5 bytes in the file, 6 bytes, 7 alignment."""
    position = HEADER.size + SEGMENT.size * number + (0, 4, 8, 16, 24, 32, 40, 48)[field]
    return with_number(position, "I" if field < 2 else "Q", value)


def with_section(number: int, field: int, value: int) -> bytes:
    """A field of a section header: 1 type, 2 flags, 3 address, 4 offset, 5 size."""
    (table,) = struct.unpack_from("<Q", BUILT.data, 40)
    position = table + SECTION.size * number + (0, 4, 8, 16, 24, 32)[field]
    return with_number(position, "I" if field < 2 else "Q", value)


def compressed(content: bytes, *, says: int = 0) -> bytes:
    """A library with a compressed bundle of any content, of a length that it may lie about."""
    built = build(Elf((hip(ccob(content, 3)),)))
    return with_number(built.units[0][0] + 16, "Q", says, built.data) if says else built.data


def pointer_with_a_symbol() -> bytes:
    """The loader asks for no symbol where a relocation is relative."""
    built = build(Elf((hip(BUNDLE),), pointing=(Spot(offset=9),)))
    second = built.sections[".rela.dyn"].offset + RELOCATION.size
    return with_number(second + 12, "I", 1, built.data)


def with_tables(kind: str, place: int) -> bytes:
    """Again, with the table of program headers or section headers at another place of the file."""
    position, size = (
        (40, SECTION.size * (len(BUILT.sections) + 1)) if kind == "sections" else (32, SEGMENT.size)
    )
    (table,) = struct.unpack_from("<Q", BUILT.data, position)
    size = size if kind == "sections" else size * struct.unpack_from("<H", BUILT.data, 56)[0]
    changed = bytearray(BUILT.data[:table] if kind == "sections" else BUILT.data)
    changed[place : place + size] = BUILT.data[table : table + size]
    return with_number(position, "Q", place, bytes(changed))


def with_relocations_at(place: int) -> bytes:
    """Again, with the relocations in the middle of other things."""
    table, dynamic = BUILT.sections[".rela.dyn"], BUILT.sections[".dynamic"]
    slide = BUILT.sections[".hip_fatbin"].address - BUILT.sections[".hip_fatbin"].offset
    changed = bytearray(BUILT.data)
    changed[place : place + table.size] = BUILT.data[table.offset : table.offset + table.size]
    entries = range(dynamic.offset, dynamic.offset + dynamic.size, 16)
    entry = next(each for each in entries if struct.unpack_from("<Q", changed, each)[0] == DT_RELA)
    return with_number(entry + 8, "Q", place + slide, bytes(changed))


def with_relocations_that_go_back() -> bytes:
    """A packed table of a mebibyte that names the same 64 words again and again: four million of them."""
    built = build(Elf((hip(BUNDLE, BUNDLE),), pointers=Pointers.RELR, payload=1 << 20))
    filler, dynamic = built.sections[".rodata"], built.sections[".dynamic"]
    table = struct.pack("<QQ", built.sections[".eh_frame"].address, 2**64 - 1) * ((filler.size - 8) // 16)
    start = filler.offset + -filler.offset % 8
    changed = bytearray(built.data)
    changed[start : start + len(table)] = table
    for entry in range(dynamic.offset, dynamic.offset + dynamic.size, 16):
        values = {DT_RELR: start, DT_RELRSZ: len(table)}
        (tag,) = struct.unpack_from("<Q", changed, entry)
        if tag in values:
            struct.pack_into("<Q", changed, entry + 8, values[tag])
    return bytes(changed)


def with_a_name(name: bytes) -> bytes:
    """Again, with a section called so over the device code."""
    changed = bytearray(with_section(list(BUILT.sections).index(".comment") + 1, 4, UNIT))
    place = changed.rindex(b".comment")
    changed[place : place + len(name)] = name
    return bytes(changed)


BOMB = bytes(32 << 20)
UNIT = BUILT.units[0][0]
FOREIGN = UNIT + 8192
TEXT, RODATA = BUILT.sections[".text"].offset, BUILT.sections[".rodata"].offset
ENTRY = UNIT + BUNDLE.index(b"hipv4") - 24
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", ""),
    "four bytes": (lambda: b"\x7fELF", "truncated"),
    "text": (lambda: b"#!/bin/sh\n" * 100, "not an ELF"),
    "32-bit": (lambda: with_number(4, "B", 1), "32-bit"),
    "big-endian": (lambda: with_number(5, "B", 2), "big-endian"),
    "another machine": (lambda: with_number(18, "H", 243), "another machine"),
    "program at a fixed address": (lambda: with_number(16, "H", 2), "not PIE"),
    "object file": (lambda: with_number(16, "H", 1), "object file"),
    "core dump": (lambda: with_number(16, "H", 4), "core dump"),
    "no program headers": (lambda: with_number(56, "H", 0), "ever loaded"),
    "0xffff program headers": (lambda: with_number(56, "H", 0xFFFF), "65535 program headers"),
    "60000 program headers": (lambda: with_number(56, "H", 60_000), "truncated"),
    "program headers of 57 bytes": (lambda: with_number(54, "H", 57), "57 bytes"),
    "program headers past the end": (lambda: with_number(32, "Q", 2**63), "truncated"),
    "60000 section headers": (lambda: with_number(60, "H", 60_000), "truncated"),
    "section headers past the end": (lambda: with_number(40, "Q", 2**64 - 8), "truncated"),
    "section names nowhere": (lambda: with_number(62, "H", 0xFFFE), "section"),
    "alignment of 0": (lambda: with_segment(0, 7, 0), "alignment 0x0"),
    "alignment of 12288": (lambda: with_segment(0, 7, 0x3000), "alignment 0x3000"),
    "alignment of 2^63": (lambda: with_segment(0, 7, 1 << 63), "alignment 0x8000000000000000"),
    "segments that overlap in memory": (lambda: with_segment(0, 6, 0x40000), "overlap"),
    "segments that share the file": (lambda: with_segment(2, 2, 0), "does not fit"),
    "segment that nobody may read": (lambda: with_segment(0, 1, 1), "nobody may read"),
    "segment that ends past the file": (lambda: with_segment(0, 5, 2**40), "truncated"),
    "segment at the end of memory": (lambda: with_segment(2, 6, 2**64 - 1), "address space"),
    "segment larger in the file": (lambda: with_segment(0, 6, 0x1000), "more in the file"),
    "segment of an unknown type": (lambda: with_segment(3, 0, 0x12345), "unknown type"),
    "code section outside of segments": (lambda: with_section(DEVICE, 4, len(BUILT.data) - 100), ""),
    "code section past the end": (lambda: with_section(DEVICE, 5, 2**63), "truncated"),
    "code section at another address": (lambda: with_section(DEVICE, 3, 0x77000), "loaded elsewhere"),
    "bundle of 2^63 entries": (lambda: with_number(UNIT + 24, "Q", 2**63), ""),
    "bundle of 2^32 entries": (lambda: with_number(UNIT + 24, "Q", 2**32), ""),
    "entry past the section": (lambda: with_number(ENTRY, "Q", 2**63), ""),
    "entry of 2^64 bytes": (lambda: with_number(ENTRY + 8, "Q", 2**64 - 1), ""),
    "entry with a name of 2^63 bytes": (lambda: with_number(UNIT + 48, "Q", 2**63), ""),
    "compressed bundle of zeros alone": (lambda: compressed(BOMB), ""),
    "compressed bundle that says it is small": (lambda: compressed(BOMB, says=1000), ""),
    "compressed bundle that says it is huge": (lambda: compressed(BOMB, says=2**63), ""),
    "no section headers": (lambda: build(Elf((hip(BUNDLE),), tables=Tables.NONE)).data, "nothing in it"),
    "pointer into a unit": (lambda: build(Elf((hip(BUNDLE),), pointing=(Spot(offset=9),))).data, "middle"),
    "pointer into a unit that names a symbol": (pointer_with_a_symbol, "middle"),
    "section headers in code": (lambda: with_tables("sections", TEXT + -TEXT % 8), "within a section"),
    "section headers in a unit": (lambda: with_tables("sections", FOREIGN), "lies in the unit"),
    "program headers in a unit": (lambda: with_tables("segments", FOREIGN), "lies in the unit"),
    "program headers in a section": (lambda: with_tables("segments", RODATA), "within a section"),
    "relocations in a unit": (lambda: with_relocations_at(FOREIGN), "lies in the unit"),
    "packed relocations that go back": (with_relocations_that_go_back, "go back"),
    "section over a unit": (
        lambda: with_section(list(BUILT.sections).index(".rodata") + 1, 4, UNIT),
        "lies in",
    ),
    "section with a strange name": (lambda: with_a_name(b".c\n\x1b[31m"), ""),
    "dynamic section without an end": (lambda: with_segment(3, 5, 32), "does not end"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_not_understood_is_left_alone(name: str, tmp_path: Path) -> None:
    make, reason = HOSTILE[name]
    report = pruned(tmp_path / "library.so", make())
    assert report.outcome in LEFT
    assert reason in report.reason
    assert report.reason.isprintable()


def test_a_library_cut_off_anywhere_is_left_alone(tmp_path: Path) -> None:
    ends = {0, 1, 63, 64, 65, len(BUILT.data) - 1, *range(7, len(BUILT.data), 997)}
    ends |= {part.offset + part.size - 1 for part in BUILT.sections.values() if part.filed > 1}
    for end in sorted(ends):
        assert pruned(tmp_path / "library.so", BUILT.data[:end]).outcome in LEFT, end


def test_what_hangs_behind_a_library_is_kept_or_the_library_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    report = pruned(path, BUILT.data + b"PK\3\4 an archive")
    assert report.outcome in LEFT or path.read_bytes().endswith(b"PK\3\4 an archive")


def test_a_sparse_file_of_a_terabyte_takes_no_time(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(BUILT.data)
    os.truncate(path, 1 << 40)
    started = time.process_time()
    report = prune_library(path, WANTED, Options(least_gain=1), name="library.so")
    assert time.process_time() - started < SECONDS
    assert report.outcome is Outcome.REFUSED
    assert path.stat().st_size == 1 << 40


def test_a_sparse_section_of_many_gigabytes_takes_no_time(tmp_path: Path) -> None:
    """Everything in it says that it is loaded, and all of it is a hole."""
    size = 200 << 30
    path = tmp_path / "library.so"
    path.write_bytes(with_section(DEVICE, 5, size))
    os.truncate(path, size + (1 << 30))
    started = time.process_time()
    report = prune_library(path, WANTED, Options(least_gain=1), name="library.so")
    assert time.process_time() - started < SECONDS
    assert report.outcome is Outcome.REFUSED


@pytest.mark.parametrize("kind", ["folder", "pipe", "symbolic link", "missing"])
def test_what_is_no_file_is_left_alone(kind: str, tmp_path: Path) -> None:
    path, target = tmp_path / "library.so", tmp_path / "target.so"
    target.write_bytes(BUILT.data)
    make: dict[str, Callable[[], object]] = {
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "symbolic link": lambda: path.symlink_to(target),
        "missing": lambda: None,
    }
    make[kind]()
    report = prune_library(path, WANTED, Options(least_gain=1), name="library.so")
    assert report.outcome is not Outcome.PRUNED
    assert report.reason
    assert target.read_bytes() == BUILT.data
