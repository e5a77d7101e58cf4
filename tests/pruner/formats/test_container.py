"""Sections: every unit in order, each byte accounted for, and a new form by adding one file."""

import importlib
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pruner import formats
from pruner.archs import Wanted
from pruner.errors import Malformed
from pruner.formats.container import Container, read_container
from pruner.view import Scratch, View
from tests.pruner.fatbins import code, codes, cuda_region, hip_bundle
from tests.pruner.formats.handling import compressed, joined, viewing, wanted

HIP = hip_bundle(codes(3000, "gfx906", "gfx1100"))
CCOB = compressed(HIP, 1)
CUDA = cuda_region(codes(300, "sm_80", "sm_90"))
BLACKWELL = cuda_region(codes(300, "sm_100"))
GFX, SM = wanted("gfx1100"), wanted("sm_90")


def read(section: str, data: bytes, asked: Wanted, *, before: int = 0) -> Container:
    """What a section holds that lies `before` bytes into its file, and is followed by others."""
    with viewing(b"\1" * before + data + b"\1" * 64) as view:
        return read_container(view, section, before, before + len(data), asked)


def places(container: Container) -> list[tuple[str, int]]:
    return [(held.form.name, held.unit.offset) for held in container.units]


def test_units_of_several_forms_follow_one_another() -> None:
    data = HIP + bytes(96) + CCOB + bytes(7) + HIP + CCOB + bytes(50)
    container = read(".hip_fatbin", data, GFX, before=64)
    second = 64 + len(HIP) + 96
    third = second + len(CCOB) + 7
    assert places(container) == [("hip", 64), ("ccob", second), ("hip", third), ("ccob", third + len(HIP))]
    assert (container.complete, container.buried, container.unknown) == (True, False, {})


@pytest.mark.parametrize("section", [".nv_fatbin", "__nv_relfatbin"])
def test_regions_follow_one_another(section: str) -> None:
    container = read(section, bytes(16) + CUDA + bytes(8) + CUDA, SM)
    assert places(container) == [("cuda", 16), ("cuda", 24 + len(CUDA))]


def test_a_unit_within_the_code_of_another_is_no_unit() -> None:
    tricky = hip_bundle({"gfx906": HIP + CCOB, "gfx1100": CUDA})
    assert places(read(".hip_fatbin", tricky + HIP, GFX)) == [("hip", 0), ("hip", len(tricky))]


def test_nothing_but_zeros_is_no_unit_and_complete() -> None:
    container = read(".nv_fatbin", bytes(100_000), SM)
    assert (container.units, container.complete) == ((), True)


def test_a_section_ends_where_it_ends() -> None:
    assert places(read(".nv_fatbin", CUDA, SM)) == [("cuda", 0)]
    with viewing(CUDA) as view, pytest.raises(Malformed):
        read_container(view, ".nv_fatbin", 0, len(CUDA) - 8, SM)


def test_data_that_no_form_knows_end_the_walk() -> None:
    container = read(".hip_fatbin", HIP + bytes(40) + b"HIPK" + bytes(60) + HIP, GFX)
    assert places(container) == [("hip", 0)]
    assert not container.complete
    assert container.unknown == {".hip_fatbin": 64 + len(HIP)}


def test_a_few_odd_bytes_at_the_end_are_unknown() -> None:
    container = read(".nv_fatbin", CUDA + CUDA[:3], SM)
    assert (container.complete, container.unknown) == (False, {".nv_fatbin": 3})


def test_entries_that_nothing_judges_are_counted() -> None:
    data = cuda_region(codes(64, "sm_90", "ltoir_90"))
    container = read(".nv_fatbin", data + data, SM)
    assert container.complete
    assert container.unknown == {"fatbin kind 8 of 90": 2 * 128}


@pytest.mark.parametrize(
    ("section", "asked"),
    [
        (".hip_fatbin", SM),
        (".nv_fatbin", GFX),
        (".cask_resource", SM),
        (".rodata", wanted("sm_90", "gfx1100")),
    ],
)
def test_other_sections_and_other_vendors_are_none_of_its_business(section: str, asked: Wanted) -> None:
    assert formats.formats_for(section, asked) == []


@pytest.mark.parametrize("section", [".cask_resource", ".ldata", ".lrodata"])
def test_regions_are_found_between_other_data(section: str) -> None:
    data = b"flatbuffer" + CUDA + b"xyz" + CUDA[:40] + BLACKWELL + code("other", 3000)
    container = read(section, data, wanted("sm_90", embedded=True), before=5)
    first = 5 + 10
    second = first + len(CUDA) + 3 + 40
    assert places(container) == [("buried", first), ("buried", second)]
    assert (container.buried, container.complete, container.unknown) == (True, True, {})


def test_a_region_within_the_code_of_another_is_not_found() -> None:
    outer = cuda_region({"sm_100": CUDA})
    assert places(read(".ldata", outer, wanted("sm_90", embedded=True))) == [("buried", 0)]


def test_a_buried_region_with_another_kind_is_counted() -> None:
    data = cuda_region(codes(64, "sm_100", "ltoir_100"))
    container = read(".ldata", data, wanted("sm_90", embedded=True))
    assert container.unknown == {"fatbin kind 8 of 100": 128}


def test_a_search_that_leads_nowhere_is_given_up_and_said() -> None:
    head = CUDA[:16] + CUDA[16:80] * 31
    started = time.process_time()
    container = read(".ldata", head * 9000, wanted("sm_90", embedded=True))
    assert time.process_time() - started < 5
    assert not container.complete
    assert container.unknown[".ldata"] > 0


@pytest.mark.parametrize("section", [".nv_fatbin", ".ldata"])
def test_units_without_number_are_malformed(section: str) -> None:
    with pytest.raises(Malformed, match="more than 65536"):
        read(section, cuda_region({}) * 65537, wanted("sm_90", embedded=True))


def test_entries_without_number_are_malformed() -> None:
    with pytest.raises(Malformed, match="more than 65536"):
        read(".nv_fatbin", cuda_region([("sm_80", b"")] * 4096) * 16, SM)


def test_a_gigabyte_of_nothing_between_units_costs_nothing(tmp_path: Path) -> None:
    gap = 1 << 30
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(CUDA)
        file.seek(gap, os.SEEK_CUR)
        file.write(CUDA)
    started = time.process_time()
    with path.open("rb") as file:
        container = read_container(View(file.fileno()), ".nv_fatbin", 0, path.stat().st_size, SM)
    assert time.process_time() - started < 1
    assert [offset for _, offset in places(container)] == [0, len(CUDA) + gap]


DUMMY = '''
"""A form with one entry for each chip, as text: `!gfx906=abc,gfx1100=defg;`."""

from contextlib import contextmanager

from pruner.errors import Malformed
from pruner.formats.base import Choice, Entry, Match, Unit


class Text:
    name = "text"
    magic = b"!"
    sections = frozenset({".text_fatbin"})
    buried = False

    def applies(self, wanted):
        return bool(wanted.gfx)

    def read(self, view, offset, end):
        last = view.find(b";", offset, end)
        if last is None:
            raise Malformed("no end")
        pairs = [part.split("=") for part in view.read(offset + 1, last - offset - 1).decode().split(",")]
        return Unit(offset, last + 1 - offset, tuple(Entry(label, len(code)) for label, code in pairs))

    def select(self, unit, wanted):
        kept = [n for n, entry in enumerate(unit.entries) if entry.label == wanted.gfx[0].processor]
        return Choice(tuple(kept), ((str(wanted.gfx[0]), Match.EXACT if kept else Match.NONE),))

    def shrink(self, view, unit, kept, scratch):
        parts = view.read(unit.offset + 1, unit.size - 2).split(b",")
        return [b"!", b",".join(parts[n] for n in kept), b";"]

    @contextmanager
    def contents(self, view, unit):
        parts = view.read(unit.offset + 1, unit.size - 2).split(b",")
        yield lambda index: iter([parts[index].partition(b"=")[2]])


FORMAT = Text()
'''


@pytest.fixture
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with one more form is one more place where forms are looked for."""
    (tmp_path / "text.py").write_text(DUMMY)
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield
    monkeypatch.undo()
    assert [form.name for form in formats.every_format()] == ["ccob", "cuda", "hip", "buried"]


@pytest.mark.usefixtures("dropped_in")
def test_a_new_form_is_one_new_file() -> None:
    data = b"!gfx906=abc,gfx1100=defg;\0\0\0!gfx906=abc;"
    with viewing(data) as view, closing(Scratch()) as scratch:
        container = read_container(view, ".text_fatbin", 0, len(data), GFX)
        assert places(container) == [("text", 0), ("text", 28)]
        choices = [held.form.select(held.unit, GFX) for held in container.units]
        made = [
            joined(held.form.shrink(view, held.unit, choice.kept, scratch))
            for held, choice in zip(container.units, choices, strict=True)
        ]
    assert [choice.serves for choice in choices] == [(("gfx1100", "exact"),), (("gfx1100", "none"),)]
    assert made == [b"!gfx1100=defg;", b"!;"]
