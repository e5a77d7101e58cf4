"""pip's configuration, as real pip tells it and as it was seen to tell it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import SourceError
from builder.sources import pip
from builder.sources.pip import PipConfiguration, parse


def test_nothing_configured_is_pip_s_own_default() -> None:
    assert parse("") == PipConfiguration()


def test_the_environment_wins_over_files_and_install_over_global() -> None:
    listing = (
        ":env:.index-url='https://env.example/simple'\n"
        "global.index-url='https://global.example/simple'\n"
        "install.find-links='/install'\n"
        "global.find-links='/global'\n"
        "download.find-links='/download'\n"
    )
    found = parse(listing)
    assert found.index == "https://env.example/simple"
    assert found.find_links == ("/install",)


@pytest.mark.parametrize("separator", [" ", r"\n", r"\n    "])
def test_lists_may_stand_on_one_line_or_on_several(separator: str) -> None:
    found = parse(f"global.extra-index-url='https://a.example/simple{separator}file:///srv/simple'\n")
    assert found.extra_indexes == ("https://a.example/simple",)
    assert found.folders == ("file:///srv/simple",)


def test_underscores_and_quotes_of_either_kind_are_understood() -> None:
    found = parse("global.extra_index_url=\"https://it's.example/simple\"\n:env:.no_index='1'\n")
    assert found.extra_indexes == ("https://it's.example/simple",)
    assert found.no_index


def test_an_index_on_disk_means_that_no_index_is_asked() -> None:
    found = parse("global.index-url='file:///srv/simple'\n")
    assert found.no_index
    assert found.index is None
    assert found.folders == ("file:///srv/simple",)


def test_links_to_other_machines_are_what_a_build_can_reach() -> None:
    found = parse("global.find-links='/opt/w file:///opt/x ./here https://links.example/w.html'\n")
    assert found.remote_links == ("https://links.example/w.html",)


@given(st.text())
def test_no_listing_breaks_the_parser(listing: str) -> None:
    parse(listing)


def test_an_address_that_is_none_is_left_to_whoever_asks_it() -> None:
    assert parse("global.index-url='http://[::1/s'\n").index == "http://[::1/s"


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("https://index.example/simple", "https://me:p%40ss@index.example/simple"),
        ("https://index.example:8443/simple", "https://me:p%40ss@index.example:8443/simple"),
        ("https://own:login@index.example/simple", "https://own:login@index.example/simple"),
        ("https://other.example/simple", "https://other.example/simple"),
        ("http://[::1/s", "http://[::1/s"),
    ],
)
def test_logins_come_from_the_user_s_netrc(
    index: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine index.example login me password p@ss\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("PIP_INDEX_URL", index)
    assert pip.read().index == expected


@pytest.mark.parametrize("text", ["machine", "nonsense here\n", None])
def test_a_netrc_that_cannot_be_read_opens_nothing(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        (tmp_path / "netrc").write_text(text, encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    assert pip.read().index == "https://index.example/simple"


def test_real_pip_tells_what_a_file_and_the_environment_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://me:p%40ss@index.example/simple\n"
        "extra-index-url =\n    https://a.example/simple\n    https://b.example/simple\n"
        "[install]\ntrusted-host = a.example b.example\n",
        encoding="utf-8",
    )
    for name in ("PIP_FIND_LINKS", "PIP_CERT", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_TIMEOUT", "42")
    found = pip.read()
    assert found.index == "https://me:p%40ss@index.example/simple"
    assert found.extra_indexes == ("https://a.example/simple", "https://b.example/simple")
    assert found.trusted_hosts == ("a.example", "b.example")
    assert found.timeout == "42"


def test_a_broken_configuration_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("index-url without a section\n", encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    with pytest.raises(SourceError, match="pip cannot tell its configuration") as caught:
        pip.read()
    assert "\n" not in caught.value.message
    assert str(file) in caught.value.message


def test_a_python_without_pip_does_not_hide_what_another_one_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "python3"
    bare.write_text("#!/bin/sh\necho 'python3: No module named pip' >&2\nexit 1\n", encoding="ascii")
    bare.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    (tmp_path / "pip.conf").write_text("index-url without a section\n", encoding="utf-8")
    with pytest.raises(SourceError, match="no section headers"):
        pip.read()


def test_pip_names_its_default_index_itself() -> None:
    found = pip.default_index()
    assert found is not None
    assert found.startswith("https://")
