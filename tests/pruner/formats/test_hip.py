"""HIP bundles: what stays is byte for byte what it was, in order, and as it was aligned."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruner.errors import Malformed
from pruner.formats.base import Role
from pruner.formats.hip import FORMAT
from tests.pruner.fatbins import code, codes, hip_bundle
from tests.pruner.formats.handling import held, keeping, labels, shrunk, viewing, wanted

GFX = ("gfx906", "gfx90a:xnack+", "gfx90a:xnack-", "gfx1030", "gfx1100", "gfx11-generic")


def bundle_of(*given_rows: tuple[int, int, bytes], size: int = 0) -> bytes:
    """A bundle whose table says what the test wants it to say."""
    table = b"".join(struct.pack("<QQQ", offset, n, len(name)) + name for offset, n, name in given_rows)
    data = b"__CLANG_OFFLOAD_BUNDLE__" + struct.pack("<Q", len(given_rows)) + table
    return data + b"\1" * (size - len(data))


@pytest.mark.parametrize("align", [4096, 256, 32, 16, 8])
def test_what_stays_is_what_a_compiler_would_write_for_it_alone(align: int) -> None:
    objects = {label: code(label, 3000 + 37 * number) for number, label in enumerate(GFX)}
    stays = {label: objects[label] for label in ("gfx90a:xnack+", "gfx90a:xnack-", "gfx1100")}
    small = shrunk(FORMAT, hip_bundle(objects, align=align), wanted("gfx90a", "gfx1100"))
    assert small == hip_bundle(stays, align=align)
    assert held(FORMAT, small) == [("host", b""), *stays.items()]


def test_a_page_aligned_bundle_shrinks_by_its_pages() -> None:
    data = hip_bundle(codes(3000, *GFX))
    assert len(data) == 6 * 4096 + 3000
    assert len(shrunk(FORMAT, data, wanted("gfx1100"))) == 4096 + 3000


def test_code_may_lie_in_another_order_than_the_table_lists_it() -> None:
    data = bundle_of(
        (832, 64, b"hip-amdgcn-amd-amdhsa--gfx1100"),
        (512, 128, b"hip-amdgcn-amd-amdhsa--gfx906"),
        (640, 64, b"hip-amdgcn-amd-amdhsa--gfx1100:xnack+"),
        size=512,
    )
    data += code("foreign", 128) + code("last in the table", 64) + bytes(128) + code("first in the table", 64)
    assert held(FORMAT, shrunk(FORMAT, data, wanted("gfx1100"))) == [
        ("gfx1100", code("first in the table", 64)),
        ("gfx1100:xnack+", code("last in the table", 64)),
    ]


def test_nothing_to_take_out_changes_nothing() -> None:
    data = hip_bundle(codes(3000, "gfx1100", "gfx1100:xnack+"), align=16)
    assert shrunk(FORMAT, data, wanted("gfx1100")) == data


@pytest.mark.parametrize("align", [4096, 16])
def test_a_second_time_changes_nothing(align: int) -> None:
    once = shrunk(FORMAT, hip_bundle(codes(3000, *GFX), align=align), wanted("gfx1151"))
    assert labels(FORMAT, once) == ["host", "gfx11-generic"]
    assert shrunk(FORMAT, once, wanted("gfx1151")) == once


def test_without_code_for_the_chip_only_the_table_is_left() -> None:
    small = shrunk(FORMAT, hip_bundle(codes(3000, *GFX)), wanted("gfx803"))
    assert labels(FORMAT, small) == ["host"]
    assert len(small) < 128


@given(
    sizes=st.lists(st.integers(0, 700), max_size=6),
    align=st.sampled_from([1, 2, 16, 64, 4096]),
    picks=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_fewer_entries_are_never_longer(sizes: list[int], align: int, picks: list[bool]) -> None:
    data = hip_bundle({f"gfx{900 + n}": code(str(n), size) for n, size in enumerate(sizes)}, align=align)
    kept = [index for index in range(len(sizes) + 1) if index == 0 or picks[index - 1]]
    with viewing(data) as view:
        size = FORMAT.read(view, 0, view.size).size
    small = keeping(FORMAT, data[:size], kept)
    assert len(small) <= size
    before = held(FORMAT, data[:size])
    assert held(FORMAT, small) == [before[index] for index in kept]


@pytest.mark.parametrize(
    ("identity", "label", "role"),
    [
        (b"host-x86_64-unknown-linux", "host", Role.HOST),
        (b"hip-amdgcn-amd-amdhsa-gfx906", "gfx906", Role.CODE),
        (b"hip-amdgcn-amd-amdhsa--gfx90a:sramecc+:xnack-", "gfx90a:sramecc+:xnack-", Role.CODE),
        (b"hipv4-amdgcn-amd-amdhsa--gfx9-4-generic", "gfx9-4-generic", Role.CODE),
        (b"hipv4-amdgcn-amd-amdhsa-unknown-gfx1100", "gfx1100", Role.CODE),
        (b"hip-spirv64-amd-amdhsa--amdgcnspirv", "amdgcnspirv", Role.CODE),
        (b"openmp-amdgcn-amd-amdhsa--gfx906", "openmp-amdgcn-amd-amdhsa--gfx906", Role.OTHER),
        (b"hip-spirv64-unknown-unknown--generic", "hip-spirv64-unknown-unknown--generic", Role.OTHER),
        (b"hipv4-amdgcn-amd-amdhsa--gfx90a:fast+", "hipv4-amdgcn-amd-amdhsa--gfx90a:fast+", Role.OTHER),
        (b"", "", Role.OTHER),
    ],
)
def test_what_an_id_says(identity: bytes, label: str, role: Role) -> None:
    with viewing(bundle_of((256, 16, identity), size=272)) as view:
        (entry,) = FORMAT.read(view, 0, view.size).entries
    assert (entry.label, entry.role, entry.size) == (label, role, 16)


def test_both_names_of_the_kind_mean_the_same() -> None:
    assert labels(FORMAT, shrunk(FORMAT, hip_bundle(codes(64, *GFX), kind="hip"), wanted("gfx1030"))) == [
        "host",
        "gfx1030",
    ]


def test_what_is_not_judged_stays() -> None:
    other = b"openmp-amdgcn-amd-amdhsa--gfx906"
    data = bundle_of((512, 16, other), (528, 16, b"hip-amdgcn-amd-amdhsa--gfx906"), size=544)
    assert labels(FORMAT, shrunk(FORMAT, data, wanted("gfx1100"))) == [other.decode()]


def test_an_entry_without_code_serves_nobody() -> None:
    data = hip_bundle({"gfx1100": b"", "gfx11-generic": code("generic", 64)})
    with viewing(data) as view:
        unit = FORMAT.read(view, 0, view.size)
    choice = FORMAT.select(unit, wanted("gfx1100"))
    assert (choice.kept, choice.serves) == ((0, 1, 2), (("gfx1100", "generic"),))


def test_a_bundle_cut_off_anywhere_is_malformed() -> None:
    data = hip_bundle(codes(40, "gfx906", "gfx1100"), align=16)
    for size in range(len(data)):
        with viewing(data[:size]) as view, pytest.raises(Malformed):
            FORMAT.read(view, 0, view.size)
        with viewing(data) as view, pytest.raises(Malformed):
            FORMAT.read(view, 0, size)


HUGE = 2**64 - 1
ID = b"hip-amdgcn-amd-amdhsa--gfx906"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bundle_of((256, 300, ID), (500, 64, ID), size=4096), id="overlapping"),
        pytest.param(bundle_of((256, 64, ID), (256, 64, ID), size=4096), id="the same place twice"),
        pytest.param(bundle_of((40, 64, ID), size=4096), id="code within the table"),
        pytest.param(bundle_of((4000, 97, ID), size=4096), id="past the end"),
        pytest.param(bundle_of((HUGE, HUGE, ID), size=4096), id="past everything"),
        pytest.param(bundle_of((256, 16, b"x" * 513), size=4096), id="long id"),
        pytest.param(bundle_of((256, 16, "gfx906é".encode()), size=4096), id="id not ASCII"),
        pytest.param(bundle_of((256, 16, b"hip-\n\x1b[2J"), size=4096), id="id not printable"),
        pytest.param(bundle_of(*[(0, 0, b"")] * 1025, size=65536), id="too many entries"),
        pytest.param(b"__CLANG_OFFLOAD_BUNDLE__" + b"\xff" * 8, id="count past everything"),
        pytest.param(b"__CLANG_OFFLOAD_BUNDLE_?" + bytes(64), id="no bundle"),
    ],
)
def test_a_lying_bundle_is_malformed(data: bytes) -> None:
    with viewing(data) as view, pytest.raises(Malformed):
        FORMAT.read(view, 0, view.size)
