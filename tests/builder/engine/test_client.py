"""The seam to the engine: what it tells of images, and what it says where nothing answers."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.engine import Engine, ImageFacts, client, connect
from builder.engine.layers import measure
from builder.errors import EngineError, UsageError
from tests.fakes.index import closed_port
from tests.fakes.registry import registry

pytestmark = pytest.mark.usefixtures("sockets_of_the_sdk")


def test_no_engine_at_an_address_is_one_line_with_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none.sock'}")
    with pytest.raises(EngineError, match=r"no container engine answers at DOCKER_HOST=unix://") as caught:
        connect()
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_socket_that_nobody_listens_on_is_an_engine_that_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with pytest.raises(EngineError, match="no container engine answers"):
        connect()


def test_an_address_that_makes_no_sense_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "nonsense://x")
    with pytest.raises(EngineError, match="nonsense://x"):
        connect()


def caused_by(cause: Exception) -> Exception:
    error = RuntimeError("while connecting")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("wrap", [RuntimeError, caused_by])
def test_a_socket_without_permission_says_who_may(
    wrap: Callable[[Exception], Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    found = client._unreachable(wrap(PermissionError(13, "Permission denied")), None)
    assert "no permission to use the container engine's socket" in found.message
    assert found.hint is not None
    assert "group `docker`" in found.hint


@pytest.mark.parametrize(("installed", "words"), [(False, "is installed"), (True, "not running")])
def test_an_engine_that_is_missing_is_told_from_one_that_is_stopped(
    installed: bool, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(client, "_SOCKET", tmp_path / "docker.sock")
    monkeypatch.setenv("PATH", str(tmp_path))
    if installed:
        (tmp_path / "dockerd").touch(mode=0o755)
    found = client._unreachable(FileNotFoundError(2, "No such file or directory"), None)
    assert words in found.message
    assert found.hint


@pytest.mark.parametrize(
    ("found", "words"),
    [(None, "has no `docker buildx`"), ("0.12.1", "0.12.1 is too old; 0.13 or newer"), ("", "too old")],
)
def test_an_engine_without_buildkit_says_what_to_install(found: str | None, words: str) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        client._require_plugin("docker buildx", found, client.MINIMUM_BUILDX, "docker-buildx")
    assert caught.value.hint is not None
    assert "docker-buildx" in caught.value.hint


@pytest.mark.parametrize("found", ["0.13.0", "0.29.1+ds1", "v0.13.1", "1.0"])
def test_new_enough_is_enough(found: str) -> None:
    client._require_plugin("docker buildx", found, client.MINIMUM_BUILDX, "docker-buildx")


@pytest.mark.parametrize("found", ["24.0.7", "20.10.24+dfsg1", ""])
def test_an_engine_that_is_too_old_says_which_will_do(found: str) -> None:
    with pytest.raises(EngineError, match="too old; Docker 25 or newer") as caught:
        client._require_engine(found)
    assert caught.value.hint is not None
    assert "docker.io" in caught.value.hint


@pytest.mark.parametrize("found", ["25.0.0", "28.5.2+dfsg4", "29"])
def test_a_new_enough_engine_will_do(found: str) -> None:
    client._require_engine(found)


def test_an_old_compose_says_which_will_do() -> None:
    with pytest.raises(EngineError, match=r"2\.20\.3 is too old; 2\.21 or newer"):
        client._require_plugin("docker compose", "2.20.3", client.MINIMUM_COMPOSE, "docker-compose")


@pytest.mark.engine
class TestWithTheEngine:
    @pytest.mark.parametrize("name", ["Foo:bar:baz", "", "a b", "UPPER", ":", "x" * 5000])
    def test_what_can_be_no_image_is_one_line_with_the_name(self, name: str, engine: Engine) -> None:
        with pytest.raises(UsageError, match="is no name of an image") as caught:
            engine.image(name)
        assert repr(name) in caught.value.message

    def test_its_versions_are_known_and_will_do(self, engine: Engine) -> None:
        engine.require_buildkit()
        engine.require_compose()
        assert client.version_tuple(engine.versions.engine) >= client.MINIMUM_ENGINE

    def test_an_image_s_size_is_the_sum_of_its_layers(self, base_image: ImageFacts) -> None:
        assert base_image.size == sum(layer.size for layer in base_image.layers)
        assert len(base_image.diff_ids) == 1

    def test_an_image_s_size_is_what_its_files_hold(self, engine: Engine, base_image: ImageFacts) -> None:
        measured = measure(engine.export(base_image.id))
        assert measured == pytest.approx({base_image.diff_ids[0]: base_image.size}, rel=1e-3)

    @pytest.mark.parametrize("name", ["gfxpack-test/no-such-image:1", "a\nb", "../../x", f"sha256:{0:064}"])
    def test_an_image_that_is_not_here_is_none(self, name: str, engine: Engine) -> None:
        assert engine.image(name) is None

    def test_a_command_runs_without_network_and_leaves_nothing(
        self, engine: Engine, base_image: ImageFacts
    ) -> None:
        before = len(engine.sdk.containers.list(all=True, filters={"ancestor": base_image.id}))
        argv = ["sh", "-c", "echo out; echo err >&2; id -u; ls /sys/class/net; echo $A; exit 3"]
        done = engine.run(base_image.id, argv, env={"A": "b"}, user="10001:0")
        assert done.status == 3
        assert done.stdout.split() == ["out", "10001", "lo", "b"]
        assert done.stderr == "err\n"
        assert len(engine.sdk.containers.list(all=True, filters={"ancestor": base_image.id})) == before

    def test_a_command_that_does_not_end_is_ended(self, engine: Engine, base_image: ImageFacts) -> None:
        before = len(engine.sdk.containers.list(all=True, filters={"ancestor": base_image.id}))
        with pytest.raises(EngineError, match="did not end within 1 s"):
            engine.run(base_image.id, ["sh", "-c", "read forever < /dev/zero; sleep 100"], timeout=1)
        assert len(engine.sdk.containers.list(all=True, filters={"ancestor": base_image.id})) == before

    def test_a_command_that_does_not_exist_is_an_error(self, engine: Engine, base_image: ImageFacts) -> None:
        with pytest.raises(EngineError, match="no-such-command"):
            engine.run(base_image.id, ["no-such-command"])

    def test_a_command_in_an_image_that_is_not_here_is_an_error(self, engine: Engine) -> None:
        with pytest.raises(EngineError, match="gfxpack-test/none:1"):
            engine.run("gfxpack-test/none:1", ["true"])

    def test_space_that_is_not_there_is_said_before_a_build(self, engine: Engine) -> None:
        engine.require_space(1, "this build")
        with pytest.raises(EngineError, match=r"this build needs \d+\.00 GB of disk space") as caught:
            engine.require_space(10**18, "this build")
        assert caught.value.hint

    def test_a_volume_comes_and_goes(self, engine: Engine) -> None:
        name = "gfxpack-test-volume"
        engine.create_volume(name, {"gfxpack.test": "1"})
        assert engine.has_volume(name)
        engine.remove_volume(name)
        engine.remove_volume(name)
        assert not engine.has_volume(name)

    def test_a_registry_that_is_not_there_gives_no_digest(self, engine: Engine) -> None:
        with closed_port() as url:
            address = url.removeprefix("http://").removesuffix("/simple")
            assert engine.registry_digest(f"{address}/debian:bookworm-slim") is None

    def test_a_registry_without_the_image_is_an_error(self, engine: Engine, tmp_path: Path) -> None:
        with registry(tmp_path) as address, pytest.raises(EngineError, match="the registry has no image"):
            engine.registry_digest(f"{address}/debian:bookworm-slim")
