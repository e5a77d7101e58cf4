"""What stand-ins are packed in: wheels that pip believes, archives that the pruner reads, an index."""

import hashlib
import zipfile
from pathlib import Path
from typing import ClassVar

import pytest

from builder.rehearsal import index, kpack
from builder.rehearsal.contents import Listing, read_listings
from builder.rehearsal.wheel import Sdist, Wheel
from builder.requirements import Requirement
from pruner.folders.kpack import FORM
from pruner.view import View

WHEEL = Wheel(
    "rocm-sdk-core",
    "10.0.0",
    "py3-none-any",
    {"_rocm_sdk_core/__init__.py": b"", "_rocm_sdk_core/bin/tool": b"\x7fELF", "lib/x.so": b"\x7fELF"},
    requires=("rocm",),
    scripts={"rocm-sdk": "rocm_sdk.__main__:main"},
)


def opened(tmp_path: Path, wheel: Wheel) -> zipfile.ZipFile:
    path = tmp_path / wheel.filename
    path.write_bytes(wheel.content())
    return zipfile.ZipFile(path)


def test_the_same_content_gives_the_same_bytes() -> None:
    assert WHEEL.content() == WHEEL.content()


def test_source_is_the_same_each_time_and_is_called_as_pip_looks_for_it() -> None:
    source = Sdist("rocm", "10.0.0", "py3-none-any", {"rocm_sdk/__init__.py": b""})
    assert source.content() == source.content()
    assert source.filename == "rocm-10.0.0.tar.gz"


def test_a_wheel_is_called_as_pip_looks_for_it() -> None:
    assert WHEEL.filename == "rocm_sdk_core-10.0.0-py3-none-any.whl"


def test_a_record_names_every_file(tmp_path: Path) -> None:
    with opened(tmp_path, WHEEL) as archive:
        (record,) = [name for name in archive.namelist() if name.endswith("RECORD")]
        named = {line.split(",")[0] for line in archive.read(record).decode().splitlines()}
        assert named == set(archive.namelist())


def test_programs_can_be_started_and_libraries_cannot(tmp_path: Path) -> None:
    with opened(tmp_path, WHEEL) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes["_rocm_sdk_core/bin/tool"] & 0o111
    assert not modes["lib/x.so"] & 0o111


@pytest.mark.parametrize("chips", [["gfx1151"], ["gfx90a:xnack+"], ["gfx1150", "gfx1151", "gfx1152"]])
def test_the_pruner_reads_an_archive(tmp_path: Path, chips: list[str]) -> None:
    path = tmp_path / "blas_lib_gfx1151.kpack"
    path.write_bytes(kpack.write("blas_lib", chips[0], dict.fromkeys(chips, b"code" * 200)))
    with path.open("rb") as file:
        view = View(file.fileno())
        assert FORM.inside(view) == tuple(chips)


def test_an_index_has_a_page_for_each_distribution(tmp_path: Path) -> None:
    path = tmp_path / WHEEL.filename
    path.write_bytes(WHEEL.content())
    pin = Requirement(WHEEL.name, WHEEL.version, hashes=(hashlib.sha256(WHEEL.content()).hexdigest(),))
    index.lay_out(tmp_path / "layer", [(pin, path)])
    page = (tmp_path / "layer/simple/rocm-sdk-core/index.html").read_text(encoding="utf-8")
    assert f'href="{WHEEL.filename}"' in page


def test_a_version_with_a_plus_sign_is_escaped_in_links(tmp_path: Path) -> None:
    path = tmp_path / "torch-2.13.0+rocm10.0.0-py3-none-any.whl"
    path.write_bytes(b"")
    index.lay_out(tmp_path / "layer", [(Requirement("torch", "2.13.0+rocm10.0.0"), path)])
    page = (tmp_path / "layer/simple/torch/index.html").read_text(encoding="utf-8")
    assert 'href="torch-2.13.0%2Brocm10.0.0-py3-none-any.whl"' in page


class TestListings:
    listings: ClassVar[dict[str, Listing]] = read_listings()

    def test_there_is_a_device_wheel_for_each_chip(self) -> None:
        assert self.listings["rocm-sdk-device-gfx1151"].arch == "gfx1151"
        assert "rocm-sdk-device-{arch}" not in self.listings

    def test_a_place_bears_the_chip_s_name(self) -> None:
        places = {path: kind for kind, path in self.listings["rocm-sdk-device-gfx906"].places()}
        assert places["_rocm_sdk_libraries/.kpack/blas_lib_gfx906.kpack"] == "kpack"

    def test_no_two_wheels_bring_the_same_file(self) -> None:
        seen: dict[str, str] = {}
        for name, listing in self.listings.items():
            for _, path in listing.places():
                assert seen.setdefault(path, name) == name
