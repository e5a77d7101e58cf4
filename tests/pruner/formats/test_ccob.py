"""Compressed bundles: taken apart, and put together again in the form that they had."""

import builtins
import hashlib
import struct
import tracemalloc
import zlib
from collections.abc import Mapping, Sequence
from types import ModuleType

import pytest
import zstandard

from pruner.errors import Malformed, Refused
from pruner.formats import hip
from pruner.formats.ccob import FORMAT
from tests.pruner.fatbins import code, codes, hip_bundle
from tests.pruner.formats.handling import (
    ZLIB,
    ZSTD,
    compressed,
    held,
    keeping,
    labels,
    shrunk,
    viewing,
    wanted,
)

FORMS = [(version, method) for version in (1, 2, 3) for method in (ZLIB, ZSTD)]
OBJECTS = codes(3000, "gfx906", "gfx1100", "gfx1151")
BUNDLE = hip_bundle(OBJECTS)
HEADER_SIZES = {1: 20, 2: 24, 3: 32}


@pytest.mark.parametrize(("version", "method"), FORMS)
def test_what_stays_is_as_it_was(version: int, method: int) -> None:
    data = compressed(BUNDLE, version, method)
    small = shrunk(FORMAT, data, wanted("gfx1151"))
    assert len(small) < len(data)
    assert held(FORMAT, small) == [("host", b""), ("gfx1151", OBJECTS["gfx1151"])]


@pytest.mark.parametrize(("version", "method"), FORMS)
def test_the_form_stays_and_its_header_is_right(version: int, method: int) -> None:
    small = shrunk(FORMAT, compressed(BUNDLE, version, method), wanted("gfx1151"))
    head = HEADER_SIZES[version]
    assert struct.unpack_from("<4sHH", small) == (b"CCOB", version, method)
    packed = small[head:]
    bundle = zlib.decompress(packed) if method == ZLIB else zstandard.decompress(packed)
    assert bundle == hip_bundle({"gfx1151": OBJECTS["gfx1151"]})
    sizes = {
        1: struct.pack("<I", len(bundle)),
        2: struct.pack("<II", len(small), len(bundle)),
        3: struct.pack("<QQ", len(small), len(bundle)),
    }
    assert small[8:head] == sizes[version] + hashlib.md5(bundle, usedforsecurity=False).digest()[:8]


@pytest.mark.parametrize(("version", "method"), FORMS)
def test_it_ends_where_its_data_end(version: int, method: int) -> None:
    data = compressed(BUNDLE, version, method)
    with viewing(bytes(24) + data + bytes(100) + data) as view:
        assert FORMAT.read(view, 24, view.size).size == len(data)


def test_a_zstd_frame_in_every_dress_is_walked_to_its_end() -> None:
    writers = [
        zstandard.ZstdCompressor(write_content_size=sized, write_checksum=checked)
        for sized in (False, True)
        for checked in (False, True)
    ]
    objects = {"gfx1100": bytes(400_000) + code("x", 300_000), "gfx906": b""}
    for bundle in (BUNDLE, hip_bundle(objects), hip_bundle({})):
        for writer in writers:
            data = b"CCOB" + struct.pack("<HHI8x", 1, ZSTD, len(bundle)) + writer.compress(bundle)
            with viewing(data + bytes(50)) as view:
                assert FORMAT.read(view, 0, view.size).size == len(data)


@pytest.mark.parametrize(("version", "method"), FORMS)
def test_the_same_input_gives_the_same_output_and_a_second_time_changes_nothing(
    version: int, method: int
) -> None:
    data = compressed(BUNDLE, version, method)
    once, again = (shrunk(FORMAT, data, wanted("gfx1100")) for _ in range(2))
    assert once == again
    assert shrunk(FORMAT, once, wanted("gfx1100")) == once


def test_it_stays_as_it_is_where_it_would_grow() -> None:
    repeated = code("the same for every chip", 200_000)
    long_window = zstandard.ZstdCompressor(level=19).compress(
        bundle := hip_bundle({"gfx906": b"", "gfx1100": repeated, "gfx1151": repeated})
    )
    data = b"CCOB" + struct.pack("<HHII8x", 2, ZSTD, 24 + len(long_window), len(bundle)) + long_window
    small = keeping(FORMAT, data, [0, 2, 3])
    assert len(small) <= len(data)


def test_memory_stays_bounded_where_much_is_unpacked() -> None:
    bundle = hip_bundle({"gfx906": bytes(1 << 25), "gfx1100": code("x", 1000)})
    data = compressed(bundle, 3)
    tracemalloc.start()
    try:
        assert labels(FORMAT, shrunk(FORMAT, data, wanted("gfx1100"))) == ["host", "gfx1100"]
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [ZLIB, ZSTD])
@pytest.mark.parametrize("stated", [len(BUNDLE) - 1, len(BUNDLE) + 1])
def test_it_holds_as_much_as_it_claims(method: int, stated: int) -> None:
    data = compressed(BUNDLE, 2, method, stated=stated)
    with pytest.raises(Malformed):
        shrunk(FORMAT, data, wanted("gfx1100"))


def test_what_unpacks_without_end_is_left_after_what_it_claims() -> None:
    bomb = zlib.compress(BUNDLE + bytes(1 << 25))
    data = b"CCOB" + struct.pack("<HHI8x", 1, ZLIB, len(BUNDLE)) + bomb
    with viewing(data) as view, pytest.raises(Malformed, match="more than"):
        FORMAT.read(view, 0, view.size)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_what_was_made_to_swell_is_not_unpacked(version: int) -> None:
    """Zeros shrink to a thousandth: no code does, and a minute of somebody's disk is theirs."""
    stated = 1 << 30
    with (
        viewing(compressed(BUNDLE, version, ZSTD, stated=stated)) as view,
        pytest.raises(Malformed, match=f"claims to hold {stated} bytes"),
    ):
        FORMAT.read(view, 0, view.size)


def test_more_than_four_gigabytes_are_not_believed() -> None:
    with (
        viewing(compressed(BUNDLE, 3, stated=(1 << 32) + 1)) as view,
        pytest.raises(Malformed, match="4294967297"),
    ):
        FORMAT.read(view, 0, view.size)


@pytest.mark.parametrize(("version", "method"), FORMS)
def test_a_bundle_cut_off_anywhere_is_malformed(version: int, method: int) -> None:
    data = compressed(hip_bundle(codes(16, "gfx906", "gfx1100"), align=16), version, method)
    for size in range(len(data)):
        with viewing(data[:size]) as view, pytest.raises(Malformed):
            FORMAT.read(view, 0, view.size)


def test_a_bundle_whose_inside_is_cut_off_is_malformed() -> None:
    whole = hip_bundle(codes(16, "gfx906", "gfx1100"), align=16)
    for size in range(len(whole)):
        with viewing(compressed(whole[:size], 3, ZLIB)) as view, pytest.raises(Malformed):
            FORMAT.read(view, 0, view.size)


@pytest.mark.parametrize(("version", "method"), [(0, ZSTD), (4, ZSTD), (2, 2)])
def test_a_form_to_come_is_refused(version: int, method: int) -> None:
    data = compressed(BUNDLE, 2)
    data = data[:4] + struct.pack("<HH", version, method) + data[8:]
    with viewing(data) as view, pytest.raises(Refused, match=f"version {version} and method {method}"):
        FORMAT.read(view, 0, view.size)


def test_without_the_library_for_zstd_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(
        name: str,
        globals_: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if name == "zstandard":
            raise ImportError(name)
        return real(name, globals_, locals_, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", without)
    with viewing(compressed(BUNDLE, 2, ZSTD)) as view, pytest.raises(Refused, match=r"install .* zstandard"):
        FORMAT.read(view, 0, view.size)
    assert labels(FORMAT, compressed(BUNDLE, 2, ZLIB)) == labels(hip.FORMAT, BUNDLE)
