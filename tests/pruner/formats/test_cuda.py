"""CUDA regions: what stays is byte for byte what it was, headers and all."""

import struct

import pytest

from pruner.archs import Ptx
from pruner.errors import Malformed
from pruner.formats.base import Match, Role
from pruner.formats.cuda import FORMAT
from tests.pruner.fatbins import code, codes, cuda_entry, cuda_region
from tests.pruner.formats.handling import held, labels, shrunk, viewing, wanted

LABELS = ("sm_75", "sm_80", "sm_90", "sm_90a", "sm_100f", "compute_80", "compute_120")
REGION = cuda_region(codes(500, *LABELS))


def region_of(*entries: bytes, size: int | None = None) -> bytes:
    body = b"".join(entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body) if size is None else size) + body


def test_what_stays_is_as_it_was() -> None:
    small = shrunk(FORMAT, REGION, wanted("sm_90"))
    assert small == cuda_region(codes(500, "sm_90", "sm_90a"))
    assert held(FORMAT, small) == [
        (label, cuda_entry(label, code(label, 500))) for label in ("sm_90", "sm_90a")
    ]


def test_headers_longer_than_usual_stay_whole() -> None:
    entry = bytearray(cuda_entry("sm_100", code("sm_100", 64)))
    entry[4:8] = struct.pack("<I", 112)
    entry[64:64] = b"name and options of the kernels in it, 48 bytes."
    small = shrunk(FORMAT, region_of(cuda_entry("sm_90", code("sm_90", 64)), bytes(entry)), wanted("sm_100"))
    assert small == region_of(bytes(entry))


@pytest.mark.parametrize(
    ("chips", "ptx", "kept"),
    [
        (["sm_103"], Ptx.NEEDED, ["sm_100f"]),
        (["sm_89"], Ptx.ALWAYS, ["sm_80", "compute_80"]),
        (["sm_120"], Ptx.NEEDED, ["compute_120"]),
        (["sm_80"], Ptx.NEWEST, ["sm_80", "compute_120"]),
        (["sm_75", "sm_90"], Ptx.NEEDED, ["sm_75", "sm_90", "sm_90a"]),
    ],
)
def test_the_rules_decide(chips: list[str], ptx: Ptx, kept: list[str]) -> None:
    once = shrunk(FORMAT, REGION, wanted(*chips, ptx=ptx))
    assert labels(FORMAT, once) == kept
    assert shrunk(FORMAT, once, wanted(*chips, ptx=ptx)) == once


def test_a_region_is_never_left_empty() -> None:
    data = cuda_region({"sm_80": code("a", 900), "sm_86": code("b", 100), "compute_90": code("c", 400)})
    with viewing(data) as view:
        choice = FORMAT.select(FORMAT.read(view, 0, view.size), wanted("sm_75"))
    assert choice.serves == (("sm_75", Match.NONE),)
    once = shrunk(FORMAT, data, wanted("sm_75"))
    assert labels(FORMAT, once) == ["sm_86"]
    assert shrunk(FORMAT, once, wanted("sm_75")) == once


def test_an_empty_region_is_none_of_ours() -> None:
    assert shrunk(FORMAT, region_of(), wanted("sm_90")) == region_of()


def test_what_is_not_judged_stays() -> None:
    data = cuda_region(codes(64, "sm_80", "ltoir_80", "sm_90"))
    with viewing(data) as view:
        assert [entry.role for entry in FORMAT.read(view, 0, view.size).entries] == [
            Role.CODE,
            Role.OTHER,
            Role.CODE,
        ]
    assert shrunk(FORMAT, data, wanted("sm_90")) == cuda_region(codes(64, "ltoir_80", "sm_90"))
    assert shrunk(FORMAT, data, wanted("sm_75")) == cuda_region(codes(64, "ltoir_80"))


def group(*members: bytes, count: int | None = None) -> bytes:
    """Several entries as one. A member is its header."""
    table = b"".join(members)
    head = struct.pack("<II", len(members) if count is None else count, 8 + len(table)) + table
    entry = cuda_entry("sm_1", b"compressed, all of them together")
    return struct.pack("<HHI", 256, 0x101, 64 + len(head)) + entry[8:64] + head + entry[64:]


def member(label: str, more: bytes = b"") -> bytes:
    head = cuda_entry(label, b"")
    return head[:20] + struct.pack("<I", 64 if more else 0) + head[24:] + more


def test_a_group_stays_whole_where_one_in_it_is_needed() -> None:
    older = group(member("sm_80"), member("sm_90"), member("sm_90a"))
    newer = group(member("sm_100f", struct.pack("<II", 72, 40) + bytes(48)), member("sm_120"))
    data = region_of(cuda_entry("compute_120", code("ptx", 64)), older, newer)
    assert labels(FORMAT, data) == ["compute_120", "sm_80+sm_90+sm_90a", "sm_100f+sm_120"]
    assert shrunk(FORMAT, data, wanted("sm_90")) == region_of(older)
    assert shrunk(FORMAT, data, wanted("sm_103")) == region_of(newer)
    assert shrunk(FORMAT, data, wanted("sm_86", "sm_121")) == region_of(older, newer)
    with viewing(data) as view:
        assert FORMAT.select(FORMAT.read(view, 0, view.size), wanted("sm_90")).serves == (
            ("sm_90", Match.EXACT),
        )


@pytest.mark.parametrize(
    "strange",
    [
        group(member("sm_80"), member("ltoir_80")),
        group(member("sm_80"), count=2),
        group(member("sm_80"), member("sm_86"), count=1),
        group(member("sm_80", struct.pack("<II", 72, 2**32 - 1)), member("sm_86")),
        group(count=2**32 - 1),
    ],
)
def test_a_group_that_is_not_understood_is_not_judged(strange: bytes) -> None:
    data = region_of(cuda_entry("sm_75", code("a", 64)), strange)
    assert labels(FORMAT, data) == ["sm_75", "fatbin kind 256 of 1"]
    assert shrunk(FORMAT, data, wanted("sm_90")) == region_of(strange)


def test_a_chip_of_no_plausible_number_is_not_judged() -> None:
    data = cuda_region({"sm_7": code("a", 64), "sm_80": code("b", 64)})
    assert labels(FORMAT, shrunk(FORMAT, data, wanted("sm_90"))) == ["fatbin kind 2 of 7"]


def test_a_region_cut_off_anywhere_is_malformed() -> None:
    data = cuda_region(codes(40, "sm_80", "compute_80"))
    for size in range(len(data)):
        with viewing(data[:size]) as view, pytest.raises(Malformed):
            FORMAT.read(view, 0, view.size)
        with viewing(data) as view, pytest.raises(Malformed):
            FORMAT.read(view, 0, size)


def with_field(data: bytes, position: int, value: bytes) -> bytes:
    return data[:position] + value + data[position + len(value) :]


ENTRY = cuda_entry("sm_80", code("sm_80", 64))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(with_field(region_of(ENTRY), 4, b"\2"), id="another version"),
        pytest.param(with_field(region_of(ENTRY), 6, b"\x18"), id="a longer header"),
        pytest.param(region_of(ENTRY, size=2**64 - 1), id="region past everything"),
        pytest.param(region_of(ENTRY, bytes(8)), id="bytes behind the last entry"),
        pytest.param(region_of(with_field(ENTRY, 4, b"\0\0\0\0")), id="entry without a header"),
        pytest.param(
            region_of(with_field(ENTRY, 4, b"\xff\xff\xff\xff")), id="entry's header past the region"
        ),
        pytest.param(region_of(with_field(ENTRY, 8, b"\xff" * 8)), id="entry past everything"),
        pytest.param(region_of(with_field(ENTRY, 8, b"\x48"), ENTRY), id="entry into the next one"),
        pytest.param(region_of(*[cuda_entry("sm_80", b"")] * 4097), id="too many entries"),
    ],
)
def test_a_lying_region_is_malformed(data: bytes) -> None:
    with viewing(data) as view, pytest.raises(Malformed):
        FORMAT.read(view, 0, view.size)
