"""Requests that want to see their prompt, and no answer."""

import pytest

from tests.proxy.asking import COMPLETIONS, Json, chat, generate
from tests.proxy.conftest import Stack

PNG = "iVBORw0KGgo="
USER = {"role": "user", "content": "one two"}


def generated(stack: Stack) -> list[str]:
    return [request.path for request in stack.engine.received if request.path.startswith("/v1/")]


@pytest.mark.parametrize("stream", [True, False])
def test_a_chat_as_the_engine_would_see_it(stack: Stack, stream: bool) -> None:
    answer = chat(
        stack, {"role": "system", "content": "be brief"}, USER, _debug_render_only=True, stream=stream
    )
    assert answer.headers["content-type"].startswith("application/json")
    told = answer.json()
    assert told["_debug_info"] == {
        "rendered_template": "<s><|system|>be brief<|end|><|user|>one two<|end|><|assistant|>",
        "image_count": 0,
    }
    assert told["done"] is False
    assert told["message"] == {"role": "assistant", "content": ""}
    assert "total_duration" not in told
    assert generated(stack) == []


@pytest.mark.parametrize(
    ("more", "prompt"),
    [
        ({}, "<s><|user|>one two<|end|><|assistant|>"),
        ({"raw": True}, "one two"),
        ({"template": "U:{{ .Prompt }} A:"}, "U:one two A:"),
    ],
)
def test_a_generation(stack: Stack, more: Json, prompt: str) -> None:
    told = generate(stack, _debug_render_only=True, **more).json()
    assert told["_debug_info"] == {"rendered_template": prompt, "image_count": 0}
    assert (told["response"], told["done"]) == ("", False)
    assert generated(stack) == []


def test_a_generation_after_a_context(stack: Stack) -> None:
    context = stack.engine.tokenizer.ids("<s>long ago")
    told = generate(stack, context=context, _debug_render_only=True).json()
    expected = "<s>long ago<|user|>one two<|end|><|assistant|>"
    assert told["_debug_info"]["rendered_template"] == expected


def test_pictures_are_counted(stack: Stack) -> None:
    told = chat(stack, USER | {"images": [PNG, PNG]}, _debug_render_only=True).json()
    assert told["_debug_info"]["image_count"] == 2


def test_what_would_be_left_out_is_not_shown(stack: Stack) -> None:
    history = [USER | {"content": "word " * 200}, {"role": "assistant", "content": "a"}, USER]
    answer = chat(stack, *history, options={"num_ctx": 100}, _debug_render_only=True)
    assert answer.json()["_debug_info"]["rendered_template"] == "<s><|user|>one two<|end|><|assistant|>"
    assert answer.headers["x-truncated-messages"] == "2"


def test_what_is_longer_than_what_is_served_is_cut_too(stack: Stack) -> None:
    history = [USER | {"content": "word " * 3000}, {"role": "assistant", "content": "a"}, USER]
    answer = chat(stack, *history, _debug_render_only=True)
    assert len(answer.json()["_debug_info"]["rendered_template"]) < 1000


def test_false_is_no_wish(stack: Stack) -> None:
    assert generate(stack, _debug_render_only=False, raw=True, stream=False).json()["done"] is True
    assert stack.engine.asked(COMPLETIONS)
