"""One library: what goes, what stays, what must not change, and what a library is refused for."""

import errno
import os
import stat
import struct
import subprocess
import tempfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from pruner.archs import Gfx, Sm, Wanted
from pruner.library import Layout, Options, prune_library
from pruner.report import FileReport, Outcome
from tests.pruner.elves import Elf, Machine, Pointers, Spot, Tables, cask, cuda, hip, relfatbin
from tests.pruner.fatbins import ccob, codes, cuda_region, hip_bundle
from tests.pruner.judging import faults
from tests.pruner.linking import build
from tests.pruner.loading import loaded

GFX = Wanted(gfx=(Gfx("gfx1100"),))
SM = Wanted(sm=(Sm(90),))
ANY_GAIN = Options(least_gain=1)

BUNDLE = hip_bundle(codes(20000, "gfx906", "gfx1030", "gfx1100", "gfx1201"))
OWN = hip_bundle(codes(20000, "gfx1100"))
BARE = hip_bundle(codes(20000, "gfx906", "gfx1030"))
REGION = cuda_region(codes(20000, "sm_75", "sm_80", "sm_90", "sm_120", "compute_120"))
FOREIGN = cuda_region(codes(20000, "sm_75", "sm_80"))

LIBRARIES = {
    "hip": Elf((hip(*[BUNDLE] * 5),)),
    "hip, some units without code": Elf((hip(BARE, BUNDLE, BARE, BUNDLE),)),
    "ccob": Elf((hip(*[ccob(BUNDLE), ccob(BUNDLE, 3)] * 4, align=8),)),
    "raw and compressed": Elf((hip(BUNDLE, ccob(BUNDLE), BUNDLE),)),
    "cuda": Elf((cuda(*[REGION] * 6, unpointed=frozenset({0})), relfatbin(REGION))),
    "both vendors": Elf((hip(BUNDLE, BUNDLE), cuda(REGION, REGION))),
    "relr": Elf((hip(*[BUNDLE] * 4),), pointers=Pointers.RELR),
    "one segment": Elf((cuda(*[REGION] * 3),), merged=True, page=0x200000),
    "patchelf": Elf((hip(*[BUNDLE] * 3),), tables=Tables.LOADED, symbols=90, debug=50000),
    "debug data": Elf((hip(*[BUNDLE] * 3),), symbols=900, debug=200_000),
    "64K pages": Elf((hip(*[hip_bundle(codes(70000, "gfx906", "gfx1030", "gfx1100"))] * 4),), page=0x10000),
    "huge pages": Elf((hip(*[BUNDLE] * 4),), page=0x200000),
    "aarch64": Elf(
        (hip(*[hip_bundle(codes(90000, "gfx906", "gfx1030", "gfx1100"))] * 3),),
        machine=Machine.AARCH64,
        page=0x10000,
    ),
    "exported": Elf((hip(*[BUNDLE] * 3),), exported=(Spot(unit=1),)),
    "referred to by code": Elf((hip(*[BUNDLE] * 3),), code=(Spot(unit=2),)),
    "pointer into a unit": Elf((hip(BUNDLE, OWN, BUNDLE),), pointing=(Spot(unit=1, offset=40),)),
    "unit that nothing points at": Elf((cuda(*[REGION] * 4, unpointed=frozenset({2})),)),
}
PROVEN = ("hip", "ccob", "cuda", "relr", "one segment", "patchelf", "debug data", "64K pages", "huge pages")
"""Where units may move together."""
UNPROVEN = {
    "aarch64": "not searched for references",
    "exported": "exported symbol",
    "referred to by code": "machine code refers to",
    "pointer into a unit": "into the middle",
    "unit that nothing points at": "nothing known points at",
}


def wanted_for(name: str) -> Wanted:
    return SM if LIBRARIES[name].devices[0].section.startswith(".nv") else GFX


def pruned(path: Path, wanted: Wanted, options: Options = ANY_GAIN) -> FileReport:
    report = prune_library(path, wanted, options, name=path.name)
    assert not list(path.parent.glob("*~")), "a temporary file is left"
    return report


def labels(wanted: Wanted) -> frozenset[str]:
    return frozenset(map(str, (*wanted.gfx, *wanted.sm)))


@pytest.fixture
def library(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "library.so"
    path.write_bytes(build(LIBRARIES[request.param]).data)
    return path


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("name", LIBRARIES)
def test_only_foreign_code_goes_and_the_rest_is_what_it_was(
    name: str, layout: Layout, tmp_path: Path
) -> None:
    built = build(LIBRARIES[name])
    wanted = wanted_for(name)
    path = tmp_path / "library.so"
    path.write_bytes(built.data)
    report = pruned(path, wanted, replace(ANY_GAIN, layout=layout))
    if layout is Layout.COMPACT and name in UNPROVEN:
        assert report.outcome is Outcome.REFUSED
        assert UNPROVEN[name] in report.reason
        assert path.read_bytes() == built.data
        return
    after = path.read_bytes()
    assert report.outcome is Outcome.PRUNED, report.reason
    assert (report.before, report.after) == (len(built.data), len(after))
    assert report.sha256 == sha256(after).hexdigest()
    assert len(after) <= len(built.data) * 3 // 4
    page = 0x10000 if LIBRARIES[name].machine is Machine.AARCH64 else 0x1000
    assert faults(built.data, after, labels(wanted), page) == []
    assert set(report.kept) >= {next(iter(labels(wanted)))}


@pytest.mark.parametrize("name", [*PROVEN, *UNPROVEN])
def test_units_move_together_only_where_every_reference_to_them_is_known(name: str, tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(build(LIBRARIES[name]).data)
    report = pruned(path, wanted_for(name))
    layouts = set(report.layout.values())
    assert layouts == ({"compact"} if name in PROVEN else {"keep"}), report.notes
    if name in UNPROVEN:
        assert UNPROVEN[name] in report.notes[0]


@pytest.mark.parametrize("layout", [Layout.COMPACT, Layout.KEEP])
@pytest.mark.parametrize(
    "name", [name for name in PROVEN if LIBRARIES[name].machine is Machine.X86_64 and name != "ccob"]
)
def test_a_pruned_library_loads_and_hands_out_the_code_it_handed_out_before(
    name: str, layout: Layout, tmp_path: Path
) -> None:
    built = build(LIBRARIES[name])
    path, wanted = tmp_path / "library.so", wanted_for(name)
    path.write_bytes(built.data)
    before = loaded(path, wrappers=len(built.wrappers), labels=sorted(labels(wanted)))
    assert pruned(path, wanted, replace(ANY_GAIN, layout=layout)).outcome is Outcome.PRUNED
    assert loaded(path, wrappers=len(built.wrappers), labels=sorted(labels(wanted))) == before


@pytest.mark.parametrize("layout", [Layout.COMPACT, Layout.KEEP])
@pytest.mark.parametrize("page", [0x1000, 0x10000, 0x200000])
def test_a_pruned_program_runs(layout: Layout, page: int, tmp_path: Path) -> None:
    program = tmp_path / "program"
    big = hip_bundle(codes(150_000, "gfx906", "gfx1030", "gfx1100"))
    built = build(Elf((hip(big, big, big),), executable=True, page=page))
    program.write_bytes(built.data)
    program.chmod(0o755)
    assert pruned(program, GFX, replace(ANY_GAIN, layout=layout)).outcome is Outcome.PRUNED
    assert faults(built.data, program.read_bytes(), labels(GFX)) == []
    assert subprocess.run([program], check=False).returncode == ord("_")


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("layout", [Layout.AUTO, Layout.KEEP])
def test_the_same_input_gives_the_same_output_and_a_second_run_changes_nothing(
    name: str, layout: Layout, tmp_path: Path
) -> None:
    results = []
    for folder in ("one", "other"):
        path = tmp_path / folder / "library.so"
        path.parent.mkdir()
        path.write_bytes(build(LIBRARIES[name]).data)
        pruned(path, wanted_for(name), replace(ANY_GAIN, layout=layout))
        results.append(path.read_bytes())
    assert results[0] == results[1]
    again = pruned(path, wanted_for(name), replace(ANY_GAIN, layout=layout))
    assert again.outcome is Outcome.UNCHANGED
    assert path.read_bytes() == results[1]


@pytest.mark.parametrize("library", ["patchelf"], indirect=True)
def test_everything_but_the_content_stays(library: Path) -> None:
    library.chmod(0o4751)
    os.chown(library, 1234, 4321)
    library.chmod(0o4751)
    os.setxattr(library, "user.origin", b"a wheel")
    os.utime(library, ns=(1_000_000_000_123_456_789, 1_100_000_000_987_654_321))
    before = library.stat()
    assert pruned(library, GFX).outcome is Outcome.PRUNED
    after = library.stat()
    assert stat.S_IMODE(after.st_mode) == 0o4751
    assert (after.st_uid, after.st_gid) == (1234, 4321)
    assert after.st_mtime_ns == before.st_mtime_ns
    assert os.getxattr(library, "user.origin") == b"a wheel"


def test_what_a_folder_hands_to_every_new_file_is_not_added(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(build(LIBRARIES["hip"]).data)
    none = 0xFFFFFFFF
    entries = [(1, 7, none), (2, 7, 1234), (4, 5, none), (16, 7, none), (32, 5, none)]
    rights = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(tmp_path, "system.posix_acl_default", rights)
    assert pruned(path, GFX).outcome is Outcome.PRUNED
    assert os.listxattr(path) == []


@pytest.mark.parametrize("library", ["ccob"], indirect=True)
def test_a_full_disk_for_temporary_files_is_told_from_the_librarys(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("r+b", buffering=0) as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
        report = pruned(library, GFX)
    assert report.outcome is Outcome.FAILED
    assert report.reason.startswith("No space left on device, among temporary files in ")


def test_a_file_that_the_system_holds_on_to_is_said_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system answers for a file or folder that is immutable."""
    path = tmp_path / "library.so"
    path.write_bytes(build(LIBRARIES["hip"]).data)

    def answer(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "replace", answer)
    report = pruned(path, GFX)
    assert report.outcome is Outcome.FAILED
    assert report.reason.startswith("Operation not permitted: is it or its folder immutable")
    assert path.read_bytes() == build(LIBRARIES["hip"]).data


@pytest.mark.parametrize("name", ["é" * 126 + ".so", "字" * 84 + ".so", "x" * 255, "\udcff" * 255])
def test_a_name_may_be_as_long_as_the_system_allows(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(build(LIBRARIES["hip"]).data)
    assert pruned(path, GFX).outcome is Outcome.PRUNED
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("library", ["hip"], indirect=True)
def test_a_library_without_code_for_the_chip_is_left_whole(library: Path) -> None:
    before = library.read_bytes()
    report = pruned(library, Wanted(gfx=(Gfx("gfx1151"),)))
    assert report.outcome is Outcome.REFUSED
    assert report.reason == "holds no code for gfx1151, only for gfx1030, gfx1100, gfx1201, gfx906"
    assert library.read_bytes() == before


def test_a_second_chip_on_a_pruned_library_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(build(LIBRARIES["hip"]).data)
    assert pruned(path, GFX).outcome is Outcome.PRUNED
    report = pruned(path, Wanted(gfx=(Gfx("gfx906"),)))
    assert report.outcome is Outcome.REFUSED
    assert report.reason == "holds no code for gfx906, only for gfx1100"


@pytest.mark.parametrize("library", ["hip"], indirect=True)
def test_of_several_chips_each_keeps_its_code_and_a_missing_one_is_named(library: Path) -> None:
    report = pruned(library, Wanted(gfx=(Gfx("gfx1100"), Gfx("gfx906"), Gfx("gfx1151"))))
    assert set(report.kept) == {"gfx1100", "gfx906"}
    assert report.notes == ("holds no code for gfx1151",)


@pytest.mark.parametrize("library", ["cuda"], indirect=True)
def test_another_vendors_code_is_nobodys_business(library: Path) -> None:
    before = library.read_bytes()
    report = pruned(library, GFX)
    assert (report.outcome, report.units) == (Outcome.UNCHANGED, 0)
    assert library.read_bytes() == before


def test_a_library_of_only_one_old_chip_stays_and_says_so(tmp_path: Path) -> None:
    """Each of its units keeps its smallest code in any case, so there is nothing to refuse."""
    path = tmp_path / "library.so"
    path.write_bytes(build(Elf((cuda(cuda_region(codes(20000, "sm_75"))),))).data)
    report = pruned(path, SM)
    assert report.outcome is Outcome.UNCHANGED
    assert report.notes == ("holds no code for sm_90",)


def test_units_that_lose_all_their_code_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(build(LIBRARIES["hip, some units without code"]).data)
    report = pruned(path, GFX)
    assert (report.units, report.emptied) == (4, 2)
    assert report.serves == {"gfx1100": {"none": 2, "exact": 2}}


def test_buried_code_is_emptied_only_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    large = cuda_region(codes(600_000, "sm_120"))
    two = cuda_region(codes(300_000, "sm_100", "sm_120"))
    built = build(Elf((cuda(REGION, REGION), cask(large, REGION, two, large))))
    path.write_bytes(built.data)
    assert pruned(path, SM).layout == {".nv_fatbin": "compact"}
    plain = path.stat().st_size
    report = pruned(path, replace(SM, embedded=True))
    assert report.layout == {".cask_resource": "keep"}
    assert plain - report.after > 1_000_000
    assert "sm_120" in report.dropped
    assert faults(built.data, path.read_bytes(), frozenset({"sm_90"})) == []


def test_code_for_the_chip_may_be_buried_only(tmp_path: Path) -> None:
    """As in libcufft, whose ordinary section holds but a stub."""
    path = tmp_path / "library.so"
    own, foreign = cuda_region(codes(3000, "sm_90")), cuda_region(codes(300_000, "sm_120"))
    path.write_bytes(build(Elf((cuda(cuda_region(codes(500, "sm_75"))), cask(own, foreign)))).data)
    report = pruned(path, replace(SM, embedded=True))
    assert report.outcome is Outcome.PRUNED
    assert report.before - report.after > 200_000
    assert not report.notes[0].startswith("holds no code")


@pytest.mark.parametrize("name", ["debug data", "patchelf"])
def test_strip_takes_symbols_and_debug_data_and_no_loaded_byte(name: str, tmp_path: Path) -> None:
    built = build(replace(LIBRARIES[name], devices=()))
    path = tmp_path / "library.so"
    path.write_bytes(built.data)
    report = pruned(path, GFX)
    assert report.outcome is Outcome.PRUNED
    assert report.stripped >= LIBRARIES[name].debug
    assert report.before - report.after >= LIBRARIES[name].debug - 0x1000
    after = path.read_bytes()
    assert b".symtab" in after, "names of sections stay, so that their numbers do"
    assert faults(built.data, after, frozenset()) == []
    assert loaded(path, wrappers=0, labels=[])[0].startswith("loaded 42")


def test_padding_between_segments_goes_with_the_code(tmp_path: Path) -> None:
    """Linkers that lay a library out for huge pages leave up to 2 MB of zeros in the file."""
    path = tmp_path / "library.so"
    built = build(Elf((cuda(REGION, REGION),), page=0x200000, merged=True, spread=True))
    path.write_bytes(built.data)
    assert len(built.data) > 2_000_000
    assert pruned(path, SM).after < 100_000
    assert faults(built.data, path.read_bytes(), frozenset({"sm_90"})) == []
    assert loaded(path, wrappers=2, labels=["sm_90"])[0].startswith("loaded 42")


@pytest.mark.parametrize("library", ["debug data"], indirect=True)
def test_symbols_stay_when_asked_and_still_say_where_things_are(library: Path) -> None:
    built = library.read_bytes()
    report = pruned(library, GFX, replace(ANY_GAIN, strip=False))
    assert (report.outcome, report.stripped) == (Outcome.PRUNED, 0)
    assert faults(built, library.read_bytes(), labels(GFX)) == []


@pytest.mark.parametrize("library", ["hip"], indirect=True)
def test_a_dry_run_says_what_would_be_and_writes_nothing(library: Path) -> None:
    before, state = library.read_bytes(), library.stat()
    planned = pruned(library, GFX, replace(ANY_GAIN, dry_run=True))
    assert library.read_bytes() == before
    assert library.stat().st_ino == state.st_ino
    real = pruned(library, GFX)
    assert replace(real, sha256="") == planned


@pytest.mark.parametrize("library", ["hip"], indirect=True)
def test_a_small_gain_is_not_worth_it(library: Path) -> None:
    before = library.read_bytes()
    report = pruned(library, GFX, Options(least_gain=len(before)))
    assert report.outcome is Outcome.UNCHANGED
    assert not report.dropped
    assert library.read_bytes() == before


def test_units_too_small_for_the_headers_of_all_their_holes_make_fewer(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    small = hip_bundle(codes(9000, "gfx906", "gfx1100"))
    built = build(Elf((hip(*[small] * 300),)))
    path.write_bytes(built.data)
    report = pruned(path, GFX, replace(ANY_GAIN, layout=Layout.KEEP))
    assert report.outcome is Outcome.PRUNED, report.reason
    assert report.before - report.after > 100 * 8192
    assert faults(built.data, path.read_bytes(), labels(GFX)) == []
    assert loaded(path, wrappers=300, labels=["gfx1100"])[0].startswith("loaded 42")


def test_a_unit_that_somebody_points_into_must_not_change(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(build(Elf((hip(BUNDLE, BUNDLE),), pointing=(Spot(unit=1, offset=40),))).data)
    report = pruned(path, GFX)
    assert report.outcome is Outcome.REFUSED
    assert report.reason.startswith("a pointer aims into the middle of a unit")


def test_data_behind_the_library_is_somebodys(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(build(LIBRARIES["hip"]).data + b"PK\x05\x06 an archive")
    report = pruned(path, GFX)
    assert report.outcome is Outcome.REFUSED
    assert report.reason.startswith("data of another kind follows the library")


def test_a_symbolic_link_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    path, link = tmp_path / "library.so.1", tmp_path / "library.so"
    path.write_bytes(build(LIBRARIES["hip"]).data)
    link.symlink_to(path.name)
    assert pruned(link, GFX).outcome is Outcome.FAILED
    assert link.is_symlink()


def test_a_missing_file_is_a_line_in_the_report(tmp_path: Path) -> None:
    report = pruned(tmp_path / "gone.so", GFX)
    assert (report.outcome, report.reason) == (Outcome.FAILED, "No such file or directory")
