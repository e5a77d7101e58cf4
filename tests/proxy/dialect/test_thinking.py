"""How models of each family are told to think."""

from datetime import UTC, datetime
from typing import Any

import pytest

from proxy.dialect.prompts.thinking import thinking
from proxy.model import Manifest, Model

ON, OFF = {"enable_thinking": True, "thinking": True}, {"enable_thinking": False, "thinking": False}


def model(
    architecture: str = "qwen3", abilities: tuple[str, ...] | None = ("completion", "thinking")
) -> Model:
    manifest = Manifest(
        name="x",
        role="chat",
        digest="ab" * 32,
        modified_at=datetime(2026, 1, 1, tzinfo=UTC),
        architecture=architecture,
    )
    return Model(manifest, "x", None, abilities or (), certain=abilities is not None)


def test_a_model_that_thinks_does_so_unasked() -> None:
    assert thinking(None, model()) == {"chat_template_kwargs": ON}


@pytest.mark.parametrize("abilities", [("completion",), None])
def test_any_other_is_told_nothing_unasked(abilities: tuple[str, ...] | None) -> None:
    assert thinking(None, model(abilities=abilities)) == {}


def test_what_nobody_knows_of_is_told_what_the_client_wants() -> None:
    assert thinking(False, model(abilities=None)) == {"chat_template_kwargs": OFF}
    assert thinking("low", model(abilities=None)) == {"chat_template_kwargs": ON, "reasoning_effort": "low"}


@pytest.mark.parametrize("level", ["low", "medium", "high", "max", "minimal", "xhigh"])
def test_levels(level: str) -> None:
    assert thinking(level, model()) == {"chat_template_kwargs": ON, "reasoning_effort": level}


@pytest.mark.parametrize("architecture", ["gpt-oss", "GptOss", "gpt_oss"])
def test_harmonys_models_know_three_levels_and_no_end_of_it(architecture: str) -> None:
    told: dict[object, Any] = {
        think: thinking(think, model(architecture)).get("reasoning_effort")
        for think in (True, False, "minimal", "medium", "max", "xhigh")
    }
    assert told == {
        True: None,
        False: "low",
        "minimal": "low",
        "medium": "medium",
        "max": "high",
        "xhigh": "high",
    }


def test_templates_with_switches_of_their_own() -> None:
    minimax = model("minimax-m3")
    assert thinking(True, minimax)["chat_template_kwargs"] == ON | {"thinking_mode": "enabled"}
    assert thinking(False, minimax)["chat_template_kwargs"] == OFF | {"thinking_mode": "disabled"}
    hunyuan = model("hy_v3")
    assert thinking(False, hunyuan)["chat_template_kwargs"] == OFF | {"reasoning_effort": "no_think"}
    assert thinking("low", hunyuan)["chat_template_kwargs"] == ON | {"reasoning_effort": "low"}
