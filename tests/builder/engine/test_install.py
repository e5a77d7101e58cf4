"""Getting an engine: what is asked, what is written, and what is left when it cannot be done."""

import io
import os
import sys
from pathlib import Path

import pytest

from builder.console import Console
from builder.engine import daemon, install
from builder.engine.packages import ENGINE_PIN, ENGINE_SOURCE
from builder.errors import EngineError, SourceError
from tests.builder.engine.recordings import apt
from tests.fakes.apt import FakeApt

ENGINE = ["docker.io", "docker-cli", "docker-buildx", "docker-compose"]
FORKY = apt("simulation-bookworm-forky.txt")
TRIXIE = apt("simulation-bookworm-trixie.txt")
LIBC = apt("simulation-replaces-libc.txt")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def bookworm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a bookworm on which nothing is installed, seen by root, without an engine."""
    root = tmp_path / "root"
    for folder in ("etc/apt/sources.list.d", "etc/apt/preferences.d"):
        (root / folder).mkdir(parents=True)
    (root / "etc/os-release").write_text(apt("os-release-bookworm"), encoding="utf-8")
    (root / "etc/apt/sources.list").write_text("deb http://m.example/d bookworm main\n", encoding="utf-8")
    monkeypatch.setattr(install, "_ROOT", root)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(daemon, "installed", lambda: False)
    monkeypatch.setattr(install, "connect", no_engine)
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    return root


def no_engine() -> None:
    raise EngineError("no container engine is installed", hint="install docker.io and docker-buildx")


def fake_apt(
    root: Path, monkeypatch: pytest.MonkeyPatch, simulations: dict[str, str], status: int = 0
) -> FakeApt:
    watched = [root / ENGINE_SOURCE, root / ENGINE_PIN]
    fake = FakeApt(root.parent / "apt", apt("policy-bookworm.txt"), simulations, watched, status)
    monkeypatch.setenv("PATH", f"{fake.bin}:{os.environ['PATH']}")
    return fake


def test_forky_is_taken_where_it_only_adds(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console, screen: io.StringIO
) -> None:
    fake = fake_apt(bookworm, monkeypatch, {"forky": FORKY, "trixie": TRIXIE})
    install._install_engine("debian", console)
    assert fake.installed == [*(f"{name}/forky" for name in ENGINE), "mmdebstrap"]
    assert "Suites: forky" in (bookworm / ENGINE_SOURCE).read_text(encoding="utf-8")
    assert "Pin-Priority: 50" in (bookworm / ENGINE_PIN).read_text(encoding="utf-8")
    assert "from the suite forky" in screen.getvalue()
    assert not any("-t" in arguments for _, arguments, _ in fake.calls)


def test_trixie_is_taken_where_forky_would_replace_the_c_library(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = fake_apt(bookworm, monkeypatch, {"forky": LIBC, "trixie": TRIXIE})
    install._install_engine("debian", console)
    assert fake.installed == [*(f"{name}/trixie" for name in ENGINE), "mmdebstrap"]
    assert "Suites: trixie" in (bookworm / ENGINE_SOURCE).read_text(encoding="utf-8")


def test_trixie_is_taken_where_the_mirror_has_no_forky(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = fake_apt(bookworm, monkeypatch, {"trixie": TRIXIE})
    install._install_engine("debian", console)
    assert fake.installed[0] == "docker.io/trixie"


def test_nothing_is_left_where_no_way_can_be_gone(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = fake_apt(bookworm, monkeypatch, {"forky": LIBC})
    with pytest.raises(EngineError, match="no container engine could be installed") as caught:
        install._install_engine("debian", console)
    assert fake.installed == []
    assert not (bookworm / ENGINE_SOURCE).exists()
    assert not (bookworm / ENGINE_PIN).exists()
    assert any("replace libc6" in line for line in caught.value.evidence)
    assert any("trixie" in line and "does not answer" in line for line in caught.value.evidence)


def test_what_an_earlier_installation_wrote_comes_back(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    (bookworm / ENGINE_SOURCE).write_text("Types: deb\n", encoding="utf-8")
    fake_apt(bookworm, monkeypatch, {})
    with pytest.raises(EngineError):
        install._install_engine("debian", console)
    assert (bookworm / ENGINE_SOURCE).read_text(encoding="utf-8") == "Types: deb\n"


def test_an_installation_that_fails_leaves_no_source_behind(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake_apt(bookworm, monkeypatch, {"forky": FORKY}, status=100)
    with pytest.raises(SourceError, match="apt-get install failed"):
        install._install_engine("debian", console)
    assert not (bookworm / ENGINE_SOURCE).exists()


def test_off_a_terminal_nobody_is_asked_and_nothing_is_done(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = fake_apt(bookworm, monkeypatch, {"forky": FORKY})
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(EngineError, match="no container engine is installed") as caught:
        install.ensure_engine(console)
    assert caught.value.hint is not None
    assert "--yes" in caught.value.hint
    assert fake.calls == []


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yesterday\n"])
def test_on_a_terminal_anything_but_yes_is_no(
    answer: str, bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = fake_apt(bookworm, monkeypatch, {"forky": FORKY})
    question = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", question)
    with pytest.raises(EngineError, match="no container engine is installed"):
        install.ensure_engine(console)
    assert question.getvalue().endswith("[y/N] ")
    assert fake.calls == []


def test_a_user_who_is_not_root_is_told_what_to_install(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = fake_apt(bookworm, monkeypatch, {"forky": FORKY})
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EngineError) as caught:
        install.ensure_engine(console, assume_yes=True)
    assert caught.value.hint == "install docker.io and docker-buildx"
    assert fake.calls == []


def test_a_remote_engine_that_is_silent_is_not_replaced_by_a_local_one(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = fake_apt(bookworm, monkeypatch, {"forky": FORKY})
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.example:2375")
    with pytest.raises(EngineError):
        install.ensure_engine(console, assume_yes=True)
    assert fake.calls == []
    assert not (bookworm / ENGINE_SOURCE).exists()


def test_a_context_s_engine_that_is_silent_is_not_replaced_by_a_local_one(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = fake_apt(bookworm, monkeypatch, {"forky": FORKY})
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    with pytest.raises(EngineError):
        install.ensure_engine(console, assume_yes=True)
    assert fake.calls == []


def test_other_systems_get_no_apt(bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    fake = fake_apt(bookworm, monkeypatch, {"forky": FORKY})
    (bookworm / "etc/os-release").write_text("ID=fedora\n", encoding="utf-8")
    with pytest.raises(EngineError):
        install.ensure_engine(console, assume_yes=True)
    assert fake.calls == []


def test_the_bootstrapper_is_installed_when_it_is_missing(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = fake_apt(bookworm, monkeypatch, {})
    monkeypatch.setenv("PATH", os.fspath(fake.bin))
    install.ensure_bootstrapper(console, assume_yes=True)
    assert fake.installed == ["mmdebstrap"]


def test_the_bootstrapper_cannot_be_installed_by_a_mere_user(
    bookworm: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", os.fspath(bookworm))
    with pytest.raises(SourceError, match="mmdebstrap is not installed") as caught:
        install.ensure_bootstrapper(console, assume_yes=True)
    assert caught.value.hint == "install it: `apt-get install mmdebstrap`"
