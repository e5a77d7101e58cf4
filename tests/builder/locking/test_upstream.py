"""Locks of what comes from upstream indexes, over a server of small wheels."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.errors import ConfigError, SourceError
from builder.locking import Plan, write_lock
from builder.requirements import read
from builder.sources import Sources
from builder.sources.apt import AptConfiguration
from builder.sources.pip import PipConfiguration
from builder.upstream import part
from tests.builder.locking.test_resolver import UV
from tests.fakes.index import FakeIndex, closed_port
from tests.fakes.wheels import FolderIndex, make_wheel

LINUX = "cp312-cp312-linux_x86_64"


@pytest.fixture(autouse=True)
def _quick_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


@pytest.fixture
def general(tmp_path: Path) -> FolderIndex:
    """What stands for PyPI: it has placeholders of the same names."""
    index = FolderIndex(tmp_path / "general")
    index.add("library", requires=["torch", "rocm-sdk-core>=1"])
    for placeholder in ("torch", "rocm-sdk-core"):
        index.add(placeholder, "99.0")
    return index


@pytest.fixture
def amd(tmp_path: Path) -> Iterator[FakeIndex]:
    with FakeIndex(tmp_path / "amd") as index:
        yield index


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    (tmp_path / "locks").mkdir()
    return tmp_path / "locks"


@pytest.fixture
def sources(general: FolderIndex) -> Sources:
    return Sources(PipConfiguration(index=general.url), AptConfiguration())


def plan(url: str, *requirements: str) -> Plan:
    names = {"rocm", "rocm-sdk-core", "torch"}
    return Plan("x", requirements, "3.12", "2.39", upstream={url: sorted(names)})


def pins(locks: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {pin.name: (pin.version, pin.hashes) for pin in read(locks / "x.txt")}


def test_an_index_that_answers_gives_hashes_of_the_files_that_fit(
    amd: FakeIndex, sources: Sources, locks: Path
) -> None:
    digest = make_wheel(amd.folder, "torch", "2.13.0+rocm10.0.0", tag=LINUX)
    make_wheel(amd.folder, "torch", "2.13.0+rocm10.0.0", tag="cp313-cp313-linux_x86_64")
    make_wheel(amd.folder, "torch", "2.14.0+rocm10.1.0", tag=LINUX)
    core = make_wheel(amd.folder, "rocm_sdk_core", "10.0.0", tag="py3-none-linux_x86_64")
    asked = plan(amd.url, "library", "torch==2.13.0+rocm10.0.0", "rocm-sdk-core==10.0.0")
    assert not write_lock(asked, locks, sources, uv=UV).complaints
    found = pins(locks)
    assert found["torch"] == ("2.13.0+rocm10.0.0", (digest,))
    assert found["rocm-sdk-core"] == ("10.0.0", (core,))
    assert found["library"][1]
    assert "Without a hash" not in (locks / "x.txt").read_text(encoding="utf-8")


def test_an_index_whose_pages_say_no_hash_is_asked_for_the_file(
    amd: FakeIndex, sources: Sources, locks: Path
) -> None:
    amd.says = ""
    digest = make_wheel(amd.folder, "torch", "2.13.0+rocm10.0.0", tag=LINUX)
    write_lock(plan(amd.url, "torch==2.13.0+rocm10.0.0"), locks, sources, uv=UV)
    assert pins(locks)["torch"][1] == (digest,)


@pytest.mark.parametrize("said", ["00ff", f"{'0' * 64}%20--hash=sha256:{'1' * 64}", "x" * 64, ""])
def test_what_a_page_says_and_is_no_hash_is_not_believed(
    amd: FakeIndex, sources: Sources, locks: Path, said: str
) -> None:
    digest = make_wheel(amd.folder, "torch", "2.13.0+rocm10.0.0", tag=LINUX)
    amd.says = f"#sha256={said}"
    write_lock(plan(amd.url, "torch==2.13.0+rocm10.0.0"), locks, sources, uv=UV)
    assert pins(locks)["torch"][1] == (digest,)


def test_a_distribution_that_comes_as_source_is_hashed_and_never_run(
    amd: FakeIndex, sources: Sources, locks: Path
) -> None:
    amd.folder.mkdir()
    (amd.folder / "rocm-10.0.0.tar.gz").write_bytes(b"no archive at all")
    write_lock(plan(amd.url, "rocm==10.0.0"), locks, sources, uv=UV)
    assert len(pins(locks)["rocm"][1]) == 1


def test_no_placeholder_of_the_general_index_is_ever_taken(
    amd: FakeIndex, sources: Sources, locks: Path
) -> None:
    """`library` asks for names that both have; the upstream index lacks one of them, and it stays out."""
    make_wheel(amd.folder, "torch", "2.13.0", tag=LINUX)
    write_lock(plan(amd.url, "library", "torch==2.13.0"), locks, sources, uv=UV)
    assert {name: version for name, (version, _) in pins(locks).items()} == {
        "library": "1.0",
        "torch": "2.13.0",
    }


def test_a_silent_index_leaves_pins_without_a_hash_and_the_lock_says_so(
    sources: Sources, locks: Path
) -> None:
    with closed_port() as url:
        written = write_lock(plan(url, "library", "torch==2.13.0"), locks, sources, uv=UV)
    assert pins(locks)["torch"] == ("2.13.0", ())
    assert pins(locks)["library"][1]
    text = (locks / "x.txt").read_text(encoding="utf-8")
    assert "# Without a hash, as their index was not reached: torch\n" in text
    assert str(written) == (
        "2 distributions, 1 without a hash; the index at 127.0.0.1 cannot be asked: connection refused"
    )


def test_an_index_that_falls_silent_takes_no_hash_away(amd: FakeIndex, sources: Sources, locks: Path) -> None:
    digest = make_wheel(amd.folder, "torch", "2.13.0", tag=LINUX)
    asked = plan(amd.url, "torch==2.13.0")
    write_lock(asked, locks, sources, uv=UV)
    amd.status = 503
    written = write_lock(asked, locks, sources, uv=UV)
    assert pins(locks)["torch"][1] == (digest,)
    assert written.complaints == ["the index at 127.0.0.1 cannot be asked: it answers with status 503"]
    newer = dataclasses.replace(asked, requirements=["torch==2.14.0"])
    write_lock(newer, locks, sources, uv=UV)
    assert pins(locks)["torch"] == ("2.14.0", ())


@pytest.mark.parametrize("tag", ["cp313-cp313-linux_x86_64", "cp312-cp312-manylinux_2_40_x86_64"])
def test_a_wheel_for_another_base_is_none(amd: FakeIndex, sources: Sources, locks: Path, tag: str) -> None:
    make_wheel(amd.folder, "torch", "2.13.0", tag=tag)
    with pytest.raises(SourceError) as caught:
        write_lock(plan(amd.url, "torch==2.13.0"), locks, sources, uv=UV)
    assert caught.value.message == (
        "x cannot be locked: the index at 127.0.0.1 has no torch==2.13.0 for Python 3.12 and glibc 2.39"
    )
    assert not (locks / "x.txt").exists()


def test_a_wheel_that_is_missing_is_an_error_and_the_old_lock_stays(
    amd: FakeIndex, sources: Sources, locks: Path
) -> None:
    amd.folder.mkdir()
    (locks / "x.txt").write_text("old", encoding="utf-8")
    with pytest.raises(SourceError, match=r"has no rocm-sdk-core==10\.0\.0") as caught:
        write_lock(plan(amd.url, "rocm-sdk-core==10.0.0"), locks, sources, uv=UV)
    assert caught.value.hint == "the index moved on, or the pin in targets.yaml is wrong"
    assert (locks / "x.txt").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize(
    "requirement", ["torch", "torch>=2.13", "torch[device-gfx1151]==2.13.0", "Torch==2.*"]
)
def test_what_comes_from_upstream_must_be_exact(requirement: str) -> None:
    with pytest.raises(ConfigError) as caught:
        part([requirement], {"https://a.example": ["torch"]})
    assert requirement in caught.value.message
    assert "NAME==VERSION" in (caught.value.hint or "")


def test_pip_without_an_index_asks_no_upstream_one_either(amd: FakeIndex, locks: Path) -> None:
    make_wheel(amd.folder, "torch", "2.13.0", tag=LINUX)
    offline = Sources(PipConfiguration(no_index=True), AptConfiguration())
    written = write_lock(plan(amd.url, "torch==2.13.0"), locks, offline, uv=UV)
    assert not amd.requests
    assert written.complaints == ["the index at 127.0.0.1 cannot be asked: pip's configuration says no-index"]
