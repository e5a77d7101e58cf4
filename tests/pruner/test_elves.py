"""The tests' own ELF files are what they say: they load, they run, and a reader finds their parts."""

import subprocess
from pathlib import Path

import pytest

from tests.pruner.elves import Elf, Machine, Pointers, Spot, Tables, cask, cuda, hip, relfatbin
from tests.pruner.fatbins import ccob, code, codes, cuda_region, hip_bundle
from tests.pruner.judging import faults
from tests.pruner.linking import build
from tests.pruner.loading import loaded
from tests.pruner.reading import Image, unit

BUNDLE = hip_bundle(codes(9000, "gfx906", "gfx90a:xnack+", "gfx1100"))
REGION = cuda_region(codes(7000, "sm_80", "sm_90", "compute_90", "ltoir_90"))

SHAPES = {
    "hip": Elf((hip(BUNDLE, BUNDLE),)),
    "ccob": Elf((hip(ccob(BUNDLE), ccob(BUNDLE, 3), align=8),)),
    "cuda": Elf((cuda(REGION, REGION, unpointed=frozenset({0})), relfatbin(REGION), cask(REGION))),
    "both": Elf((hip(BUNDLE), cuda(REGION))),
    "relr": Elf((hip(BUNDLE, BUNDLE, BUNDLE),), pointers=Pointers.RELR),
    "merged": Elf((cuda(REGION),), merged=True, page=0x200000),
    "patched": Elf((hip(BUNDLE),), tables=Tables.LOADED, symbols=9, debug=5000),
    "no tables": Elf((hip(BUNDLE),), tables=Tables.NONE),
    "64K pages": Elf((hip(BUNDLE),), page=0x10000),
    "pointed at": Elf(
        (hip(BUNDLE, BUNDLE),), exported=(Spot(unit=1),), code=(Spot(),), pointing=(Spot(offset=40),)
    ),
    "plain": Elf(symbols=3, debug=100),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_library_loads_and_its_wrappers_reach_their_units(name: str, tmp_path: Path) -> None:
    built = build(SHAPES[name])
    (tmp_path / "library.so").write_bytes(built.data)
    [said] = loaded(tmp_path / "library.so", wrappers=len(built.wrappers), labels=["gfx906", "sm_80"])
    first, answer, *digests = said.split()
    assert (first, answer) == ("loaded", "42")
    assert len(digests) == len(built.wrappers)
    assert all(len(digest) == 16 for digest in digests)


@pytest.mark.parametrize("page", [0x1000, 0x10000, 0x200000])
def test_a_program_runs_and_finds_its_unit(page: int, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(build(Elf((hip(BUNDLE),), executable=True, page=page)).data)
    program.chmod(0o755)
    assert subprocess.run([program], check=False).returncode == ord("_")


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "no tables"])
def test_a_reader_finds_every_part(name: str) -> None:
    built = build(SHAPES[name])
    image = Image(built.data)
    assert {part.name for part in image.sections} == {"", *built.sections}
    for part in image.device_sections:
        assert part.address % built.sections[part.name].align == 0
    for address, wrapper in zip([a for row in built.units for a in row], built.wrappers, strict=False):
        assert image.pointers[wrapper + 8] in [a for row in built.units for a in row], address
    assert faults(built.data, built.data, frozenset()) == []


def test_a_reader_finds_the_code_of_each_label() -> None:
    built = build(Elf((hip(BUNDLE), cuda(REGION)), machine=Machine.AARCH64, page=0x10000))
    read = Image(built.data, 0x10000).read
    assert dict(unit(read, built.units[0][0]).objects) == {
        "host": b"",
        **codes(9000, "gfx906", "gfx90a:xnack+", "gfx1100"),
    }
    objects = unit(read, built.units[1][0]).objects
    assert [label for label, _ in objects] == ["sm_80", "sm_90", "compute_90", "kind8_90"]
    assert objects[1][1].endswith(code("sm_90", 7000))


def test_the_judge_sees_a_changed_byte_a_lost_entry_and_a_moved_pointer() -> None:
    built = build(Elf((hip(BUNDLE),)))
    text = built.sections[".text"].offset
    assert "was 0xcc" in faults(built.data, _with(built.data, text + 100, b"\0"), frozenset())[0]
    other = build(
        Elf((hip(hip_bundle(codes(9000, "gfx906", "gfx1030", "gfx1100")).ljust(len(BUNDLE), b"\0")),))
    )
    assert "lost ['gfx90a:xnack+']" in str(faults(built.data, other.data, frozenset({"gfx90a:xnack+"})))
    rela = built.sections[".rela.dyn"].offset
    moved = faults(
        built.data, _with(built.data, rela + 16, built.units[0][0].to_bytes(8, "big")), frozenset()
    )
    assert "cannot be read" in moved[0]


def _with(data: bytes, offset: int, new: bytes) -> bytes:
    return data[:offset] + new + data[offset + len(new) :]
