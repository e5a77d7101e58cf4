"""Models as OpenAI lists them, and as Anthropic does."""

from pathlib import Path

import pytest

from tests.fakes.fake_engine import FakeEngine
from tests.proxy.conftest import Stack, StartProxy, settings_for

MODEL = "smollm2:135m"
CARD = {
    "id": MODEL,
    "object": "model",
    "created": 1795147200,
    "owned_by": "library",
    "max_model_len": 2048,
}
ANTHROPIC = {"anthropic-version": "2023-06-01"}
ANTHROPICS_CARD = {
    "type": "model",
    "id": MODEL,
    "display_name": MODEL,
    "created_at": "2026-11-20T04:00:00Z",
    "lifecycle": "active",
    "max_input_tokens": 2048,
}


def test_models_are_those_of_all_servers(stack: Stack) -> None:
    listed = stack.client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [card["id"] for card in listed["data"]] == [MODEL, "all-minilm:l6-v2"]
    assert listed["data"][0] == CARD


@pytest.mark.parametrize("name", [MODEL, "SMOLLM2:135m", "library/smollm2:135m", "library%2Fsmollm2:135m"])
def test_one_of_them(stack: Stack, name: str) -> None:
    assert stack.client.get(f"/v1/models/{name}").json() == CARD


@pytest.mark.parametrize(
    ("name", "status"), [("foo", 404), ("no/such:model", 404), ("a/b/c/d", 400), ("%00", 400)]
)
def test_none_of_them(stack: Stack, name: str, status: int) -> None:
    answer = stack.client.get(f"/v1/models/{name}")
    assert answer.status_code == status
    assert isinstance(answer.json()["error"]["message"], str)


def test_anthropics_clients_are_told_in_their_own_words(stack: Stack) -> None:
    listed = stack.client.get("/v1/models?limit=1000", headers=ANTHROPIC).json()
    assert listed["data"][0] == ANTHROPICS_CARD
    ids = [card["id"] for card in listed["data"]]
    assert (ids, listed["has_more"]) == ([MODEL, "all-minilm:l6-v2"], False)
    assert (listed["first_id"], listed["last_id"]) == (ids[0], ids[-1])
    assert stack.client.get(f"/v1/models/{MODEL}", headers=ANTHROPIC).json() == ANTHROPICS_CARD
    missing = stack.client.get("/v1/models/foo", headers=ANTHROPIC)
    assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found_error")


def test_no_models_have_neither_first_nor_last(start_proxy: StartProxy, tmp_path: Path) -> None:
    client = start_proxy(settings_for(tmp_path, "http://127.0.0.1:9")).client
    listed = client.get("/v1/models", headers=ANTHROPIC).json()
    assert listed == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_the_owner_is_the_names_namespace(
    start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path
) -> None:
    engine.models = {"Qwen/Qwen3-8B": 40960}
    client = start_proxy(settings_for(tmp_path, engine.url)).client
    (card,) = client.get("/v1/models").json()["data"]
    assert (card["id"], card["owned_by"]) == ("Qwen/Qwen3-8B:latest", "Qwen")
    assert client.get("/v1/models/qwen/qwen3-8b").json() == card
