"""Bytes that are wrong anywhere: what is read makes sense or is malformed, nothing else, and soon."""

import struct
import time
from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruner.errors import Refused
from pruner.formats.base import Format
from pruner.formats.buried import FORMAT as BURIED
from pruner.formats.ccob import FORMAT as CCOB
from pruner.formats.container import read_container
from pruner.formats.cuda import FORMAT as CUDA
from pruner.formats.hip import FORMAT as HIP
from pruner.view import Scratch
from tests.pruner.fatbins import codes, cuda_region, hip_bundle
from tests.pruner.formats.handling import ZLIB, ZSTD, compressed, joined, viewing, wanted

BUNDLE = hip_bundle(codes(100, "gfx906", "gfx1100", "gfx11-generic"), align=16)
REGION = cuda_region(codes(100, "sm_80", "sm_90a", "compute_80"))
UNITS: list[tuple[Format, bytes]] = [
    (HIP, BUNDLE),
    *((CCOB, compressed(BUNDLE, version, method)) for version in (1, 2, 3) for method in (ZLIB, ZSTD)),
    (CUDA, REGION),
    (BURIED, REGION),
]
ASKED = wanted("gfx1100", "sm_90", embedded=True)

NUMBERS = st.one_of(
    st.sampled_from([0, 1, 7, 8, 16, 63, 64, 4096, 2**16 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1]),
    st.integers(0, 2**64 - 1),
)
PATCHES = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(["<B", "<H", "<I", "<Q"]), NUMBERS), min_size=1, max_size=4
)


def patched(data: bytes, patches: list[tuple[int, str, int]]) -> bytes:
    changed = bytearray(data + bytes(8))
    for place, layout, number in patches:
        size = struct.calcsize(layout)
        struct.pack_into(layout, changed, place % len(data), number & (1 << 8 * size) - 1)
    return bytes(changed[: len(data)])


def exercise(form: Format, data: bytes) -> None:
    """Read, choose, shrink, and read again: the same code, or a refusal at some point."""
    with viewing(data) as view, closing(Scratch()) as scratch:
        unit = form.read(view, 0, view.size)
        assert 0 < unit.size <= len(data)
        choice = form.select(unit, ASKED)
        made = joined(form.shrink(view, unit, choice.kept, scratch))
        assert len(made) <= unit.size
        if form is BURIED:
            return
        with form.contents(view, unit) as code:
            before = [(entry.label, b"".join(code(index))) for index, entry in enumerate(unit.entries)]
        with viewing(made) as again:
            smaller = form.read(again, 0, again.size)
            with form.contents(again, smaller) as code:
                after = [(entry.label, b"".join(code(index))) for index, entry in enumerate(smaller.entries)]
    assert after in ([before[index] for index in choice.kept], before)


@pytest.mark.parametrize(
    ("form", "data"), UNITS, ids=[f"{form.name}-{n}" for n, (form, _) in enumerate(UNITS)]
)
@settings(max_examples=100)
@given(patches=PATCHES)
def test_a_header_that_says_anything(form: Format, data: bytes, patches: list[tuple[int, str, int]]) -> None:
    started = time.process_time()
    with suppress(Refused):
        exercise(form, patched(data, patches))
    assert time.process_time() - started < 1


@settings(max_examples=200)
@given(
    section=st.sampled_from([".hip_fatbin", ".nv_fatbin", ".ldata"]),
    parts=st.lists(
        st.one_of(
            st.sampled_from([data for _, data in UNITS]),
            st.sampled_from([HIP.magic, CCOB.magic, CUDA.magic, bytes(4096)]),
            st.binary(max_size=64),
        ),
        max_size=8,
    ),
)
def test_a_section_of_anything(section: str, parts: list[bytes]) -> None:
    data = b"".join(parts)
    with viewing(data) as view:
        try:
            container = read_container(view, section, 0, view.size, ASKED)
        except Refused:
            return
    reached = 0
    for held in container.units:
        assert held.unit.offset >= reached
        reached = held.unit.offset + held.unit.size
    assert reached <= len(data)
    if container.complete and not container.buried:
        covered = bytearray(data)
        for held in container.units:
            covered[held.unit.offset : held.unit.offset + held.unit.size] = bytes(held.unit.size)
        assert not any(covered)
