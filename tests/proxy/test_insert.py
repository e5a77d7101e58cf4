"""Filling in the middle: which models can, and what they are asked then."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.fake_engine import error
from tests.fakes.fake_server import whole
from tests.proxy.asking import CHAT, COMPLETIONS, Json, asked
from tests.proxy.conftest import CHAT_MANIFEST, Stack, describe

Ask = Callable[..., Json]

FAMILIES = [
    ("qwen2.5-coder:7b", "", "<|fim_prefix|>be<|fim_suffix|>af<|fim_middle|>"),
    ("mine", "Qwen/Qwen3-Coder-30B-A3B-Instruct", "<|fim_prefix|>be<|fim_suffix|>af<|fim_middle|>"),
    ("codegemma", "", "<|fim_prefix|>be<|fim_suffix|>af<|fim_middle|>"),
    ("starcoder2:3b", "", "<fim_prefix>be<fim_suffix>af<fim_middle>"),
    ("stable-code", "", "<fim_prefix>be<fim_suffix>af<fim_middle>"),
    ("deepseek-coder-v2:lite", "", "<｜fim▁begin｜>be<｜fim▁hole｜>af<｜fim▁end｜>"),  # noqa: RUF001
    ("codellama:code", "", "▁<PRE>be▁<SUF>af▁<MID>"),
    ("codestral", "", "[SUFFIX]af[PREFIX]be"),
    ("mellum", "", "<fim_suffix>af<fim_prefix>be<fim_middle>"),
]


@pytest.fixture
def ask(stack: Stack) -> Iterator[Ask]:
    """Describes a model that the engine serves, and asks it to fill in."""
    served = dict(stack.engine.models)
    described: set[Path] = set()

    def ask(name: str, source: str = "", **more: object) -> Json:
        full = name if ":" in name else f"{name}:latest"
        stack.engine.models[full] = 2048
        manifest = CHAT_MANIFEST | {"name": full, "source": source, "digest": f"{len(described):064x}"}
        described.add(describe(stack.models, manifest))
        body = {"model": name, "prompt": "be", "suffix": "af", "stream": False}
        told: Json = stack.client.post("/api/generate", json=body | more).json()
        return told

    yield ask
    stack.engine.models = served
    for path in described:
        path.unlink()
        path.parent.rmdir()


@pytest.mark.parametrize(("name", "source", "prompt"), FAMILIES)
def test_families_have_their_markers(stack: Stack, ask: Ask, name: str, source: str, prompt: str) -> None:
    for marker in ("▁<PRE>", "▁<SUF>", "▁<MID>"):
        stack.engine.tokenizer.together.add(marker)
    told = ask(name, source)
    got = asked(stack, COMPLETIONS)
    assert got["prompt"] == prompt
    assert told["response"] == prompt
    ends = {stack.engine.tokenizer.text([one]) for one in got["stop_token_ids"]}
    assert sum(marker in prompt for marker in ends) == (2 if name == "codestral" else 3)
    assert stack.engine.asked(CHAT) == []
    shown = stack.client.post("/api/show", json={"model": name}).json()
    assert "insert" in shown["capabilities"]
    assert ".Suffix" in shown["template"]


def test_a_tokenizer_is_asked_once(stack: Stack, ask: Ask) -> None:
    ask("starcoder2:7b")
    questions = len(stack.engine.asked("/tokenize"))
    stack.client.post("/api/generate", json={"model": "starcoder2:7b", "prompt": "a", "suffix": "b"})
    assert len(stack.engine.asked("/tokenize")) == questions


def test_a_second_spelling_is_tried(stack: Stack, ask: Ask) -> None:
    stack.engine.tokenizer.unknown |= {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"}
    ask("granite-code:3b")
    assert asked(stack, COMPLETIONS)["prompt"] == "<fim_prefix>be<fim_suffix>af<fim_middle>"


def test_a_model_without_the_markers_cannot(stack: Stack, ask: Ask) -> None:
    stack.engine.tokenizer.unknown |= {"[SUFFIX]", "[PREFIX]"}
    assert ask("codestral:22b") == {
        "error": "registry.ollama.ai/library/codestral:22b does not support insert"
    }
    assert stack.engine.asked(COMPLETIONS) == []


def test_an_engine_that_tells_no_tokens_is_believed(stack: Stack, ask: Ask) -> None:
    for _ in range(3):
        stack.engine.plan(whole({"detail": "Not Found"}, 404))
    ask("qwen2.5-coder:1.5b")
    got = asked(stack, COMPLETIONS)
    assert got["prompt"] == "<|fim_prefix|>be<|fim_suffix|>af<|fim_middle|>"
    assert "stop_token_ids" not in got


def test_an_engine_without_the_model_is_asked_again_later(stack: Stack, ask: Ask) -> None:
    for _ in range(3):
        stack.engine.plan(whole(error("The model `x` does not exist.", 404), 404))
    assert ask("qwen2.5-coder:14b") == {"error": "model 'qwen2.5-coder:14b' is not loaded by the engine"}
    ask("qwen2.5-coder:14b")
    assert asked(stack, COMPLETIONS)["stop_token_ids"]


def test_a_suffix_is_nothing_to_a_raw_prompt(stack: Stack, ask: Ask) -> None:
    ask("qwen2.5-coder:3b", raw=True)
    assert asked(stack, COMPLETIONS)["prompt"] == "be"


def test_other_models_do_not_list_it(stack: Stack) -> None:
    shown = stack.client.post("/api/show", json={"model": "smollm2:135m"}).json()
    assert "insert" not in shown["capabilities"]


def test_without_a_prompt_the_model_is_loaded(stack: Stack, ask: Ask) -> None:
    ask("starcoder2:15b")
    stack.client.get("/api/tags")
    assert ask("starcoder2:15b", prompt="")["done_reason"] == "load"
