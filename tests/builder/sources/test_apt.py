"""apt's lists in both forms, and which mirrors carry a suite."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import SourceError
from builder.sources import apt
from builder.sources.apt import AptConfiguration, AptSource, parse_deb822, parse_one_line

DEB822 = """\
# the system's own
Types: deb deb-src
URIs: http://mirror.example/debian
# an address in a comment: http://other.example
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example
Suites: bookworm
Components: main
"""

KEY_INSIDE = """\
Types: deb
URIs: https://mirror.example/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBGPL0BUBEADmW5NdOOHwPIJlgPu6JDcKw/NZJPR8lsD3K87ZM18gzyQZJD+w
 -----END PGP PUBLIC KEY BLOCK-----
"""


def configuration(text: str, codename: str, tmp_path: Path) -> AptConfiguration:
    return AptConfiguration(tuple(parse_one_line(text)), codename, tmp_path)


def test_deb822_gives_every_suite_of_every_address() -> None:
    sources = parse_deb822(DEB822)
    assert [(source.uri, source.suite) for source in sources] == [
        ("http://mirror.example/debian", "bookworm"),
        ("http://mirror.example/debian", "bookworm-updates"),
        ("http://mirror.example/debian-security", "bookworm-security"),
    ]
    assert sources[0].components == ("main", "contrib")
    assert sources[0].options == {"signed-by": "/usr/share/keyrings/debian-archive-keyring.gpg"}


def test_a_key_within_the_stanza_is_not_taken_for_a_path() -> None:
    (source,) = parse_deb822(KEY_INSIDE)
    assert source.line == "deb https://mirror.example/debian bookworm main"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("deb http://m.example/d bookworm main", "deb http://m.example/d bookworm main"),
        (
            "  deb\thttp://m.example/d  bookworm  main  contrib # why",
            "deb http://m.example/d bookworm main contrib",
        ),
        (
            "deb [arch=amd64 signed-by=/k.gpg] http://m.example/d trixie main",
            "deb [arch=amd64 signed-by=/k.gpg] http://m.example/d trixie main",
        ),
        ("deb [ Trusted=yes ] file:/srv/mirror ./", "deb [trusted=yes] file:/srv/mirror ./"),
    ],
)
def test_one_line_form(line: str, expected: str) -> None:
    (source,) = parse_one_line(line)
    assert source.line == expected


@pytest.mark.parametrize(
    "line", ["", "# deb http://m.example/d x main", "deb-src http://m.example/d x main", "deb"]
)
def test_lines_that_name_no_binary_packages(line: str) -> None:
    assert parse_one_line(line) == []


@given(st.text())
def test_no_list_breaks_the_parsers(text: str) -> None:
    parse_one_line(text)
    parse_deb822(text)


def test_all_lists_of_a_system_are_read_and_said_once(tmp_path: Path) -> None:
    folder = tmp_path / "etc/apt/sources.list.d"
    folder.mkdir(parents=True)
    (folder / "debian.sources").write_text(DEB822, encoding="utf-8")
    (folder / "again.list").write_text("deb http://mirror.example/x trixie main\n" * 2, encoding="utf-8")
    (folder / "off.list.disabled").write_text("deb http://off.example trixie main\n", encoding="utf-8")
    (tmp_path / "etc/os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n', encoding="utf-8")
    found = apt.read(tmp_path)
    assert found.codename == "bookworm"
    assert [source.uri for source in found.sources].count("http://mirror.example/x") == 1
    assert not any("off.example" in source.uri for source in found.sources)


def test_a_system_without_apt_has_no_sources(tmp_path: Path) -> None:
    found = apt.read(tmp_path)
    assert found.sources == ()
    with pytest.raises(SourceError, match=r"carries the suite bookworm \(configured: none\)"):
        found.for_suite("bookworm")


def test_the_suite_with_its_updates_and_security(tmp_path: Path) -> None:
    text = "".join(
        f"deb http://m.example/d {suite} main\n"
        for suite in ("bookworm", "bookworm-updates", "bookworm-backports", "bookworm-security", "forky")
    )
    found = configuration(text, "bookworm", tmp_path).for_suite("bookworm")
    assert [source.suite for source in found] == ["bookworm", "bookworm-updates", "bookworm-security"]


def test_a_debian_mirror_is_asked_for_other_suites_of_debian(tmp_path: Path) -> None:
    text = "deb http://m.example/d trixie main\ndeb http://s.example/d trixie-security main\n"
    found = configuration(text, "trixie", tmp_path).for_suite("bookworm")
    assert [source.line for source in found] == [
        "deb http://m.example/d bookworm main",
        "deb http://s.example/d bookworm-security main",
    ]


def test_a_system_that_names_its_suite_stable_is_asked_too(tmp_path: Path) -> None:
    found = configuration("deb http://m.example/d stable main\n", "trixie", tmp_path).for_suite("forky")
    assert [source.line for source in found] == ["deb http://m.example/d forky main"]


def test_sid_has_no_pockets(tmp_path: Path) -> None:
    text = "deb http://m.example/d trixie main\ndeb http://m.example/d trixie-updates main\n"
    assert len(configuration(text, "trixie", tmp_path).for_suite("sid")) == 1


def test_ubuntu_s_mirror_is_not_asked_for_debian(tmp_path: Path) -> None:
    ubuntu = configuration("deb http://u.example/ubuntu noble main\n", "noble", tmp_path)
    with pytest.raises(SourceError, match=r"carries the suite bookworm \(configured: noble\)"):
        ubuntu.for_suite("bookworm")


def test_ubuntu_with_a_debian_mirror_configured_uses_it(tmp_path: Path) -> None:
    text = "deb http://u.example/ubuntu noble main\ndeb http://m.example/d bookworm main\n"
    found = configuration(text, "noble", tmp_path).for_suite("bookworm")
    assert [source.uri for source in found] == ["http://m.example/d"]


@pytest.mark.parametrize("ending", ["gpg", "pgp"])
def test_a_build_gets_no_path_of_this_machine(ending: str, tmp_path: Path) -> None:
    """Not even of the distribution's key, whose file is named differently from release to release."""
    text = (
        f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.{ending} arch=amd64] "
        "http://m.example/d bookworm main\n"
        "deb [signed-by=/home/me/company.gpg trusted=yes] http://c.example/d bookworm main\n"
    )
    lines = [source.line for source in configuration(text, "bookworm", tmp_path).for_builds("bookworm")]
    assert lines == [
        "deb [arch=amd64] http://m.example/d bookworm main",
        "deb [trusted=yes] http://c.example/d bookworm main",
    ]


def test_a_mirror_on_disk_is_no_use_to_a_build(tmp_path: Path) -> None:
    on_disk = configuration("deb [trusted=yes] file:/srv/mirror bookworm main\n", "bookworm", tmp_path)
    assert on_disk.for_suite("bookworm")
    with pytest.raises(SourceError, match="a folder of this machine") as caught:
        on_disk.for_builds("bookworm")
    assert caught.value.hint


def test_the_mirror_that_a_base_brought_serves_where_the_machine_has_none(tmp_path: Path) -> None:
    ubuntu = configuration("deb http://u.example/ubuntu noble main\n", "noble", tmp_path / "origins")
    ubuntu.remember("bookworm", [AptSource("http://m.example/d", "bookworm", ("main",))])
    assert [source.uri for source in ubuntu.for_builds("bookworm")] == ["http://m.example/d"]
    with pytest.raises(SourceError):
        ubuntu.for_suite("bookworm")


def test_the_machine_s_own_mirror_goes_first(tmp_path: Path) -> None:
    debian = configuration("deb http://own.example/d bookworm main\n", "bookworm", tmp_path)
    debian.remember("bookworm", [AptSource("http://m.example/d", "bookworm", ("main",))])
    assert [source.uri for source in debian.for_builds("bookworm")] == ["http://own.example/d"]


CLOUD = """\
Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: bookworm bookworm-updates
Components: main
"""


def cloud(tmp_path: Path, mirrors: str | None) -> AptConfiguration:
    """A system as a cloud's image of Debian has it."""
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "etc/apt/sources.list.d/debian.sources").write_text(CLOUD, encoding="utf-8")
    if mirrors is not None:
        (tmp_path / "etc/apt/mirrors").mkdir()
        (tmp_path / "etc/apt/mirrors/debian.list").write_text(mirrors, encoding="utf-8")
    return apt.read(tmp_path)


@pytest.mark.parametrize(
    "mirrors",
    [
        "https://m.example/debian\n",
        "# the provider's own\n\nhttps://m.example/debian\tpriority:1\nhttps://far.example/debian\n",
        "https://far.example/debian priority:2 type:index\nhttps://m.example/debian priority:1\n",
    ],
)
def test_a_list_of_mirrors_on_disk_gives_its_best_address(mirrors: str, tmp_path: Path) -> None:
    found = cloud(tmp_path, mirrors)
    lines = [source.line for source in found.for_builds("bookworm")]
    assert lines == [
        "deb https://m.example/debian bookworm main",
        "deb https://m.example/debian bookworm-updates main",
    ]
    assert [source.line for source in found.for_suite("bookworm")] == lines


@pytest.mark.parametrize("mirrors", [None, "# nothing\n"])
def test_a_list_of_mirrors_that_names_none_is_no_use_to_a_build(mirrors: str | None, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="a folder of this machine"):
        cloud(tmp_path, mirrors).for_builds("bookworm")


def test_a_suite_that_nothing_carries_says_how_to_pin_the_base(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        configuration("deb http://u.example/ubuntu noble main\n", "noble", tmp_path).for_suite("bookworm")
    assert caught.value.hint is not None
    assert "`build.py lock --only bases`" in caught.value.hint


def test_a_build_gets_the_login_that_apt_keeps_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "etc/apt"
    (folder / "auth.conf.d").mkdir(parents=True)
    (folder / "sources.list").write_text(
        "deb https://m.example/private bookworm main\ndeb https://m.example/open bookworm main\n"
        "deb https://own:login@m.example/private bookworm-updates main\n",
        encoding="utf-8",
    )
    (folder / "auth.conf.d/company.conf").write_text(
        "# who we are\nmachine m.example/private\n  login me\n  password p@ss/w\n", encoding="utf-8"
    )
    found = apt.read(tmp_path)
    assert [source.uri for source in found.for_builds("bookworm")] == [
        "https://me:p%2540ss%252Fw@m.example/private",
        "https://m.example/open",
        "https://own:login@m.example/private",
    ]
    assert "p@ss" not in "".join(source.uri for source in found.for_suite("bookworm"))
