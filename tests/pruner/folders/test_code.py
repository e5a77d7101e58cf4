"""What files are for by what is in them, down to files that lie."""

import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pruner.errors import Malformed, Refused
from pruner.folders import code, mach
from pruner.folders.kpack import FORM as KPACK
from pruner.folders.msgpack import value_of
from pruner.view import View
from tests.pruner import fatbins
from tests.pruner.folders.making import (
    AMD,
    CUDA,
    SRAMECC_ON,
    V2,
    V3,
    V4,
    X86,
    XNACK_ANY,
    XNACK_OFF,
    XNACK_ON,
    bundle,
    elf,
    kpack,
    packed,
)
from tests.pruner.folders.making import code as code_for


@pytest.fixture
def labels(tmp_path: Path) -> Callable[[bytes], tuple[str, ...] | None]:
    return lambda data: read(tmp_path / "file", data, code.labels)


def read(path: Path, data: bytes, judge: Callable[[View], tuple[str, ...] | None]) -> tuple[str, ...] | None:
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return judge(View(descriptor))
    finally:
        os.close(descriptor)


Labels = Callable[[bytes], tuple[str, ...] | None]


@pytest.mark.parametrize(
    ("flags", "abi", "expected"),
    [
        (0x2F, V4, "gfx906"),
        (0x3F | 0x400 | XNACK_ANY, V4, "gfx90a"),
        (0x3F | XNACK_OFF, V4, "gfx90a:xnack-"),
        (0x3F | XNACK_ON | SRAMECC_ON, V4, "gfx90a:sramecc+:xnack+"),
        (0x30 | 0x800, V4, "gfx908:sramecc-"),
        (0x2F | 0x100, V3, "gfx906:xnack+"),
        (0x30 | 0x200, V3, "gfx908:sramecc+"),
        (0x2C, V2, "gfx900"),
        (0x2F | 0x100, V2, "gfx906"),
        (0x54 | 1 << 24, 4, "gfx11-generic"),
        (0x5F | 1 << 24 | 0x500, 4, "gfx9-4-generic"),
        (0x4A, 3, "gfx1151"),
    ],
)
def test_the_flags_of_a_code_object(labels: Labels, flags: int, abi: int, expected: str) -> None:
    assert labels(elf(AMD, flags, abi)) == (expected,)


def test_every_number_of_a_chip_is_a_chip_of_its_own() -> None:
    known = [label for number in range(256) if (label := mach.label(number, V4))]
    assert len(known) == len(set(known))
    assert {"gfx803", "gfx90c", "gfx950", "gfx1036", "gfx1153", "gfx1201", "gfx1250"} <= set(known)
    assert {f"gfx{family}-generic" for family in ("9", "9-4", "10-1", "10-3", "11", "12", "12-5")} <= set(
        known
    )


@pytest.mark.parametrize(
    ("flags", "abi", "expected"),
    [(0x00500550, 7, "sm_80"), (0x005A0D5A, 7, "sm_90"), (0x06005A04, 8, "sm_90"), (0x06006402, 8, "sm_100")],
)
def test_the_flags_of_a_cubin(labels: Labels, flags: int, abi: int, expected: str) -> None:
    assert labels(elf(CUDA, flags, abi)) == (expected,)


def test_bundles_say_their_chips(labels: Labels) -> None:
    assert labels(bundle("gfx908")) == ("gfx908",)
    assert labels(bundle("gfx90a:xnack+", "gfx1100")) == ("gfx90a:xnack+", "gfx1100")
    assert labels(fatbins.hip_bundle({"gfx906": b"", "gfx1100": code_for("gfx1100")})) == ("gfx1100",)
    assert labels(fatbins.ccob(bundle("gfx1100", "gfx1151"))) == ("gfx1100", "gfx1151")
    assert labels(fatbins.cuda_region({"sm_80": b"code" * 8, "compute_90": b"text" * 8})) == (
        "sm_80",
        "compute_90",
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fEL",
        b"text of a package for Colombia",
        elf(X86, 0),
        elf(AMD, 0xFE),
        fatbins.hip_bundle({}),
        b"\x7fELF" + bytes([1]) + bytes(200),
    ],
    ids=["empty", "short", "text", "host", "unknown chip", "empty bundle", "32 bits"],
)
def test_what_cannot_be_judged_has_no_labels(labels: Labels, data: bytes) -> None:
    assert labels(data) is None


@pytest.mark.parametrize(
    "data",
    [code_for("gfx906")[:40], code_for("gfx906")[:100], bundle("gfx906")[:4000], bundle("gfx906")[:50]],
)
def test_what_is_cut_off_is_malformed(labels: Labels, data: bytes) -> None:
    with pytest.raises(Malformed):
        labels(data)


def test_an_archive_says_its_chips(tmp_path: Path) -> None:
    def inside(data: bytes) -> tuple[str, ...] | None:
        return read(tmp_path / "x.kpack", data, KPACK.inside)

    assert inside(kpack("gfx1100")) == ("gfx1100",)
    assert inside(kpack("gfx942", "gfx942:xnack+")) == ("gfx942", "gfx942:xnack+")
    assert inside(b"none of this kind") is None
    assert inside(b"KPAK" + bytes([9]) + bytes(60)) is None
    head = kpack("gfx1100")[:64]
    with pytest.raises(Malformed):
        inside(head)
    with pytest.raises(Malformed):
        inside(kpack("gfx1100")[: 64 + 256 + 80])
    own = b"KPAK\x01\0\0\0" + bytes([64]) + bytes(55)
    assert inside(own + packed({"toc": {}})) is None
    with pytest.raises(Malformed):
        inside(own + packed({"gfx_arches": "gfx1100"}))
    with pytest.raises(Malformed):
        inside(own + packed(["gfx_arches"]))


VALUES = st.recursive(
    st.one_of(st.integers(0, 2**32 - 1), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=9), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(before=st.dictionaries(st.text(max_size=9), VALUES, max_size=5))
def test_chips_are_found_behind_anything(before: dict[str, object]) -> None:
    table = {**{key: value for key, value in before.items() if key != "gfx_arches"}, "gfx_arches": ["gfx942"]}
    assert value_of(packed(table), "gfx_arches") == ["gfx942"]


@given(data=st.binary(max_size=300))
@example(data=b"\x81" + b"\x91" * 5000)
@example(data=b"\xdf\xff\xff\xff\xff")
@example(data=b"\x81\xa1x\xdd\xff\xff\xff\xff")
def test_no_table_of_contents_does_worse_than_be_malformed(data: bytes) -> None:
    with suppress(Malformed):
        value_of(data, "gfx_arches")


def test_damaged_files_do_no_worse_than_be_refused(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    whole = [
        code_for("gfx906"),
        bundle("gfx906", "gfx1100"),
        fatbins.ccob(bundle("gfx906")),
        fatbins.cuda_region({"sm_80": b"code" * 8}),
        kpack("gfx906", "gfx1100"),
    ]
    for number in range(600):
        data = bytearray(whole[number % len(whole)])
        for _ in range(chance.randint(1, 6)):
            at = (
                chance.randrange(min(len(data), 400))
                if chance.random() < 0.8
                else chance.randrange(len(data))
            )
            data[at] = chance.choice([0, 0xFF, 0x7F, chance.randrange(256)])
        del data[chance.randint(1, len(data)) :]
        for judge in (code.labels, KPACK.inside):
            with suppress(Refused):
                read(tmp_path / "file", bytes(data), judge)
