"""Which engine is meant: docker's contexts, as docker's own command writes and follows them."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from builder.console import Console
from builder.engine import Engine, buildx, connect, context
from builder.errors import BuildError, EngineError

pytestmark = pytest.mark.usefixtures("sockets_of_the_sdk")

SOCKET = "unix:///var/run/docker.sock"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """docker's configuration, empty."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


def use(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content, encoding="utf-8")


def create(folder: Path, name: str, meta: object) -> None:
    place = folder / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    place.mkdir(parents=True)
    (place / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def far(host: str) -> dict[str, object]:
    return {"Name": "far", "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"currentContext": ""}', "nonsense"])
def test_without_a_choice_it_is_the_default(content: str | None, folder: Path) -> None:
    if content is not None:
        use(folder, content)
    assert context.name() == "default"
    assert context.endpoint() is None
    assert not context.is_chosen()


def test_the_environment_goes_before_the_configuration_and_a_host_before_a_context(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(folder, '{"currentContext": "far"}')
    assert context.name() == "far"
    monkeypatch.setenv("DOCKER_CONTEXT", "near")
    assert context.name() == "near"
    assert context.is_chosen()
    monkeypatch.setenv("DOCKER_HOST", SOCKET)
    assert context.name() == "default"
    assert context.is_chosen()


@pytest.mark.parametrize("meta", [None, "{", {}, {"Endpoints": {}}, {"Endpoints": {"docker": {}}}, far("")])
def test_a_context_that_does_not_exist_is_one_line_with_its_name(meta: object, folder: Path) -> None:
    use(folder, '{"currentContext": "gone"}')
    if meta is not None:
        create(folder, "gone", meta)
    with pytest.raises(EngineError, match="current context 'gone' does not exist") as caught:
        connect()
    assert caught.value.hint is not None
    assert "docker context use" in caught.value.hint


@pytest.mark.parametrize("host", ["unix://{folder}/none.sock", "tcp://127.0.0.1:9", "nonsense://x"])
def test_a_context_whose_engine_is_silent_is_told_with_its_own_address(host: str, folder: Path) -> None:
    use(folder, '{"currentContext": "far"}')
    host = host.format(folder=folder)
    create(folder, "far", far(host))
    with pytest.raises(EngineError, match=r"no container engine answers at .*context 'far'") as caught:
        connect()
    assert host in caught.value.message
    assert "/var/run/docker.sock" not in caught.value.message
    assert "dockerd" not in str(caught.value.hint)


def test_certificates_of_a_context_are_found(folder: Path) -> None:
    create(folder, "far", far("tcp://engine.example:2376"))
    use(folder, '{"currentContext": "far"}')
    place = folder / "contexts/tls" / hashlib.sha256(b"far").hexdigest() / "docker"
    place.mkdir(parents=True)
    found = context.endpoint()
    assert found == context.Endpoint("tcp://engine.example:2376", place, verify=True)
    assert context.remote_host() == "engine.example"


@pytest.mark.engine
def test_a_context_leads_client_and_builder_to_the_same_engine(
    folder: Path, engine: Engine, console: Console, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The context of that name leads here; the default one, by DOCKER_HOST alone, would lead nowhere."""
    describe = f"host={SOCKET}"
    subprocess.run(["docker", "context", "create", "near", "--docker", describe], check=True)
    subprocess.run(["docker", "context", "use", "near"], check=True)
    made = folder / "room"
    made.mkdir()
    (made / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n", encoding="utf-8")
    found = connect()
    try:
        assert found.sdk.info()["ID"] == engine.sdk.info()["ID"]
    finally:
        found.sdk.close()
    built = buildx.build(made, tag, console=console)
    facts = engine.image(tag)
    assert facts is not None
    assert facts.id == built.image_id
    monkeypatch.setenv("DOCKER_HOST", f"unix://{os.fspath(folder)}/none.sock")
    with pytest.raises(EngineError):
        connect()


@pytest.mark.engine
def test_the_builder_is_that_of_the_context(folder: Path, console: Console, tag: str) -> None:
    """A context that leads nowhere: the build goes there too, and not to the engine that does answer."""
    subprocess.run(
        ["docker", "context", "create", "far", "--docker", f"host=unix://{folder}/none.sock"], check=True
    )
    subprocess.run(["docker", "context", "use", "far"], check=True)
    made = folder / "room"
    made.mkdir()
    (made / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n", encoding="utf-8")
    with pytest.raises(BuildError, match=r"none\.sock|far"):
        buildx.build(made, tag, console=console)
