"""Models that come from a hub, on good days and on bad ones."""

import hashlib
import json
import shutil
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from ollama import Client, ResponseError

from proxy.hub import download
from proxy.settings import Settings
from proxy.store import writing
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.fake_hub import COMMIT, FakeHub, Faults, serve
from tests.proxy.asking import records
from tests.proxy.conftest import NOBODY, RunningProxy, StartProxy, settings_for
from tests.proxy.waiting import until
from tests.proxy.weights import TEMPLATE, publish

MODEL = "acme/Tiny-1B"
NAME = "acme/Tiny-1B:latest"
NEEDED = [
    "LICENSE",
    "config.json",
    "gfxpack.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
]
NOT_THERE = "pull model manifest: file does not exist"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(tmp_path_factory.mktemp("hub") / "model")


@dataclass(frozen=True)
class Place:
    """A hub, a proxy that pulls from it, and the folder where it puts what it pulls."""

    hub: FakeHub
    settings: Settings
    proxy: RunningProxy


@pytest.fixture(scope="module")
def place(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with serve(FakeHub(MODEL, published), "127.0.0.1") as hub, FakeEngine() as engine:
        models = tmp_path_factory.mktemp("shared") / "models"
        settings = replace(settings_for(models, engine.url), hub=hub.url, hub_token="hf_secret")
        proxy = RunningProxy(settings)
        yield Place(hub, settings, proxy)
        proxy.stop()


@pytest.fixture(autouse=True)
def _as_new(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_FIRST_PAUSE_SECONDS", 0.0)
    place.hub.faults = Faults()
    place.hub.requests.clear()
    place.hub.authorizations.clear()
    for path in place.settings.models.glob("*"):
        if path.is_dir():
            shutil.rmtree(path)


@pytest.fixture
def hub(place: Place) -> FakeHub:
    return place.hub


@pytest.fixture
def proxy(place: Place) -> RunningProxy:
    return place.proxy


@pytest.fixture
def client(place: Place) -> httpx.Client:
    return place.proxy.client


@pytest.fixture
def models(place: Place) -> Path:
    return place.settings.models


@pytest.fixture
def settings(place: Place, tmp_path: Path) -> Settings:
    """For a proxy of the test's own."""
    return replace(place.settings, models=tmp_path / "models")


def pull(client: httpx.Client, name: str = MODEL, **more: object) -> httpx.Response:
    return client.post("/api/pull", json={"model": name} | more)


def pulled(models: Path) -> list[str]:
    """The files of the one model that is there."""
    folders = [path for path in models.glob("*") if path.is_dir() and not path.name.startswith(".")]
    return sorted(str(path.relative_to(one)) for one in folders for path in one.rglob("*") if path.is_file())


def parts(models: Path) -> list[Path]:
    return list(models.glob(".pulls/*/*.part"))


class TestWell:
    def test_it_is_told_step_by_step(self, client: httpx.Client, published: Path) -> None:
        first, *middle, verifying, writing_, last = told = records(pull(client))
        assert first == {"status": "pulling manifest"}
        assert [verifying["status"], writing_["status"], last["status"]] == [
            "verifying sha256 digest",
            "writing manifest",
            "success",
        ]
        assert len(told) < 100
        weights = published / "model.safetensors"
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        large = [record for record in middle if record["digest"] == f"sha256:{digest}"]
        assert large[-1] == {
            "status": f"pulling {digest[:12]}",
            "digest": f"sha256:{digest}",
            "total": weights.stat().st_size,
            "completed": weights.stat().st_size,
        }
        for record in middle:
            assert record["status"] == f"pulling {record['digest'][7:19]}"
        assert {record["digest"] for record in middle if record.get("completed") == record["total"]} == {
            record["digest"] for record in middle
        }

    def test_it_brings_what_is_needed_alone(self, client: httpx.Client, models: Path) -> None:
        assert pull(client, stream=False).json() == {"status": "success"}
        assert pulled(models) == NEEDED
        assert not list(models.glob(".pulls/*"))
        (folder,) = [path for path in models.iterdir() if (path / "gfxpack.json").exists()]
        assert folder.stat().st_mode & 0o777 == 0o755
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}

    def test_it_is_there_at_once(self, client: httpx.Client) -> None:
        pull(client)
        (listed, _) = client.get("/api/tags").json()["models"]
        assert listed["name"] == NAME
        assert listed["details"] == {
            "parent_model": "",
            "format": "safetensors",
            "family": "llama",
            "families": ["llama"],
            "parameter_size": "2M",
            "quantization_level": "BF16",
            "context_length": 4096,
            "embedding_length": 8,
        }
        assert listed["capabilities"] == ["completion", "tools"]
        page = client.post("/api/show", json={"model": MODEL, "verbose": True}).json()
        assert page["license"] == "Do what you like.\nAll of it."
        assert page["template"] == TEMPLATE
        assert page["model_info"] == {
            "general.architecture": "llama",
            "general.basename": "Tiny-1B",
            "general.parameter_count": 2_000_256,
            "llama.attention.head_count": 4,
            "llama.attention.head_count_kv": 2,
            "llama.attention.layer_norm_rms_epsilon": 1e-5,
            "llama.block_count": 2,
            "llama.context_length": 4096,
            "llama.embedding_length": 8,
            "llama.feed_forward_length": 16,
            "llama.rope.freq_base": 10000.0,
            "llama.vocab_size": 32,
        }
        assert page["tensors"][0] == {"name": "a.weight", "type": "BF16", "shape": [32, 8]}

    def test_the_engine_does_not_serve_it_yet(self, client: httpx.Client) -> None:
        pull(client)
        chat = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
        answer = client.post("/api/chat", json=chat)
        assert answer.status_code == 503
        assert "not loaded" in answer.json()["error"]

    @pytest.mark.parametrize(
        "name",
        [
            "hf.co/acme/Tiny-1B",
            "huggingface.co/acme/Tiny-1B:main",
            f"acme/Tiny-1B:{COMMIT}",
            "https://hf.co/acme/Tiny-1B",
        ],
    )
    def test_by_its_other_names(self, client: httpx.Client, name: str) -> None:
        assert statuses(pull(client, name))[-1] == "success"
        assert client.post("/api/show", json={"model": name}).status_code == 200

    def test_by_ollamas_name_for_it(
        self, start_proxy: StartProxy, settings: Settings, published: Path
    ) -> None:
        with serve(FakeHub("meta-llama/Llama-3.2-1B-Instruct", published), "127.0.0.1") as hub:
            client = start_proxy(replace(settings, hub=hub.url)).client
            assert statuses(pull(client, "llama3.2:1b"))[-1] == "success"
        assert client.post("/api/show", json={"model": "llama3.2:1b"}).status_code == 200

    def test_by_ollamas_name_of_what_the_engine_serves(
        self, start_proxy: StartProxy, settings: Settings, hub: FakeHub
    ) -> None:
        with FakeEngine() as engine:
            engine.models = {"meta-llama/Llama-3.2-1B-Instruct": 8192}
            client = start_proxy(replace(settings, engine=engine.url)).client
            for name in ("llama3.2:1b", "hf.co/meta-llama/Llama-3.2-1B-Instruct"):
                assert statuses(pull(client, name))[-1] == "success"
                chat = {"model": name, "messages": [{"role": "user", "content": "hi"}], "stream": False}
                assert client.post("/api/chat", json=chat).json()["model"] == name
            assert hub.requests == []

    def test_what_is_here_is_not_fetched_again(self, client: httpx.Client, hub: FakeHub) -> None:
        pull(client)
        asked = len(hub.requests)
        assert statuses(pull(client, "ACME/tiny-1b"))[0::4] == ["pulling manifest", "success"]
        assert statuses(pull(client, "smollm2:135m"))[-1] == "success"
        assert len(hub.requests) == asked

    def test_weights_that_were_kept_for_others_come_back(self, client: httpx.Client, hub: FakeHub) -> None:
        pull(client)
        client.post("/api/copy", json={"source": MODEL, "destination": "mine"})
        client.request("DELETE", "/api/delete", json={"model": MODEL})
        asked = len(hub.requests)
        assert statuses(pull(client)) == ["pulling manifest", "success"]
        assert len(hub.requests) == asked
        assert client.post("/api/show", json={"model": MODEL}).status_code == 200

    def test_the_token_goes_to_the_hub_alone(
        self, client: httpx.Client, hub: FakeHub, published: Path
    ) -> None:
        with serve(FakeHub(MODEL, published), "127.0.0.1") as storage:
            hub.faults = Faults(elsewhere=storage.url)
            assert statuses(pull(client))[-1] == "success"
            assert len(storage.requests) == 1
            assert set(storage.authorizations) == {""}
        assert set(hub.authorizations) == {"Bearer hf_secret"}

    def test_a_model_is_pulled_to_make_another_of(self, client: httpx.Client) -> None:
        body = {"model": "mine", "from": MODEL, "system": "s"}
        told = statuses(client.post("/api/create", json=body))
        assert told[0] == "pulling manifest"
        assert told.count("success") == 1
        assert client.post("/api/show", json={"model": "mine"}).json()["system"] == "s"

    def test_ollamas_own_client(self, proxy: RunningProxy) -> None:
        with Client(host=proxy.url) as client:
            seen = list(client.pull(MODEL, stream=True))
            assert seen[-1].status == "success"
            assert client.show(MODEL).modelinfo is not None
            with pytest.raises(ResponseError, match=NOT_THERE):
                client.pull("acme/nothing")

    def test_an_embedding_model(self, start_proxy: StartProxy, settings: Settings, tmp_path: Path) -> None:
        folder = publish(tmp_path / "bert", architectures=["BertModel"], model_type="bert")
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text("{}")
        (folder / "modules.json").write_text("[]")
        (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 256}')
        with serve(FakeHub(MODEL, folder), "127.0.0.1") as hub:
            client = start_proxy(replace(settings, hub=hub.url)).client
            pull(client)
        (listed, _) = client.get("/api/tags").json()["models"]
        assert listed["capabilities"] == ["embedding"]
        assert listed["details"]["context_length"] == 256
        assert "1_Pooling/config.json" in pulled(settings.models)


def statuses(answer: httpx.Response) -> list[str]:
    return [record.get("status") or record["error"] for record in records(answer)]


def failed(client: httpx.Client, name: str = MODEL) -> tuple[str, int]:
    """What a stream ends with, and the status of the same as one answer."""
    first, *_, last = records(pull(client, name))
    assert first == {"status": "pulling manifest"}
    whole = pull(client, name, stream=False)
    assert whole.json() == last
    return last["error"], whole.status_code


class TestRefused:
    @pytest.mark.parametrize(
        "name", ["acme/nothing", "nothing", "llama3.2:900b", "other.example/acme/Tiny-1B", f"{MODEL}:v9"]
    )
    def test_what_is_not_there(self, client: httpx.Client, models: Path, name: str) -> None:
        assert failed(client, name) == (NOT_THERE, 500)
        assert pulled(models) == []

    @pytest.mark.parametrize("name", ["", "a b", "../x", "a/b/c/d", "acme/../x", "x\0"])
    @pytest.mark.parametrize("stream", [True, False])
    def test_what_is_no_name(self, client: httpx.Client, name: str, stream: bool) -> None:
        answer = pull(client, name, stream=stream)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid model name"})

    @pytest.mark.parametrize(
        ("refusal", "message", "answered"),
        [
            ((HTTPStatus.UNAUTHORIZED, {"X-Error-Code": "RepoNotFound"}), NOT_THERE, 500),
            ((HTTPStatus.UNAUTHORIZED, {"X-Error-Code": "GatedRepo"}), "the model is gated: accept", 403),
            ((HTTPStatus.FORBIDDEN, {}), "the model is gated: accept", 403),
            (
                (HTTPStatus.UNAUTHORIZED, {"X-Error-Message": "Invalid credentials in Authorization header"}),
                "the hub does not know the token in HF_TOKEN",
                401,
            ),
            ((HTTPStatus.SERVICE_UNAVAILABLE, {}), "answered with status 503", 502),
        ],
    )
    def test_what_the_hub_says_no_to(
        self,
        client: httpx.Client,
        hub: FakeHub,
        refusal: tuple[HTTPStatus, dict[str, str]],
        message: str,
        answered: int,
    ) -> None:
        hub.faults = Faults(refusal=refusal)
        error, code = failed(client)
        assert message in error
        assert code == answered
        assert "hf_secret" not in error

    @pytest.mark.parametrize(
        "listing",
        [
            b"",
            b"[]",
            b"{",
            b"[" * 5000,
            json.dumps({"sha": "../../etc"}).encode(),
            b'{"sha": 5}',
            b"<html>",
        ],
    )
    def test_a_hub_that_talks_nonsense(self, client: httpx.Client, hub: FakeHub, listing: bytes) -> None:
        hub.faults = Faults(garbage=listing)
        error, code = failed(client)
        assert code == 502
        assert "no listing of a model" in error

    def test_no_hub_at_all(self, start_proxy: StartProxy, settings: Settings) -> None:
        error, code = failed(start_proxy(replace(settings, hub=NOBODY)).client)
        assert code == 503
        assert error.startswith(f"the hub at {NOBODY} cannot be reached from here: ")

    def test_a_repository_without_weights_to_load(
        self, start_proxy: StartProxy, settings: Settings, tmp_path: Path
    ) -> None:
        (tmp_path / "gguf").mkdir()
        (tmp_path / "gguf" / "model.gguf").write_text("x")
        with serve(FakeHub(MODEL, tmp_path / "gguf"), "127.0.0.1") as hub:
            error, _ = failed(start_proxy(replace(settings, hub=hub.url)).client)
        assert error == f"pull model manifest: {MODEL} has no safetensors to load"

    @pytest.mark.parametrize(
        "location",
        ["http://[", "ftp://a/b", "/a b", "http://a:99999/", "http://me@a/", "http://a:x/", "/\xff"],
    )
    def test_redirects_to_nowhere(self, client: httpx.Client, hub: FakeHub, location: str) -> None:
        hub.faults = Faults(refusal=(HTTPStatus.FOUND, {"Location": location}))
        error, code = failed(client)
        assert (error, code) == ("the hub sends to an address that is none", 502)

    def test_redirects_without_end(self, client: httpx.Client, hub: FakeHub) -> None:
        hub.faults = Faults(refusal=(HTTPStatus.FOUND, {"Location": "/again"}))
        assert "from one address to the next" in failed(client)[0]

    def test_a_full_disk(
        self, client: httpx.Client, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writing, "_SPARE_BYTES", 1 << 60)
        error, code = failed(client)
        assert code == 507
        assert error.startswith("the disk of the models' folder is too full: ")
        assert not any("resolve" in request for request in hub.requests)
        assert pulled(models) == []


class TestBroken:
    @pytest.mark.parametrize("resets", [True, False])
    def test_a_break_is_continued(
        self, client: httpx.Client, hub: FakeHub, models: Path, resets: bool
    ) -> None:
        cuts = (10, 0, *[1 << 30] * 4, 300_000, 50_000, 0, 0, 100_000)
        hub.faults = Faults(cuts=deque_of(*cuts), resets=resets)
        assert statuses(pull(client))[-1] == "success"
        assert pulled(models) == NEEDED
        large = (one.partition("safetensors bytes=")[2] for one in hub.requests)
        ranges = [int(one.rstrip("-")) for one in large if one]
        assert ranges == sorted(ranges)
        assert resets or ranges[0] == 300_000

    def test_a_hub_that_does_not_continue_starts_over(self, client: httpx.Client, hub: FakeHub) -> None:
        hub.faults = Faults(cuts=deque_of(*[1 << 30] * 4, 300_000), ranges=False)
        assert statuses(pull(client))[-1] == "success"

    def test_a_hub_that_never_comes_to_the_end(self, client: httpx.Client, hub: FakeHub) -> None:
        hub.faults = Faults(cuts=deque_of(*[0] * 100))
        error, code = failed(client)
        assert code == 502
        assert error == "the hub closed the connection in mid-answer"

    def test_a_hub_that_comes_back_is_asked_again(
        self, start_proxy: StartProxy, settings: Settings, published: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It sends people to a place that is not there yet."""
        monkeypatch.setattr(download, "_FIRST_PAUSE_SECONDS", 0.02)
        with serve(FakeHub(MODEL, published), "127.0.0.1") as hub:
            hub.faults = Faults(elsewhere=NOBODY)
            client = start_proxy(replace(settings, hub=hub.url)).client
            with ThreadPoolExecutor(1) as pool:
                pulling = pool.submit(pull, client)
                until(lambda: any("model.safetensors" in request for request in hub.requests))
                hub.faults = Faults()
            assert statuses(pulling.result())[-1] == "success"

    def test_wrong_bytes_are_thrown_away(self, client: httpx.Client, hub: FakeHub, models: Path) -> None:
        hub.faults = Faults(wrong=True)
        error, code = failed(client)
        assert code == 502
        assert error.startswith("digest mismatch, file must be downloaded again: want ")
        assert parts(models) == []
        assert pulled(models) == []
        hub.faults = Faults()
        assert statuses(pull(client))[-1] == "success"

    def test_files_that_end_early(self, client: httpx.Client, hub: FakeHub, models: Path) -> None:
        hub.faults = Faults(short=True)
        error, _ = failed(client)
        assert "less of LICENSE than there is" in error
        assert pulled(models) == []

    def test_files_without_end(self, client: httpx.Client, hub: FakeHub, models: Path) -> None:
        """Room was made for what the listing said. More would fill the disk."""
        hub.faults = Faults(long=True)
        error, code = failed(client)
        assert (error, code) == ("the hub sends more of LICENSE than there is", 502)
        assert all(part.stat().st_size < 1024 * 1024 for part in parts(models))
        hub.faults = Faults()
        assert statuses(pull(client))[-1] == "success"

    def test_a_client_that_leaves_stops_it_and_another_goes_on(
        self, proxy: RunningProxy, hub: FakeHub, models: Path
    ) -> None:
        gate = stopped_in_the_middle(hub)
        with httpx.stream("POST", f"{proxy.url}/api/pull", json={"model": MODEL}) as answer:
            until_halfway(answer)
        until(lambda: parts(models) and parts(models)[0].stat().st_size)
        until(lambda: 'route="/api/pull",status="499"' in proxy.client.get("/metrics").text)
        gate.set()
        hub.faults = Faults()
        assert statuses(pull(proxy.client))[-1] == "success"
        assert any("safetensors bytes=" in request for request in hub.requests)

    def test_two_who_ask_at_once_share_the_work(
        self, proxy: RunningProxy, hub: FakeHub, models: Path
    ) -> None:
        gate = stopped_in_the_middle(hub)
        with ThreadPoolExecutor(3) as pool:
            with httpx.stream("POST", f"{proxy.url}/api/pull", json={"model": MODEL}) as answer:
                until_halfway(answer)
                others = [pool.submit(pull, proxy.client) for _ in range(2)]
                until(lambda: proxy.client.get("/api/tags").status_code == 200)
            gate.set()
            assert {statuses(other.result())[-1] for other in others} == {"success"}
        assert sum("model.safetensors" in request for request in hub.requests) <= 2
        assert pulled(models) == NEEDED


def deque_of(*cuts: int) -> "deque[int]":
    return deque(cuts)


def stopped_in_the_middle(hub: FakeHub) -> threading.Event:
    gate = threading.Event()
    hub.faults = Faults(gate=gate)
    return gate


def until_halfway(answer: httpx.Response) -> None:
    lines = answer.iter_lines()
    while "completed" not in (record := json.loads(next(lines))) or record["total"] < 100_000:
        pass
