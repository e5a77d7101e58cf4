"""One real stack for all of these tests, started as a person starts it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import ollama
import pytest

from builder.engine import Engine, connect
from builder.paths import ROOT
from builder.stack.compose import PROJECT
from builder.targets import load_catalog
from builder.targets.model import Catalog


@dataclass(frozen=True)
class Stack:
    port: int
    printed: str
    """What `build.py up` said."""
    client: ollama.Client

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def driver(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run build.py as from a shell, with plain output."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "build.py"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "CI": "true"},
        timeout=1800,
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def engine() -> Engine:
    return connect()


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    from builder.paths import TARGETS

    return load_catalog(TARGETS)


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
    found = engine.sdk.containers.list(all=True, filters={"label": f"com.docker.compose.project={PROJECT}"})
    return {container.labels["com.docker.compose.service"]: container.attrs for container in found}
