"""One proxy for all clients, in front of a fake engine that behaves like a model."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.running import Served
from tests.fakes import fake_brain
from tests.fakes.fake_brain import FakeBrain
from tests.fakes.fake_embeddings import FakeEmbeddings
from tests.proxy.conftest import CHAT_MANIFEST, EMBEDDING_MANIFEST, RunningProxy, describe, settings_for

# What the examples of Ollama's client ask for, by the names that they use.
_CAPABILITIES = {
    "gemma4:latest": ("completion", "tools", "vision"),
    "llama3.1:latest": ("completion", "tools"),
    "llama3.1:8b": ("completion", "tools"),
    "qwen3:latest": ("completion", "tools", "thinking"),
    "gpt-oss:20b": ("completion", "tools", "thinking"),
    "deepseek-r1:latest": ("completion", "thinking"),
    "codellama:7b-code": ("completion", "insert"),
    "nimble:latest": ("completion",),
}


_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAEElEQVR4nGNQSFgARwzEcQDMQxIBsLSc1wAAAABJRU5ErkJggg=="
)


class _Embeddings(FakeEmbeddings):
    model = "llama3.2:latest"


def _manifest(position: int, name: str, capabilities: tuple[str, ...]) -> dict[str, Any]:
    return CHAT_MANIFEST | {"name": name, "digest": f"{position:02x}" * 32, "capabilities": capabilities}


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    models = tmp_path_factory.mktemp("models")
    for position, (name, capabilities) in enumerate(_CAPABILITIES.items()):
        describe(models, _manifest(position, name, capabilities))
    describe(models, EMBEDDING_MANIFEST | {"name": _Embeddings.model})
    minds = {
        name: fake_brain.Served(thinks="thinking" in capabilities, sees="vision" in capabilities)
        for name, capabilities in _CAPABILITIES.items()
    }
    with FakeBrain(minds) as engine, _Embeddings() as embeddings:
        proxy = RunningProxy(settings_for(models, engine.url, embeddings.url))
        yield Served(proxy.url, engine)
        proxy.stop()


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "picture.png"
    path.write_bytes(_PNG)
    return path
