"""Wheels on disk: which of them a lock allows, and how they are laid out."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder.errors import SourceError
from builder.requirements import Requirement
from builder.sources.wheels import HashCache, Places, Wheelhouse, gather, on_disk
from tests.fakes.wheels import FolderIndex, make_wheel


@pytest.fixture
def cache(tmp_path: Path) -> HashCache:
    return HashCache(tmp_path / "cache" / "hashes.json")


def collect(places: Places, tmp_path: Path, cache: HashCache, *requirements: Requirement) -> Wheelhouse:
    return gather(requirements, places, tmp_path / "wheels", cache)


def names(house: Wheelhouse) -> list[str]:
    return sorted(path.name for path in house.folder.iterdir())


def test_a_folder_of_wheels(tmp_path: Path, cache: HashCache) -> None:
    digest = make_wheel(tmp_path / "links", "tiny", "1.0")
    make_wheel(tmp_path / "links", "other", "1.0")
    house = collect(Places([tmp_path / "links"]), tmp_path, cache, Requirement("tiny", "1.0", "", (digest,)))
    assert house.complete
    assert names(house) == ["tiny-1.0-py3-none-any.whl"]


def test_an_index_on_disk(tmp_path: Path, cache: HashCache) -> None:
    index = FolderIndex(tmp_path / "index")
    digest = index.add("tiny", "2.0")
    places = Places((), on_disk([index.url]))
    house = collect(places, tmp_path, cache, Requirement("tiny", "2.0", "", (digest,)))
    assert names(house) == ["tiny-2.0-py3-none-any.whl"]


def test_a_file_with_another_hash_is_left_to_the_index(tmp_path: Path, cache: HashCache) -> None:
    make_wheel(tmp_path / "links", "tiny", "1.0")
    house = collect(
        Places([tmp_path / "links"]), tmp_path, cache, Requirement("tiny", "1.0", "", ("0" * 64,))
    )
    assert [requirement.name for requirement in house.missing] == ["tiny"]
    assert names(house) == []


def test_a_page_that_lies_about_a_hash_is_not_believed(tmp_path: Path, cache: HashCache) -> None:
    index = FolderIndex(tmp_path / "index")
    index.add("tiny", "2.0")
    page = tmp_path / "index/simple/tiny/index.html"
    page.write_text(
        f'<a href="../../files/tiny-2.0-py3-none-any.whl#sha256={"0" * 64}">x</a>', encoding="utf-8"
    )
    places = Places((), on_disk([index.url]))
    assert not collect(places, tmp_path, cache, Requirement("tiny", "2.0", "", ("0" * 64,))).complete


def test_names_and_local_versions_are_compared_in_one_spelling(tmp_path: Path, cache: HashCache) -> None:
    digest = make_wheel(
        tmp_path / "links", "Some_Thing", "2.13.0+cpu", tag="cp311-cp311-manylinux_2_28_x86_64"
    )
    wanted = Requirement("some-thing", "2.13.0+cpu", "", (digest,))
    assert collect(Places([tmp_path / "links"]), tmp_path, cache, wanted).complete


def test_a_page_may_escape_what_a_file_name_has(tmp_path: Path, cache: HashCache) -> None:
    digest = make_wheel(tmp_path / "files", "torch", "2.13.0+cpu")
    page = tmp_path / "links.html"
    page.write_text('<a href="files/torch-2.13.0%2Bcpu-py3-none-any.whl">torch</a>', encoding="utf-8")
    house = collect(Places([page]), tmp_path, cache, Requirement("torch", "2.13.0+cpu", "", (digest,)))
    assert names(house) == ["torch-2.13.0+cpu-py3-none-any.whl"]


def test_links_that_leave_the_disk_are_not_followed(tmp_path: Path, cache: HashCache) -> None:
    page = tmp_path / "links.html"
    page.write_text('<a href="https://index.example/tiny-1.0-py3-none-any.whl">x</a>', encoding="utf-8")
    assert not collect(Places([page]), tmp_path, cache, Requirement("tiny", "1.0", "", ("0" * 64,))).complete


def test_what_lay_there_before_is_gone(tmp_path: Path, cache: HashCache) -> None:
    digest = make_wheel(tmp_path / "links", "tiny", "1.0")
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "stale-1.0-py3-none-any.whl").touch()
    house = collect(Places([tmp_path / "links"]), tmp_path, cache, Requirement("tiny", "1.0", "", (digest,)))
    assert names(house) == ["tiny-1.0-py3-none-any.whl"]


def test_the_same_file_in_two_places_is_laid_out_once(tmp_path: Path, cache: HashCache) -> None:
    digest = make_wheel(tmp_path / "a", "tiny", "1.0")
    make_wheel(tmp_path / "b", "tiny", "1.0")
    wanted = Requirement("tiny", "1.0", "", (digest,))
    assert len(names(collect(Places([tmp_path / "a", tmp_path / "b"]), tmp_path, cache, wanted))) == 1


def test_nothing_configured_gives_an_empty_folder(tmp_path: Path, cache: HashCache) -> None:
    house = collect(Places(), tmp_path, cache, Requirement("tiny", "1.0", "", ("0" * 64,)))
    assert house.folder.is_dir()
    assert not house.complete


@pytest.mark.parametrize(("version", "needed"), [("2.13.0+cpu", True), ("2.13.0", False)])
def test_only_local_versions_need_an_upstream_index(
    version: str, needed: bool, tmp_path: Path, cache: HashCache
) -> None:
    house = collect(Places(), tmp_path, cache, Requirement("torch", version, "", ("0" * 64,)))
    assert house.needs_upstream is needed


def test_places_that_do_not_exist_or_are_far_away_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    urls = [(tmp_path / "a b").as_uri(), str(tmp_path / "none"), "https://links.example/", "file://host/x"]
    assert on_disk(urls) == [tmp_path / "a b"]


def test_a_file_is_read_once(tmp_path: Path) -> None:
    digest = make_wheel(tmp_path / "links", "tiny", "1.0")
    wheel = tmp_path / "links" / "tiny-1.0-py3-none-any.whl"
    store = tmp_path / "hashes.json"
    first = HashCache(store)
    assert first.sha256(wheel) == digest
    first.save()
    known = json.loads(store.read_text(encoding="utf-8"))
    known[str(wheel)][2] = "f" * 64
    store.write_text(json.dumps(known), encoding="utf-8")
    assert HashCache(store).sha256(wheel) == "f" * 64


def test_a_file_that_changed_is_read_again(tmp_path: Path, cache: HashCache) -> None:
    make_wheel(tmp_path, "tiny", "1.0")
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    before = cache.sha256(wheel)
    wheel.write_bytes(wheel.read_bytes() + b"more")
    assert cache.sha256(wheel) != before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', "\0"])
def test_a_damaged_cache_is_as_none(text: str, tmp_path: Path) -> None:
    digest = make_wheel(tmp_path, "tiny", "1.0")
    (tmp_path / "hashes.json").write_text(text, encoding="utf-8")
    assert HashCache(tmp_path / "hashes.json").sha256(tmp_path / "tiny-1.0-py3-none-any.whl") == digest


def test_a_link_that_leads_nowhere_is_passed_over(tmp_path: Path, cache: HashCache) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "tiny-1.0-py3-none-any.whl").symlink_to(tmp_path / "gone")
    wanted = Requirement("tiny", "1.0", "", ("0" * 64,))
    assert not collect(Places([tmp_path / "links"]), tmp_path, cache, wanted).complete


def test_a_page_with_a_link_that_is_none_is_still_read(tmp_path: Path, cache: HashCache) -> None:
    digest = make_wheel(tmp_path / "files", "tiny", "1.0")
    page = tmp_path / "links.html"
    page.write_text(
        '<a href="http://[::1/x">x</a><a href="files/tiny-1.0-py3-none-any.whl">y</a>', encoding="utf-8"
    )
    assert collect(Places([page]), tmp_path, cache, Requirement("tiny", "1.0", "", (digest,))).complete


@contextmanager
def without_rights() -> Iterator[None]:
    """As a user to whom a closed file is closed: root is one to whom it is not."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("closed", ["links", "links/tiny-1.0-py3-none-any.whl", "links/page.html"])
def test_what_may_not_be_read_is_one_line_with_its_path(closed: str, public: Path) -> None:
    wheels = public / "wheels"
    make_wheel(public / "links", "tiny", "1.0")
    (public / "links/page.html").write_text("<a href='x'>x</a>", encoding="utf-8")
    place = public / "links/page.html" if closed.endswith("html") else public / "links"
    wanted = Requirement("tiny", "1.0", "", ("0" * 64,))
    wheels.mkdir()
    wheels.chmod(0o777)
    (public / closed).chmod(0)
    cache = HashCache(public / "hashes.json")
    with without_rights(), pytest.raises(SourceError, match="cannot be read: permission denied") as caught:
        gather([wanted], Places([place]), wheels / "new", cache)
    (public / closed).chmod(0o755)
    assert str(public / closed) in caught.value.message
    assert caught.value.hint is not None


def test_a_place_below_a_closed_folder_is_one_line_with_its_path(public: Path) -> None:
    (public / "closed/links").mkdir(parents=True)
    (public / "closed").chmod(0)
    with without_rights(), pytest.raises(SourceError, match="closed/links"):
        on_disk([str(public / "closed/links")])
    (public / "closed").chmod(0o755)
