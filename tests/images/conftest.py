"""The real images, containers that idle in them for a look around, and ones that serve."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import testinfra  # type: ignore[import-untyped]
from testinfra.host import Host  # type: ignore[import-untyped]

from builder.engine import Engine
from builder.targets import Catalog, ImageSpec
from builder.targets.naming import MODELS_VOLUME, image_tags
from tests.driver import catalog, driver, engine

if TYPE_CHECKING:
    from docker.models.containers import Container

__all__ = ["catalog", "engine"]

TARGET = "cpu"
IMAGES = ("vllm", "embeddings", "proxy")
SERVE_SECONDS = 180
ANY_USER = "12345:0"
"""Nobody's id, in the group root: what a platform that gives out user ids starts containers with."""

HARDENED: dict[str, Any] = {
    "read_only": True,
    "tmpfs": {"/tmp": ""},  # noqa: S108 - a mount in the container
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}


@dataclass(frozen=True)
class Built:
    """The image tags to test, and the volume that holds the models."""

    tags: dict[str, str]
    models: str


@dataclass(frozen=True)
class Served:
    container: "Container"
    url: str

    def post(self, path: str, body: dict[str, object]) -> Any:  # noqa: ANN401 - whatever JSON comes
        answer = httpx.post(self.url + path, json=body, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30)


Serve = Callable[..., Served]


@pytest.fixture(scope="session")
def built_images(catalog: Catalog) -> Built:
    """GFXPACK_TEST_TAGS=vllm=TAG,embeddings=TAG,proxy=TAG and GFXPACK_TEST_MODELS=VOLUME test others."""
    given = os.environ.get("GFXPACK_TEST_TAGS")
    models = os.environ.get("GFXPACK_TEST_MODELS", MODELS_VOLUME)
    if given:
        return Built(dict(pair.split("=", 1) for pair in given.split(",")), models)
    done = driver("build", "--target", TARGET, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Built(image_tags(catalog, TARGET, catalog.targets[TARGET]), models)


@pytest.fixture(params=IMAGES, scope="session")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def tag(built_images: Built, name: str) -> str:
    return built_images.tags[name]


@pytest.fixture(scope="session")
def spec(catalog: Catalog, name: str) -> ImageSpec:
    found = catalog.image_spec(name, TARGET)
    assert isinstance(found, ImageSpec)
    return found


@pytest.fixture(scope="session")
def idle(engine: Engine, tag: str) -> "Iterator[Container]":
    """A container of the image in which nothing happens. Its root is writable: modes are what count."""
    container = start(engine, tag, "infinity", entrypoint=["sleep"], init=True, network_mode="none")
    yield container
    container.remove(force=True)


@pytest.fixture(scope="session")
def host(idle: "Container") -> Host:
    """Inside the image, as the user that it runs as."""
    return testinfra.get_host(f"docker://{idle.id}")


@pytest.fixture(scope="session")
def root(idle: "Container") -> Host:
    """Inside the image, as root: sees every file."""
    return testinfra.get_host(f"docker://root@{idle.id}")


@pytest.fixture(scope="module")
def serve(engine: Engine, built_images: Built) -> Iterator[Serve]:
    """Start an image with its own entrypoint on a free port; `ready` waits until it is healthy."""
    started: list[Container] = []

    def begin(image: str, *arguments: str, port: int, ready: bool = True, **options: Any) -> Served:  # noqa: ANN401
        container = start(
            engine,
            built_images.tags[image],
            *arguments,
            ports={f"{port}/tcp": ("127.0.0.1", None)},
            volumes={built_images.models: {"bind": "/models", "mode": "ro"}},
            **{**HARDENED, **options},
        )
        started.append(container)
        if not ready:
            return Served(container, "")
        wait_until(container, "healthy")
        published = container.attrs["NetworkSettings"]["Ports"][f"{port}/tcp"][0]["HostPort"]
        return Served(container, f"http://127.0.0.1:{published}")

    yield begin
    for container in started:
        container.remove(force=True)


def start(engine: Engine, tag: str, *arguments: str, **options: Any) -> "Container":  # noqa: ANN401
    container: Container = engine.sdk.containers.run(tag, list(arguments), detach=True, **options)
    return container


def inside(container: "Container", *argv: str, **options: Any) -> str:  # noqa: ANN401 - what exec takes
    """Run a program in a running container; what it printed. It must succeed."""
    done = container.exec_run(list(argv), demux=True, **options)
    output: tuple[bytes | None, bytes | None] = done.output  # type: ignore[assignment] # demux gives a pair
    out, err = ((part or b"").decode(errors="replace") for part in output)
    assert done.exit_code == 0, out + err
    return out


def log_of(container: "Container") -> str:
    return bytes(container.logs()).decode(errors="replace")


def wait_until(container: "Container", health: str) -> None:
    """Ask the engine until a container's health is as named; fail with its log if it ends before."""
    deadline = time.monotonic() + SERVE_SECONDS
    while True:
        container.reload()
        state = container.attrs["State"]
        if state["Health"]["Status"] == health:
            return
        log = log_of(container)[-4000:]
        assert state["Running"], f"ended with {state['ExitCode']}:\n{log}"
        assert time.monotonic() < deadline, f"not {health} after {SERVE_SECONDS} s:\n{log}"
        time.sleep(0.1)


def exit_code(container: "Container", seconds: float = 60) -> int:
    return int(container.wait(timeout=seconds)["StatusCode"])


def stop_seconds(container: "Container") -> float:
    """Stop it as `docker stop` does; how long that took."""
    begun = time.monotonic()
    container.stop(timeout=10)
    return time.monotonic() - begun
