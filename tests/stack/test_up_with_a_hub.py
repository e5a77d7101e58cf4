"""`up --model ORG/NAME` against a hub that is a fake: the real engine fetches the real model from it."""

import io
import re
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ollama
import pytest

from builder.engine import Engine
from builder.stack.compose import STACK
from builder.stack.services import services
from builder.targets.model import Catalog
from builder.targets.naming import MODELS_VOLUME, hub_volume, image_tag, library_volume
from tests.fakes.fake_hub import COMMIT, FakeHub, serve
from tests.stack.conftest import Stack, driver

pytestmark = pytest.mark.stack

MODEL = "tests/smollm2"


@pytest.fixture(scope="module")
def model_folder(
    stack: Stack, engine: Engine, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The model that the stack came with, as a hub would serve it."""
    assert stack.port
    folder = tmp_path_factory.mktemp("hub")
    container = engine.sdk.containers.create(
        image_tag("proxy", catalog.images["proxy"], None),
        volumes={MODELS_VOLUME: {"bind": "/models", "mode": "ro"}},
    )
    try:
        chunks, _ = container.get_archive(f"/models/{catalog.models.chat.slug}")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            for member in archive.getmembers():
                file = archive.extractfile(member)
                if file is not None:
                    (folder / Path(member.name).name).write_bytes(file.read())
    finally:
        container.remove()
    return folder


@pytest.fixture
def hub(model_folder: Path, engine: Engine) -> Iterator[FakeHub]:
    """Listens where containers can reach this machine: on the bridge's own address."""
    gateway = engine.sdk.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    with serve(FakeHub(MODEL, model_folder), gateway) as served:
        yield served


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def whole_fetches(hub: FakeHub) -> list[str]:
    """Requests for all of the weights; the engine looks into their first bytes at every start."""
    return [asked for asked in hub.requests if re.fullmatch(r"GET .*\.safetensors", asked)]


def kept(engine: Engine) -> list[str]:
    """The models in the volume, which the next start finds there."""
    listing: Any = services(engine)["vllm"].container.exec_run(["ls", "/hub/hub"]).output
    return [name for name in listing.decode().split() if name.startswith("models--")]


@pytest.fixture(scope="module", autouse=True)
def _nothing_kept(stack: Stack, engine: Engine) -> Iterator[None]:
    """These tests come last: the stack of the others is gone for good."""
    assert stack.port
    yield
    driver("down")
    for volume in (hub_volume(STACK), library_volume(STACK)):
        engine.remove_volume(volume)


def test_a_hubs_model_is_fetched_kept_and_served(
    hub: FakeHub, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    port = free_port()
    shown = driver("up", "--target", "cpu", "--model", MODEL, "--port", port).stdout
    assert f"ask {MODEL}: " in shown
    assert "Paris" in shown
    with ollama.Client(host=f"http://127.0.0.1:{port}") as client:
        assert f"{MODEL}:latest" in [model.model for model in client.list().models]
        assert client.chat(MODEL, [{"role": "user", "content": "Hello"}], options={"num_predict": 4}).done
        assert client.pull(f"{MODEL}:{COMMIT}").status == "success"
        assert client.show(f"{MODEL}:{COMMIT}").modelinfo
    assert whole_fetches(hub)
    assert kept(engine) == [f"models--{MODEL.replace('/', '--')}"]


def test_a_model_that_the_hub_does_not_have_is_one_line(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    refused = driver("up", "--target", "cpu", "--model", "tests/absent", "--port", free_port(), check=False)
    assert refused.returncode == 1
    assert "error: vllm " in refused.stderr
    assert "check the name, or set HF_TOKEN" in refused.stderr
    assert "Traceback" not in refused.stderr
