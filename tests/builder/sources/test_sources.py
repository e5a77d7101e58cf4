"""What a build is handed: secrets that hold what it needs, and nothing that it must not see."""

import configparser
import socket
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from builder.errors import SourceError
from builder.sources import CERTIFICATE_IN_BUILDS, Sources, certificates, private_folder
from builder.sources.apt import AptConfiguration, parse_one_line
from builder.sources.pip import PipConfiguration
from builder.sources.urls import credential, local_path, redact, without_credential
from tests.fakes.index import Certificate, FakeIndex, closed_port

SECRET_URL = "https://me:hunter2@index.example/simple"


def sources(certificate: Path | None = None, **pip: object) -> Sources:
    apt = AptConfiguration(tuple(parse_one_line("deb http://m.example/d bookworm main")), "bookworm")
    return Sources(PipConfiguration(**pip), apt, certificate)  # type: ignore[arg-type]


def pip_conf(path: Path) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser()
    parser.read(path)
    return parser["global"]


def test_secrets_are_private_files_and_go_with_their_folder(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    with private_folder() as folder:
        files = sources(bundle).secrets(folder, suite="bookworm")
        assert set(files) == {"pip", "pip-alone", "apt", "ca"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert files["apt"].read_text(encoding="utf-8") == "deb http://m.example/d bookworm main\n"
        assert files["ca"].read_bytes() == bundle.read_bytes()
    assert not folder.exists()


def test_secrets_go_even_when_the_build_fails() -> None:
    folders: list[Path] = []

    def build() -> None:
        with private_folder() as folder:
            sources().secrets(folder)
            folders.append(folder)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        build()
    assert not folders[0].exists()


def test_the_build_s_pip_asks_what_this_machine_s_pip_asks(tmp_path: Path) -> None:
    configured = sources(
        index=SECRET_URL,
        extra_indexes=("https://a.example/simple", "https://b.example/simple"),
        folders=("file:///srv/simple",),
        find_links=("/srv/wheels", "https://links.example/"),
        trusted_hosts=("a.example",),
        proxy="http://proxy.example:3128",
        timeout="42",
    )
    settings = pip_conf(configured.secrets(tmp_path)["pip"])
    assert settings["index-url"] == SECRET_URL
    assert settings["extra-index-url"].split() == ["https://a.example/simple", "https://b.example/simple"]
    assert settings["find-links"] == "https://links.example/"
    assert settings["trusted-host"] == "a.example"
    assert settings["proxy"] == "http://proxy.example:3128"
    assert settings["timeout"] == "42"
    assert "/srv" not in (tmp_path / "pip").read_text(encoding="utf-8")


def test_pip_s_default_index_is_not_written_down(tmp_path: Path) -> None:
    assert "index-url" not in pip_conf(sources().secrets(tmp_path)["pip"])


def test_the_certificate_is_named_by_its_place_inside(tmp_path: Path) -> None:
    bundle = tmp_path / "company.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    settings = pip_conf(sources(bundle).secrets(tmp_path)["pip"])
    assert settings["cert"] == CERTIFICATE_IN_BUILDS
    assert str(tmp_path) not in (tmp_path / "pip").read_text(encoding="utf-8")


def test_an_upstream_index_is_asked_besides(tmp_path: Path) -> None:
    secrets = sources().secrets(tmp_path, upstream_indexes=["https://torch.example/cpu"])
    assert pip_conf(secrets["pip"])["extra-index-url"] == "https://torch.example/cpu"


@pytest.mark.parametrize(("no_index", "offline"), [(True, False), (False, True)])
def test_offline_no_index_is_asked(no_index: bool, offline: bool, tmp_path: Path) -> None:
    found = sources(no_index=no_index, extra_indexes=("https://a.example/simple",))
    settings = pip_conf(found.secrets(tmp_path, offline=offline)["pip"])
    assert settings["no-index"] == "1"
    assert "extra-index-url" not in settings


def test_a_suite_that_no_mirror_has_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="carries the suite noble"):
        sources().secrets(tmp_path, suite="noble")


def test_this_machine_s_own_configuration_can_be_read() -> None:
    found = Sources.load()
    assert found.index_urls or found.pip.no_index
    assert all(place.exists() for place in found.folders)


def test_an_index_that_answers_is_kept(tmp_path: Path) -> None:
    with FakeIndex(tmp_path) as main, FakeIndex(tmp_path, status=404) as extra:
        found = sources(index=main.url, extra_indexes=(extra.url,))
        assert found.answering() == found
        assert main.requests == ["/simple/pip/"]


def test_a_main_index_that_is_not_there_is_an_error_at_once() -> None:
    with closed_port() as url, pytest.raises(SourceError, match="connection refused") as caught:
        sources(index=url).answering()
    assert url in caught.value.message
    assert caught.value.hint


def test_an_index_that_never_answers_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builder.sources.probe._SECONDS", 0.2)
    with FakeIndex(tmp_path, silent=True) as index, pytest.raises(SourceError, match="no answer within"):
        sources(index=index.url).answering()


def test_a_silent_extra_index_is_left_out(tmp_path: Path) -> None:
    with FakeIndex(tmp_path) as main, closed_port() as gone:
        found = sources(index=main.url, extra_indexes=(gone,)).answering()
    assert found.pip.extra_indexes == ()
    assert found.pip.index == main.url


def test_an_upstream_index_that_is_needed_must_answer(tmp_path: Path) -> None:
    with FakeIndex(tmp_path) as main, closed_port() as gone, pytest.raises(SourceError, match=gone):
        sources(index=main.url).answering([gone])


def test_a_password_is_sent_and_never_shown(tmp_path: Path) -> None:
    with FakeIndex(tmp_path, password="hunter2") as index:
        sources(index=index.url_with("me", "hunter2")).answering()
        with pytest.raises(SourceError, match="asks for a user name and password") as caught:
            sources(index=index.url_with("me", "hunter3")).answering()
    assert "hunter3" not in str(caught.value)


@pytest.mark.parametrize(("status", "words"), [(403, "refuses"), (500, "status 500"), (503, "status 503")])
def test_an_index_in_trouble_says_so(status: int, words: str, tmp_path: Path) -> None:
    with FakeIndex(tmp_path, status=status) as index, pytest.raises(SourceError, match=words):
        sources(index=index.url).answering()


def test_a_certificate_is_checked_against_the_bundle(tmp_path: Path) -> None:
    certificate = Certificate.make(tmp_path)
    with FakeIndex(tmp_path, certificate=certificate) as index:
        sources(certificate.certificate, index=index.url).answering()
        sources(index=index.url, trusted_hosts=(f"127.0.0.1:{index.port}",)).answering()
        with pytest.raises(SourceError, match="certificate is not trusted"):
            sources(index=index.url).answering()


def test_an_address_of_another_kind_is_told() -> None:
    with pytest.raises(SourceError, match="neither HTTP nor HTTPS"):
        sources(index="ftp://index.example/simple").answering()


@pytest.mark.parametrize(
    "address",
    [
        "http://[::1/simple",
        "http://127.0.0.1:99999/simple",
        "http://me:hun/ter2@127.0.0.1/simple",
        "http://ind ex.example/simple",
        "http://index.example/sim ple",
    ],
)
def test_an_address_that_is_none_is_one_line_without_its_password(address: str) -> None:
    with pytest.raises(SourceError, match="cannot be used") as caught:
        sources(index=address).answering()
    assert "hun" not in caught.value.message
    assert "ter2" not in caught.value.message


def test_a_server_of_another_kind_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 mail.example ESMTP\r\n")

        greeting = threading.Thread(target=greet)
        greeting.start()
        with pytest.raises(SourceError, match="does not speak HTTP"):
            sources(index=f"http://127.0.0.1:{server.getsockname()[1]}/simple").answering()
        greeting.join()


@pytest.fixture
def _no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def behind_proxy(**pip: object) -> Sources:
    found = sources(**pip)  # type: ignore[arg-type]
    settings = {"http_proxy": "http://me:hunter2@proxy.example:3142", "no_proxy": "near.example"}
    return replace(found, apt=replace(found.apt, proxies=settings))


@pytest.mark.usefixtures("_no_proxy_of_the_environment")
def test_a_build_takes_apt_s_proxy_and_pip_goes_its_own_way(tmp_path: Path) -> None:
    secrets = behind_proxy(index=SECRET_URL).secrets(tmp_path, suite="bookworm")
    assert secrets["proxies"].read_text(encoding="utf-8").splitlines() == [
        "http_proxy=http://me:hunter2@proxy.example:3142",
        "no_proxy=near.example,index.example",
    ]
    assert stat.S_IMODE(secrets["proxies"].stat().st_mode) == 0o600


@pytest.mark.usefixtures("_no_proxy_of_the_environment")
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_a_proxy_of_the_environment_goes_first(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "http://other.example:1")
    assert "proxies" not in behind_proxy(index=SECRET_URL).secrets(tmp_path, suite="bookworm")


def test_pip_s_certificate_goes_before_the_environment_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pip", "env"):
        (tmp_path / name).write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    for variable in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "env"))
    assert certificates.find(str(tmp_path / "pip")) == tmp_path / "pip"
    assert certificates.find(None) == tmp_path / "env"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("not a bundle", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n", "private key"),
        ("-----BEGIN CERTIFICATE-----\n" + "x" * 600_000, "at most"),
    ],
)
def test_a_bundle_that_cannot_be_handed_over(text: str | None, words: str, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    if text is not None:
        bundle.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=words) as caught:
        certificates.find(str(bundle))
    assert str(bundle) in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go to https://me:hunter2@h.example/x now", "go to https://****@h.example/x now"),
        ("'https://token@h.example' and http://a:b@c", "'https://****@h.example' and http://****@c"),
        ("https://me:p@ss@h.example/x", "https://****@h.example/x"),
        ("http://me:hun/ter2@h.example/x", "http://****@h.example/x"),
        ("http://me:hun'ter2@h.example/x", "http://****@h.example/x"),
        ("https://h.example/a/b", "https://h.example/a/b"),
        ("mail me@h.example", "mail me@h.example"),
    ],
)
def test_what_is_masked(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_parts_of_an_address() -> None:
    assert credential("https://me:p%40ss@h.example/x") == ("me", "p@ss")
    assert credential("https://h.example/x") is None
    assert without_credential("https://me:p%40ss@h.example:8080/x") == "https://h.example:8080/x"
    assert local_path("file:///a%20b") == Path("/a b")
    assert local_path("file://host/a") is None
    assert local_path("https://h.example/a") is None
    assert local_path("http://[::1/a") is None
    assert local_path("~nobody-of-that-name/a") == Path("~nobody-of-that-name/a")


def test_where_a_build_names_its_one_index_no_other_is_there(tmp_path: Path) -> None:
    known = sources(
        index=SECRET_URL,
        extra_indexes=("https://extra.example/simple",),
        find_links=("https://l.example/",),
        proxy="http://proxy.example:3128",
    )
    alone = pip_conf(known.secrets(tmp_path, upstream_indexes=["https://torch.example/cpu"])["pip-alone"])
    assert {"index-url", "extra-index-url", "find-links"}.isdisjoint(alone)
    assert alone["proxy"] == "http://proxy.example:3128"
