"""Locks of the distribution's packages: their form, and what a mirror is asked."""

import gzip
from pathlib import Path

import pytest

from builder import debian, paths
from builder.errors import ConfigError, SourceError
from builder.sources.apt import AptConfiguration, AptSource
from builder.targets import load_catalog

PINS = {"bb": "1:2.0+dfsg-3", "a-x": "1.0~rc1-1"}


def lock(folder: Path, text: str) -> Path:
    file = folder / "some.txt"
    file.write_text(text)
    return file


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    text = debian.emit(PINS, "some", "forky")
    assert text.splitlines()[1:] == ["a-x=1.0~rc1-1", "bb=1:2.0+dfsg-3"]
    assert debian.read(lock(tmp_path, text)) == PINS


@pytest.mark.parametrize("line", ["a==1", "a", "A=1", "a=1 b=2", "a=$(x)", "=1", "../a=1"])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"locks/some\.txt:2: ") as caught:
        debian.read(lock(tmp_path, f"# comment\n{line}\n"))
    assert line in caught.value.message
    assert "--only some" in (caught.value.hint or "")


def test_a_lock_that_is_not_there_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read locks/none\.txt") as caught:
        debian.read(tmp_path / "none.txt")
    assert "build.py lock --only none" in (caught.value.hint or "")


def test_our_own_lock_holds_what_is_asked_for() -> None:
    spec = load_catalog(paths.TARGETS).llamacpp
    assert spec
    assert sorted(debian.read(paths.LOCKS / f"{spec.lock}.txt")) == spec.packages


@pytest.mark.parametrize(
    ("version", "upstream"),
    [
        ("1:0.7.0+dfsg-2", "0.7.0"),
        ("0.27.0-1", "0.27.0"),
        ("6.4.3-5", "6.4.3"),
        ("1.2-3-4", "1.2-3"),
        ("26.1", "26.1"),
    ],
)
def test_the_version_is_upstream_s_own(version: str, upstream: str) -> None:
    assert debian.upstream_version(version) == upstream


@pytest.fixture
def mirror(tmp_path: Path) -> AptConfiguration:
    """A mirror on disk that nobody signed, with one package."""
    packages = tmp_path / "dists/forky/main/binary-amd64"
    packages.mkdir(parents=True)
    stanza = "Package: some\nVersion: 1:2-3\nArchitecture: amd64\nFilename: some.deb\nSize: 1\nSHA256: 0\n"
    (packages / "Packages.gz").write_bytes(gzip.compress(stanza.encode(), mtime=0))
    source = AptSource(f"copy:{tmp_path}", "forky", ("main",), {"trusted": "yes"})
    return AptConfiguration((source,), "forky")


def test_a_mirror_tells_its_versions(mirror: AptConfiguration) -> None:
    assert debian.candidates(["some"], "forky", mirror) == {"some": "1:2-3"}


def test_a_package_that_the_suite_lacks_is_named(mirror: AptConfiguration) -> None:
    with pytest.raises(SourceError, match=r"forky has no package other$"):
        debian.candidates(["some", "other"], "forky", mirror)


def test_a_mirror_that_is_not_there(tmp_path: Path) -> None:
    source = AptSource(f"copy:{tmp_path / 'none'}", "forky", ("main",), {"trusted": "yes"})
    with pytest.raises(SourceError, match="the packages of forky cannot be asked for"):
        debian.candidates(["some"], "forky", AptConfiguration((source,), "forky"))


def test_without_apt_it_says_where_there_is_one(
    mirror: AptConfiguration, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="there is no apt-get here") as caught:
        debian.candidates(["some"], "forky", mirror)
    assert "Debian" in (caught.value.hint or "")
