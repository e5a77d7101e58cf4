"""Models that are made, copied and deleted, as clients see them and as they lie on the disk."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ollama import Client

from proxy.dialect.library import CopyRequest, CreateRequest
from tests.fakes.fake_engine import FakeEngine
from tests.proxy.asking import Json, records
from tests.proxy.conftest import (
    CHAT_MANIFEST,
    EMBEDDING_MANIFEST,
    NOBODY,
    RunningProxy,
    StartProxy,
    describe,
    settings_for,
)

BASE = "smollm2:135m"
# Weights of ours that no engine serves.
IDLE = CHAT_MANIFEST | {"name": "idle:1b", "digest": "ef" * 32, "modified_at": "2026-11-18T04:00:00Z"}


def stocked(models: Path) -> Path:
    for manifest in (CHAT_MANIFEST, EMBEDDING_MANIFEST, IDLE):
        path = describe(models, manifest)
        (path.parent / "model.safetensors").write_bytes(b"weights")
    return models


@dataclass(frozen=True)
class Place:
    """A proxy with a library, and the engine that serves one of its models."""

    engine: FakeEngine
    models: Path
    proxy: RunningProxy


@contextmanager
def running(models: Path) -> Iterator[Place]:
    with FakeEngine() as engine:
        proxy = RunningProxy(settings_for(models, engine.url, hub=NOBODY))
        yield Place(engine, models, proxy)
        proxy.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running(tmp_path_factory.mktemp("models")) as place:
        yield place


@pytest.fixture
def place(shared: Place) -> Place:
    """The one that all tests share, with nothing in it of earlier tests."""
    for folder in shared.models.iterdir():
        if folder.is_symlink():
            folder.unlink()
        elif folder.is_dir():
            shutil.rmtree(folder)
    stocked(shared.models)
    shared.engine.reset()
    return shared


@pytest.fixture
def proxy(place: Place) -> RunningProxy:
    return place.proxy


@pytest.fixture
def client(place: Place) -> httpx.Client:
    return place.proxy.client


@pytest.fixture
def models(place: Place) -> Path:
    return place.models


@pytest.fixture
def engine(place: Place) -> FakeEngine:
    return place.engine


@pytest.fixture
def beside_qwen(tmp_path: Path) -> Iterator[httpx.Client]:
    """Speaks to a proxy whose engine serves a model that nobody described."""
    with running(stocked(tmp_path / "models")) as place:
        place.engine.models["Qwen/Qwen3-8B"] = 40960
        yield place.proxy.client


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Speaks to a proxy whose library must stay as it is."""
    with running(stocked(tmp_path_factory.mktemp("still"))) as place:
        before = files(place.models)
        yield place.proxy.client
        assert files(place.models) == before


def tags(client: httpx.Client) -> dict[str, Json]:
    return {model["name"]: model for model in client.get("/api/tags").json()["models"]}


def show(client: httpx.Client, name: str) -> Json:
    page: Json = client.post("/api/show", json={"model": name}).json()
    return page


def copy(client: httpx.Client, source: str, destination: str) -> httpx.Response:
    return client.post("/api/copy", json={"source": source, "destination": destination})


def delete(client: httpx.Client, name: str) -> httpx.Response:
    return client.request("DELETE", "/api/delete", json={"model": name})


def create(client: httpx.Client, name: str, source: str = BASE, **more: object) -> httpx.Response:
    return client.post("/api/create", json={"model": name, "from": source} | more)


def statuses(answer: httpx.Response) -> list[str]:
    return [record["status"] for record in records(answer)]


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def files(models: Path) -> set[str]:
    return {str(path.relative_to(models)) for path in models.rglob("*") if path.is_file()} - {".lock"}


class TestCopy:
    def test_a_copy_answers_by_the_weights_of_the_other(
        self, client: httpx.Client, engine: FakeEngine
    ) -> None:
        answer = copy(client, BASE, "mine")
        assert (answer.status_code, answer.content) == (200, b"")
        there = tags(client)
        assert next(iter(there)) == "mine:latest"
        same = ("digest", "size", "details", "capabilities")
        assert [there["mine:latest"][key] for key in same] == [there[BASE][key] for key in same]
        chat = {"model": "mine", "messages": [{"role": "user", "content": "hi"}], "stream": False}
        said = client.post("/api/chat", json=chat).json()
        assert (said["model"], said["message"]["content"]) == ("mine", "hi ")
        assert engine.wait_for("/v1/chat/completions").json()["model"] == BASE

    def test_a_copy_of_a_copy_needs_no_copy(self, client: httpx.Client) -> None:
        copy(client, BASE, "one")
        copy(client, "one", "me/two:v2")
        assert delete(client, "one").status_code == 200
        assert "me/two:v2" in tags(client)
        assert f"FROM {BASE}\n" in show(client, "me/two:v2")["modelfile"]

    def test_over_an_existing_name(self, client: httpx.Client) -> None:
        create(client, "one", system="first")
        copy(client, BASE, "ONE:latest")
        assert "system" not in show(client, "one")

    def test_onto_itself_changes_nothing(self, client: httpx.Client, models: Path) -> None:
        before = files(models)
        assert copy(client, BASE, "SmolLM2:135M").status_code == 200
        assert copy(client, "not/there", "not/there").status_code == 200
        assert files(models) == before

    def test_of_what_an_engine_alone_has(self, beside_qwen: httpx.Client) -> None:
        assert copy(beside_qwen, "qwen/qwen3-8b", "q").status_code == 200
        assert show(beside_qwen, "q")["model_info"]["unknown.context_length"] == 40960

    @pytest.mark.parametrize(
        ("body", "status", "message"),
        [
            ({"source": "foo", "destination": "bar"}, 404, 'model "foo" not found'),
            ({"source": "../foo", "destination": "bar"}, 400, 'source "../foo" is invalid'),
            ({"source": BASE, "destination": "a b"}, 400, 'destination "a b" is invalid'),
            ({"source": BASE, "destination": "/etc/passwd"}, 400, 'destination "/etc/passwd" is invalid'),
            ({"source": BASE, "destination": "a\0b"}, 400, r'destination "a\x00b" is invalid'),
            ({"source": BASE}, 400, 'destination "" is invalid'),
            ({}, 400, 'source "" is invalid'),
        ],
    )
    def test_at_fault(self, still: httpx.Client, body: Json, status: int, message: str) -> None:
        assert told(still.post("/api/copy", json=body)) == (status, message)


class TestDelete:
    @pytest.mark.parametrize("key", ["model", "name"])
    def test_the_last_user_of_weights_takes_them_along(
        self, client: httpx.Client, models: Path, key: str
    ) -> None:
        answer = client.request("DELETE", "/api/delete", content=json.dumps({key: "idle:1b"}))
        assert (answer.status_code, answer.content) == (200, b"")
        assert "idle:1b" not in tags(client)
        assert not (models / "idle-1b").exists()
        assert told(delete(client, "idle:1b")) == (404, "model 'idle:1b' not found")

    def test_weights_stay_while_another_model_needs_them(self, client: httpx.Client, models: Path) -> None:
        copy(client, "idle:1b", "one")
        create(client, "two", "one", system="x")
        assert delete(client, "idle:1b").status_code == 200
        assert "idle:1b" not in tags(client)
        assert delete(client, "one").status_code == 200
        assert (models / "idle-1b" / "model.safetensors").exists()
        assert show(client, "two")["system"] == "x"
        assert delete(client, "two").status_code == 200
        assert not (models / "idle-1b").exists()

    def test_what_an_engine_serves_stays(self, client: httpx.Client, models: Path) -> None:
        before = files(models)
        message = f"model '{BASE}' is in use: an engine serves its weights, so they stay"
        assert told(delete(client, BASE)) == (409, message)
        assert files(models) == before

    def test_what_leans_on_it_may_go(self, client: httpx.Client) -> None:
        create(client, BASE, system="mine")
        assert show(client, BASE)["system"] == "mine"
        assert delete(client, BASE).status_code == 200
        assert "system" not in show(client, BASE)

    def test_what_an_engine_alone_has(self, beside_qwen: httpx.Client) -> None:
        message = "model 'Qwen/Qwen3-8B:latest' is an engine's own: nothing of it lies here to delete"
        assert told(delete(beside_qwen, "qwen/qwen3-8b")) == (409, message)

    def test_links_lead_nowhere(self, client: httpx.Client, models: Path, tmp_path: Path) -> None:
        """Neither a folder that is a link, nor links within a folder."""
        treasure = tmp_path / "treasure"
        treasure.mkdir()
        (treasure / "gold").write_text("gold")
        (models / "idle-1b" / "inner").symlink_to(treasure)
        assert delete(client, "idle:1b").status_code == 200
        assert (treasure / "gold").exists()
        describe(tmp_path, IDLE | {"name": "linked:1b"})
        (models / "linked").symlink_to(tmp_path / "linked-1b")
        message = "model 'linked:1b' lies behind a link: remove the link by hand"
        assert told(delete(client, "linked:1b")) == (409, message)
        assert (tmp_path / "linked-1b" / "gfxpack.json").exists()

    @pytest.mark.parametrize(
        ("body", "status", "message"),
        [
            ({"model": "foo"}, 404, "model 'foo' not found"),
            ({"model": "../idle-1b"}, 400, 'name "../idle-1b" is invalid'),
            ({"model": ".."}, 400, 'name ".." is invalid'),
            ({"name": "a\0"}, 400, r'name "a\x00" is invalid'),
            ({}, 400, 'name "" is invalid'),
        ],
    )
    def test_at_fault(self, still: httpx.Client, body: Json, status: int, message: str) -> None:
        assert told(still.request("DELETE", "/api/delete", json=body)) == (status, message)

    def test_without_engines(self, start_proxy: StartProxy, tmp_path: Path) -> None:
        client = start_proxy(settings_for(stocked(tmp_path), NOBODY)).client
        assert copy(client, BASE, "mine").status_code == 200
        assert delete(client, "mine").status_code == 200
        assert told(delete(client, "foo")) == (404, "model 'foo' not found")


class TestCreate:
    def test_it_is_told_step_by_step(self, client: httpx.Client) -> None:
        answer = create(client, "mario", system="You are Mario.", parameters={"temperature": 1})
        assert answer.headers["content-type"] == "application/x-ndjson"
        first, *layers, writing, last = statuses(answer)
        assert first == f"using existing layer sha256:{'ab' * 32}"
        assert [layer.partition(" sha256:")[0] for layer in layers] == ["creating new layer"] * 2
        assert (writing, last) == ("writing manifest", "success")
        again = create(client, "luigi", "mario", parameters={"top_k": 3})
        assert [layer.partition(" sha256:")[0] for layer in statuses(again)[1:-2]] == [
            "using existing layer",
            "creating new layer",
        ]

    def test_the_last_record_alone(self, client: httpx.Client) -> None:
        assert create(client, "mario", stream=False).json() == {"status": "success"}

    def test_what_is_laid_over_is_shown_and_used(self, client: httpx.Client, engine: FakeEngine) -> None:
        create(
            client,
            "mario",
            system="You are Mario.",
            parameters={"stop": ["a", 'b "c"'], "temperature": 0.5},
            messages=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "It's me!"}],
            license=["MIT", "and more"],
            requires="0.19.0",
        )
        page = show(client, "mario")
        assert page["system"] == "You are Mario."
        assert page["parameters"].splitlines() == [
            'stop                           "a"',
            'stop                           "b \\"c\\""',
            "temperature                    0.5",
        ]
        assert page["messages"][1] == {"role": "assistant", "content": "It's me!"}
        assert (page["license"], page["requires"]) == ("MIT\nand more", "0.19.0")
        assert page["details"]["parent_model"] == BASE
        listed = tags(client)["mario:latest"]
        assert listed["digest"] != tags(client)[BASE]["digest"]
        assert len(listed["digest"]) == 64
        client.post("/api/chat", json={"model": "mario", "messages": [{"role": "user", "content": "who?"}]})
        messages = engine.wait_for("/v1/chat/completions").json()["messages"]
        assert [message["content"] for message in messages] == ["You are Mario.", "hi", "It's me!", "who?"]

    def test_what_is_not_given_comes_from_the_parent(self, client: httpx.Client) -> None:
        hello = [{"role": "user", "content": "hello"}]
        create(client, "one", system="s", parameters={"top_k": 1, "seed": 2}, messages=hello, license="MIT")
        create(client, "two", "one", parameters={"seed": 3})
        page = show(client, "two")
        assert [line.split() for line in page["parameters"].splitlines()] == [["seed", "3"], ["top_k", "1"]]
        assert (page["system"], page["messages"], page["license"]) == ("s", hello, "MIT")
        create(client, "two", "one", system="t", messages=[{"role": "user", "content": "bye"}], license="BSD")
        page = show(client, "two")
        assert (page["system"], page["license"], page["messages"][0]["content"]) == ("t", "BSD", "bye")

    def test_messages_of_every_kind_are_kept(self, client: httpx.Client, models: Path) -> None:
        call = {"id": "c", "function": {"index": 0, "name": "f", "arguments": {"a": [1.5, None]}}}
        messages: list[Json] = [
            {"role": "user", "content": "look", "images": ["aGk="]},
            {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [call]},
            {"role": "tool", "content": "1", "tool_name": "f", "tool_call_id": "c"},
        ]
        create(client, "mine", messages=messages)
        (path,) = models.glob("made-*/gfxpack.json")
        kept = json.loads(path.read_text())["overlay"]["messages"]
        assert [{key: value for key, value in one.items() if value} for one in kept] == [
            {key: value for key, value in one.items() if value} for one in messages
        ]
        assert [message["role"] for message in show(client, "mine")["messages"]] == [
            "user",
            "assistant",
            "tool",
        ]

    def test_from_itself(self, client: httpx.Client, models: Path) -> None:
        create(client, BASE, system="s")
        create(client, BASE, parameters={"seed": 3})
        page = show(client, BASE)
        assert (page["system"], page["parameters"].split()) == ("s", ["seed", "3"])
        assert (models / "smollm2-135m" / "model.safetensors").exists()
        assert [model["name"] for model in client.get("/api/ps").json()["models"]] == [BASE]

    def test_in_the_place_of_weights_that_nobody_needs_then(self, client: httpx.Client, models: Path) -> None:
        create(client, "idle:1b")
        assert f"FROM {BASE}\n" in show(client, "idle:1b")["modelfile"]
        assert not (models / "idle-1b").exists()

    def test_equal_models_have_equal_digests(self, client: httpx.Client) -> None:
        for name in ("one", "two"):
            create(client, name, system="same")
        create(client, "three", system="other")
        digests = [tags(client)[f"{name}:latest"]["digest"] for name in ("one", "two", "three")]
        assert digests[0] == digests[1] != digests[2]

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"from": BASE}, "invalid model name"),
            ({"model": "a b", "from": BASE}, "invalid model name"),
            ({"model": "x", "from": "../etc"}, "invalid model name"),
            ({"model": "x"}, "neither 'from' or 'files' was specified"),
            ({"model": "x", "files": {}}, "no files provided to convert"),
            ({"model": "x", "files": {"/a": "sha256:" + "0" * 64}}, "file path must be relative"),
            ({"model": "x", "files": {"a/../../b": "sha256:" + "0" * 64}}, "file path must be relative"),
            ({"model": "x", "files": {"a": ""}}, "invalid digest format"),
            ({"model": "x", "files": {"a": 5}}, "invalid digest format"),
            ({"model": "x", "files": {"a": "sha256:" + "0" * 63}}, "invalid digest format"),
            ({"model": "x", "from": BASE, "adapters": {"a": ""}}, "invalid digest format"),
            (
                {"model": "x", "files": {"a.gguf": "sha256:" + "0" * 64}},
                "models cannot be made from files here yet: pull one from a hub, and name it in FROM",
            ),
            (
                {"model": "x", "from": BASE, "quantize": "q4_K_M"},
                "quantization is not done here: pull a model that is quantized already",
            ),
            (
                {"model": "x", "from": BASE, "parameters": {"num_ctx": "many"}},
                'option "num_ctx" must be of type integer',
            ),
            (
                {"model": "x", "from": BASE, "template": "{{ .Prompt"},
                "template error: template: :1: unclosed action",
            ),
            ({"model": "x", "from": BASE, "license": 5}, "license must be a text or a list of texts"),
            (
                {"model": "x", "from": BASE, "messages": 5},
                "json: cannot unmarshal number into Go struct field CreateRequest.messages of type "
                "[]api.Message",
            ),
        ],
    )
    @pytest.mark.parametrize("stream", [True, False])
    def test_at_fault(self, still: httpx.Client, body: Json, message: str, stream: bool) -> None:
        assert told(still.post("/api/create", json=body | {"stream": stream})) == (400, message)


class TestPush:
    def test_there_is_nowhere_to_push_to(self, client: httpx.Client) -> None:
        first, last = records(client.post("/api/push", json={"model": BASE}))
        assert first == {"status": "retrieving manifest"}
        assert last == {"error": "this server has no registry to push to: what it makes stays here"}
        assert client.post("/api/push", json={"model": BASE, "stream": False}).status_code == 400

    def test_at_fault(self, client: httpx.Client) -> None:
        assert told(client.post("/api/push", json={})) == (400, "model is required")
        assert told(client.post("/api/push", json={"model": "a b"})) == (400, "invalid model name")
        missing = client.post("/api/push", json={"name": "foo", "stream": False})
        assert told(missing) == (404, "model 'foo:latest' not found")
        assert records(client.post("/api/push", json={"name": "foo"}))[:2] == [
            {"status": "retrieving manifest"},
            {"status": "couldn't retrieve manifest"},
        ]


NAMES = st.sampled_from([BASE, "idle:1b", "mine", "other:v1", "all-minilm:l6-v2", "../x", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(sorted({*CreateRequest.__struct_encode_fields__, *CopyRequest.__struct_fields__})),
    VALUES,
    max_size=6,
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "model": NAMES,
        "from": NAMES,
        "source": NAMES,
        "destination": NAMES,
        "parameters": st.dictionaries(st.sampled_from(["stop", "seed", "top_k", "x"]), VALUES, max_size=3),
        "messages": st.lists(st.fixed_dictionaries({}, optional={"role": VALUES, "content": VALUES})),
        "template": st.text("{}. $Prompt|", max_size=12),
        "stream": st.booleans(),
    },
)
ROUTES = [("POST", "/api/copy"), ("DELETE", "/api/delete"), ("POST", "/api/create"), ("POST", "/api/push")]


class TestManyAtOnce:
    @given(route=st.sampled_from(ROUTES), body=FIELDS | LIKELY | VALUES)
    @settings(max_examples=150, deadline=None)
    def test_no_json_is_a_failure_of_ours(
        self, busy: httpx.Client, route: tuple[str, str], body: object
    ) -> None:
        answer = busy.request(*route, content=json.dumps(body))
        error = "" if answer.status_code == 200 else answer.json()["error"]
        assert isinstance(error, str)
        unknown = error == "pull model manifest: file does not exist"
        assert answer.status_code in (200, 400, 404, 409) or (answer.status_code, unknown) == (500, True)

    def test_requests_for_one_name_come_one_after_the_other(self, busy: httpx.Client) -> None:
        def work(number: int) -> int:
            kind = number % 3
            if kind == 0:
                return create(busy, "same", system=f"{number}").status_code
            return (copy(busy, BASE, "same") if kind == 1 else delete(busy, "same")).status_code

        with ThreadPoolExecutor(6) as pool:
            assert set(pool.map(work, range(60))) <= {200, 404}
        create(busy, "same", system="last")
        assert show(busy, "same")["system"] == "last"


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Speaks to a proxy whose library may become whatever it becomes."""
    with running(stocked(tmp_path_factory.mktemp("busy"))) as place:
        yield place.proxy.client


class TestOllamasOwnClient:
    def test_create_copy_delete(self, proxy: RunningProxy) -> None:
        with Client(host=proxy.url) as client:
            parts = list(client.create("mario", from_=BASE, system="You are Mario.", stream=True))
            assert parts[-1].status == "success"
            assert client.copy("mario", "luigi").status == "success"
            assert client.show("luigi").parameters is None
            assert client.delete("mario").status == "success"
            assert "luigi:latest" in [model.model for model in client.list().models]
