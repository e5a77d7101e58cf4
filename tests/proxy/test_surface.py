"""The routes that need no engine, and everything that is not there."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy import API_VERSION
from proxy.settings import Address
from tests.fakes.fake_engine import FakeEngine
from tests.proxy.conftest import CHAT_MANIFEST, NOBODY, Stack, StartProxy, describe, settings_for


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", b"Ollama is running"),
        ("/api/version", json.dumps({"version": API_VERSION}, separators=(",", ":")).encode()),
        ("/health", b'{"status":"ok"}'),
    ],
)
def test_what_is_always_there(stack: Stack, method: str, path: str, body: bytes) -> None:
    answer = stack.client.request(method, path)
    assert answer.status_code == 200
    assert answer.headers["content-length"] == str(len(body))
    assert answer.content == (body if method == "GET" else b"")


def test_the_version_is_numbers(stack: Stack) -> None:
    version = stack.client.get("/api/version").json()["version"]
    assert tuple(map(int, version.split("."))) >= (0, 6, 4)


def test_the_list_shows_what_the_manifests_say_newest_first(stack: Stack) -> None:
    models = stack.client.get("/api/tags").json()["models"]
    assert [model["name"] for model in models] == ["smollm2:135m", "all-minilm:l6-v2"]
    assert models[0] == {
        "name": "smollm2:135m",
        "model": "smollm2:135m",
        "modified_at": "2026-11-20T04:00:00Z",
        "size": 269_000_000,
        "digest": "ab" * 32,
        "details": {
            "parent_model": "",
            "format": "safetensors",
            "family": "llama",
            "families": ["llama"],
            "parameter_size": "135M",
            "quantization_level": "BF16",
            "context_length": 2048,
            "embedding_length": 576,
        },
        "capabilities": ["completion"],
    }


@pytest.mark.parametrize("name", ["smollm2:135m", "SmolLM2:135M", "library/smollm2:135m"])
@pytest.mark.parametrize("key", ["model", "name", "Model"])
def test_a_models_page(stack: Stack, key: str, name: str) -> None:
    page = stack.client.post("/api/show", json={key: name}).json()
    assert page["model_info"] == {
        "general.architecture": "llama",
        "general.basename": "smollm2",
        "general.parameter_count": 134_515_008,
        "general.license": "Apache-2.0",
        "llama.context_length": 2048,
        "llama.embedding_length": 576,
    }
    assert page["capabilities"] == ["completion"]
    assert page["details"]["family"] == "llama"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "model is required"),
        ({"model": None, "name": ""}, 400, "model is required"),
        ({"model": "foo"}, 404, "model 'foo:latest' not found"),
        ({"model": "smollm2"}, 404, "model 'smollm2:latest' not found"),
        ({"model": "../../etc/passwd"}, 400, "invalid model name"),
        ({"model": "a\u0000b"}, 400, "invalid model name"),
        (
            {"model": 5},
            400,
            "json: cannot unmarshal number into Go struct field ShowRequest.model of type string",
        ),
    ],
)
def test_a_page_that_is_not_there(stack: Stack, body: dict[str, Any], status: int, message: str) -> None:
    answer = stack.client.post("/api/show", json=body)
    assert (answer.status_code, answer.json()) == (status, {"error": message})


def test_what_is_loaded_is_what_the_engines_serve_now(stack: Stack) -> None:
    models = stack.client.get("/api/ps").json()["models"]
    assert [model["name"] for model in models] == ["smollm2:135m", "all-minilm:l6-v2"]
    assert models[0]["context_length"] == 2048
    assert 2300 < int(models[0]["expires_at"][:4]) <= 9999


def test_a_served_model_without_a_manifest_is_shown_with_what_is_known(
    start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path
) -> None:
    engine.models = {"Qwen/Qwen3-8B": 40960}
    proxy = start_proxy(settings_for(tmp_path, engine.url))
    (listed,) = proxy.client.get("/api/tags").json()["models"]
    assert listed["name"] == "Qwen/Qwen3-8B:latest"
    assert len(listed["digest"]) == 64
    assert int(listed["digest"], 16) > 0
    page = proxy.client.post("/api/show", json={"model": "qwen/qwen3-8b"}).json()
    assert page["model_info"]["unknown.context_length"] == 40960
    again = proxy.client.get("/api/tags").json()["models"][0]
    assert again == listed
    assert (
        start_proxy(settings_for(tmp_path, engine.url)).client.get("/api/tags").json()["models"][0]["digest"]
        == (listed["digest"])
    )
    chat = {"model": "QWEN/qwen3-8b", "messages": [{"role": "user", "content": "hello"}], "stream": False}
    assert proxy.client.post("/api/chat", json=chat).json()["message"]["content"] == "hello "
    assert engine.wait_for("/v1/chat/completions").json()["model"] == "Qwen/Qwen3-8B"


def test_without_engines_everything_else_answers(lonely: httpx.Client) -> None:
    client = lonely
    assert client.get("/").text == "Ollama is running"
    assert client.get("/health").status_code == 200
    assert len(client.get("/api/tags").json()["models"]) == 2
    assert client.get("/api/ps").json() == {"models": []}
    assert client.post("/api/show", json={"model": "smollm2:135m"}).json()["capabilities"] == ["completion"]
    assert client.post("/api/show", json={"model": "foo"}).status_code == 404
    assert len(client.get("/v1/models").json()["data"]) == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", {"model": "smollm2:135m", "messages": [{"role": "user", "content": "x"}]}),
        ("/api/chat", {"model": "smollm2:135m"}),
        ("/api/chat", {"model": "who:knows", "messages": [{"role": "user", "content": "x"}]}),
        ("/api/generate", {"model": "smollm2:135m", "prompt": "x"}),
        ("/api/generate", {"model": "smollm2:135m", "prompt": "x", "stream": False}),
        ("/api/embed", {"model": "all-minilm:l6-v2", "input": "x"}),
        ("/api/embeddings", {"model": "all-minilm:l6-v2", "prompt": "x"}),
        ("/v1/chat/completions", {"model": "smollm2:135m", "messages": [{}]}),
        ("/v1/messages", {"model": "smollm2:135m", "messages": [{}], "max_tokens": 1}),
    ],
)
def test_what_needs_an_engine_says_try_again(lonely: httpx.Client, path: str, body: dict[str, Any]) -> None:
    answer = lonely.post(path, json=body)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    error = answer.json()["error"]
    shapes = {"/api": str, "/v1/": dict}
    assert isinstance(error, shapes[path[:4]])


def test_an_engine_that_comes_later_is_used(start_proxy: StartProxy, tmp_path: Path) -> None:
    describe(tmp_path, CHAT_MANIFEST)
    late = FakeEngine()
    with FakeEngine() as early:
        late.port = early.port
    client = start_proxy(settings_for(tmp_path, late.url)).client
    chat = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "hello"}], "stream": False}
    assert client.post("/api/chat", json=chat).status_code == 503
    with late:
        assert client.post("/api/chat", json=chat).json()["message"]["content"] == "hello "
        assert len(client.get("/api/ps").json()["models"]) == 1
    assert client.post("/api/chat", json=chat).status_code == 503
    assert client.get("/api/ps").json() == {"models": []}


def test_a_new_model_in_the_folder_is_seen_at_once(
    start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path
) -> None:
    client = start_proxy(settings_for(tmp_path / "models", engine.url)).client
    engine.models = {}
    assert client.get("/api/tags").json() == {"models": []}
    path = describe(tmp_path / "models", CHAT_MANIFEST)
    assert len(client.get("/api/tags").json()["models"]) == 1
    path.write_text(json.dumps(CHAT_MANIFEST)[:-20])
    assert client.get("/api/tags").json() == {"models": []}


def test_names_of_ipv6(start_proxy: StartProxy, tmp_path: Path) -> None:
    proxy = start_proxy(settings_for(tmp_path, NOBODY, listen=Address("::1", 0)))
    assert httpx.get(f"http://[::1]:{proxy.port}/").text == "Ollama is running"


def test_every_address_means_both_kinds(start_proxy: StartProxy, tmp_path: Path) -> None:
    port = start_proxy(settings_for(tmp_path, NOBODY, listen=Address("::", 0))).port
    for host in ("127.0.0.1", "[::1]"):
        assert httpx.get(f"http://{host}:{port}/").text == "Ollama is running"


def test_copilot_is_shown_the_name_that_it_asked_for(stack: Stack) -> None:
    headers = {"user-agent": "GitHubCopilotChat/0.30.1"}
    page = stack.client.post("/api/show", json={"model": "SmolLM2:135m"}, headers=headers).json()
    assert page["model_info"]["general.basename"] == "SmolLM2:135m"


def test_what_lies_on_a_gpu(start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path) -> None:
    describe(tmp_path, CHAT_MANIFEST)
    for on_gpu, held in (((), 0), (("chat",), 269_000_000), (("embedding",), 0)):
        client = start_proxy(settings_for(tmp_path, engine.url, on_gpu=on_gpu)).client
        (loaded,) = client.get("/api/ps").json()["models"]
        assert (loaded["size"], loaded["size_vram"]) == (269_000_000, held)
