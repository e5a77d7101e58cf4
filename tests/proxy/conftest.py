"""A real proxy on loopback, served by uvicorn in a thread, in front of fake servers."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest
import uvicorn

from proxy.app import App
from proxy.http.listening import open_listener, server_config
from proxy.settings import Address, Settings
from proxy.upstream import Timeouts
from tests.fakes.fake_embeddings import FakeEmbeddings
from tests.fakes.fake_engine import FakeEngine

# What ends in a test is not ended by time, unless the test is about silence.
PATIENT = Timeouts(connect=30.0, silence=600.0, probe=30.0)
HASTY = Timeouts(connect=30.0, silence=0.3, probe=0.3)

# Nobody listens on the port of the discard service.
NOBODY = "http://127.0.0.1:9"

CHAT_MANIFEST: dict[str, Any] = {
    "name": "smollm2:135m",
    "role": "chat",
    "digest": "ab" * 32,
    "size": 269_000_000,
    "modified_at": "2026-11-20T04:00:00Z",
    "format": "safetensors",
    "family": "llama",
    "architecture": "llama",
    "parameter_size": "135M",
    "parameter_count": 134_515_008,
    "quantization_level": "BF16",
    "context_length": 8192,
    "embedding_length": 576,
    "license": "Apache-2.0",
    "source": "a package",
}
EMBEDDING_MANIFEST: dict[str, Any] = CHAT_MANIFEST | {
    "name": "all-minilm:l6-v2",
    "role": "embedding",
    "digest": "cd" * 32,
    "modified_at": "2026-11-19T04:00:00Z",
    "family": "bert",
    "architecture": "bert",
    "context_length": 512,
    "embedding_length": 384,
}


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's own signature
        await super().startup(sockets)
        self.is_up.set()


class RunningProxy:
    """Its `client` speaks to it; so may anything else, at `url`."""

    def __init__(self, settings: Settings, timeouts: Timeouts = PATIENT) -> None:
        listener = open_listener(settings.listen)
        self.port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = _Server(server_config(App(settings, timeouts)))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        assert self._server.is_up.wait(10), "the proxy did not start"
        self.client = httpx.Client(base_url=self.url, timeout=10, trust_env=False)

    def stop(self) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join()


StartProxy = Callable[..., RunningProxy]


@dataclass(frozen=True, slots=True)
class Stack:
    proxy: RunningProxy
    engine: FakeEngine
    embeddings: FakeEmbeddings
    models: Path

    @property
    def client(self) -> httpx.Client:
        return self.proxy.client


def describe(models: Path, manifest: dict[str, Any]) -> Path:
    """Put a model into the models' folder."""
    folder = models / manifest["name"].replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    path: Path = folder / "gfxpack.json"
    path.write_text(json.dumps(manifest))
    return path


def settings_for(
    models: Path,
    engine: str,
    embeddings: str | None = None,
    *,
    listen: Address = Address("127.0.0.1", 0),  # noqa: B008 - it cannot change
    **more: Any,  # noqa: ANN401 - whatever else can be set
) -> Settings:
    return Settings(listen=listen, engine=engine, embeddings=embeddings, models=models, **more)


def raw_post(
    port: int, path: str, body: dict[str, Any], headers: Mapping[str, str] = MappingProxyType({})
) -> socket.socket:
    """Send a request and read nothing; closing the connection is then up to the test."""
    data = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    lines = [f"{name}: {value}\r\n" for name, value in {"host": "localhost", **headers}.items()]
    start = f"POST {path} HTTP/1.1\r\n{''.join(lines)}content-length: {len(data)}\r\n\r\n"
    connection.sendall(start.encode() + data)
    return connection


@contextmanager
def running_stack(models: Path, timeouts: Timeouts) -> Iterator[Stack]:
    describe(models, CHAT_MANIFEST)
    describe(models, EMBEDDING_MANIFEST)
    with FakeEngine() as engine, FakeEmbeddings() as embeddings:
        proxy = RunningProxy(settings_for(models, engine.url, embeddings.url), timeouts)
        # It then knows what its engines serve, and asks them nothing but what a test asks for.
        proxy.client.get("/api/tags")
        yield Stack(proxy, engine, embeddings, models)
        proxy.stop()


@pytest.fixture(autouse=True)
def _no_company_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients in these tests stay on this machine, whatever it needs to reach others."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def _shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("models"), PATIENT) as stack:
        yield stack


@pytest.fixture(scope="session")
def _hasty_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("models"), HASTY) as stack:
        yield stack


@pytest.fixture(scope="session")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Speaks to a proxy whose models are there, and whose engines are not."""
    models = tmp_path_factory.mktemp("models")
    describe(models, CHAT_MANIFEST)
    describe(models, EMBEDDING_MANIFEST)
    proxy = RunningProxy(settings_for(models, NOBODY, NOBODY))
    yield proxy.client
    proxy.stop()


@pytest.fixture
def stack(_shared_stack: Stack) -> Stack:
    """The proxy that all tests share, in front of fakes that remember nothing of earlier tests."""
    _shared_stack.engine.reset()
    _shared_stack.embeddings.reset()
    return _shared_stack


@pytest.fixture
def hasty(_hasty_stack: Stack) -> Stack:
    """One whose proxy does not wait long for a silent engine."""
    _hasty_stack.engine.reset()
    return _hasty_stack


@pytest.fixture
def start_proxy() -> Iterator[StartProxy]:
    """Starts a proxy of the test's own."""
    with ExitStack() as stack:

        def start(settings: Settings, timeouts: Timeouts = PATIENT) -> RunningProxy:
            proxy = RunningProxy(settings, timeouts)
            stack.callback(proxy.stop)
            return proxy

        yield start


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    """An engine of the test's own."""
    with FakeEngine() as engine:
        yield engine
