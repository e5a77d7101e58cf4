"""One real stack for all of these tests, started as a person starts it."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import ollama
import pytest

from builder.engine import Engine
from builder.stack.compose import STACK
from builder.targets import Catalog
from tests.driver import catalog, driver, engine

__all__ = ["catalog", "driver", "engine"]


@dataclass(frozen=True)
class Stack:
    port: int
    printed: str
    """What `build.py up` said."""
    client: ollama.Client

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def chat_model(catalog: Catalog) -> str:
    return catalog.models.chat.name


@pytest.fixture(scope="session")
def embedding_model(catalog: Catalog) -> str:
    return catalog.models.embedding.name


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    done = driver("up", "--target", "cpu", "--port", str(port), "--yes")
    with ollama.Client(host=f"http://127.0.0.1:{port}", timeout=300) as client:
        yield Stack(port, done.stdout, client)
    driver("down")


def containers(engine: Engine) -> dict[str, dict[str, object]]:
    """What the engine says of each of the stack's containers, by service."""
    found = engine.sdk.containers.list(all=True, filters={"label": f"com.docker.compose.project={STACK}"})
    return {container.labels["com.docker.compose.service"]: container.attrs for container in found}
