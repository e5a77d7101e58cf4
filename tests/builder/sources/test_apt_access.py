"""apt's proxies and logins: as real apt tells them, and what becomes of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.sources.apt_access import (
    Login,
    authorised,
    for_mirrors,
    logins,
    parse_logins,
    parse_proxies,
    proxies,
)

PROXY = "http://me:hunter2@proxy.example:3128"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ('Acquire::http::Proxy "P";', {"http_proxy": "P", "https_proxy": "P"}),
        ('Acquire::https::Proxy "P";', {"https_proxy": "P"}),
        (
            'Acquire::http::Proxy "P";\nAcquire::HTTPS::proxy "DIRECT";',
            {"http_proxy": "P", "https_proxy": ""},
        ),
        ('Acquire::http::Proxy "false";', {"http_proxy": "", "https_proxy": ""}),
        (
            'Acquire { http { Proxy "P"; Proxy { near.example "DIRECT"; other.example "Q"; } } }',
            {"http_proxy": "P", "https_proxy": "P", "no_proxy": "near.example"},
        ),
        ('Acquire::http::Proxy::near.example "DIRECT";', {}),
    ],
)
def test_real_apt_tells_its_proxies(
    text: str, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that APT_CONFIG names is read before the system's own, and those set none here."""
    (tmp_path / "apt.conf").write_text(text, encoding="utf-8")
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    assert proxies() == expected


def test_a_system_without_apt_has_no_proxies_of_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert proxies() == {}


def test_a_build_gets_the_proxies_that_its_mirrors_need() -> None:
    known = {"http_proxy": PROXY, "https_proxy": PROXY, "no_proxy": "near.example"}
    assert for_mirrors(known, ["http://m.example/d"]) == {"http_proxy": PROXY, "no_proxy": "near.example"}
    assert for_mirrors(known, []) == {}
    assert for_mirrors({"http_proxy": "", "https_proxy": PROXY}, ["http://m.example/d"]) == {}


@given(st.text())
def test_no_text_breaks_the_parsers(text: str) -> None:
    parse_proxies(text)
    list(parse_logins(text))
    list(parse_logins(f"machine {text} login {text} password {text}"))


@pytest.mark.parametrize(
    ("machine", "uri", "opens"),
    [
        ("m.example", "https://m.example/debian", True),
        ("m.example", "http://m.example/debian", False),
        ("http://m.example", "http://m.example/debian", True),
        ("m.example/debian", "https://m.example/debian", True),
        ("m.example/debian", "https://m.example/debian-security", False),
        ("m.example/", "https://m.example", True),
        ("m.example", "https://m.example.org/debian", False),
        ("m.example:8443", "https://m.example:8443/debian", True),
    ],
)
def test_which_mirror_a_login_opens(machine: str, uri: str, opens: bool) -> None:
    assert Login(machine, "me", "x").opens(uri) is opens


def test_the_first_login_that_fits_is_taken_and_a_broken_address_none() -> None:
    known = [Login("n.example", "n", "n"), Login("m.example", "one", "1"), Login("m.example", "two", "2")]
    assert authorised("https://m.example/d", known) == "https://one:1@m.example/d"
    assert authorised("https://[::1/d", known) == "https://[::1/d"


def test_logins_that_are_not_for_our_eyes_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "auth.conf").mkdir()
    assert list(logins(tmp_path)) == []
    assert list(logins(tmp_path / "none")) == []
