"""Contexts: the tokens of a generation so far, given with its answer and taken with the next prompt."""

import pytest

from tests.fakes.fake_engine import error, text, usage
from tests.fakes.fake_engine import streamed as events_of
from tests.fakes.fake_server import whole
from tests.proxy.asking import CHAT, COMPLETIONS, MODEL, Json, asked, chat, generate, records
from tests.proxy.conftest import Stack


@pytest.mark.parametrize("stream", [True, False])
def test_the_last_record_tells_all_tokens(stack: Stack, stream: bool) -> None:
    *parts, last = records(generate(stack, stream=stream))
    assert not any("context" in part for part in parts)
    said = stack.engine.tokenizer.text(last["context"])
    assert said == "<s><|user|>one two<|end|><|assistant|>one two "


@pytest.mark.parametrize("more", [{"raw": True}, {"options": {"num_predict": 0}}])
def test_what_is_not_written_is_not_in_it(stack: Stack, more: Json) -> None:
    last = records(generate(stack, **more))[-1]
    if "raw" in more:
        assert "context" not in last
    else:
        assert stack.engine.tokenizer.text(last["context"]) == "<s><|user|>one two<|end|><|assistant|>"


def test_a_chat_has_none_and_does_not_ask_for_tokens(stack: Stack) -> None:
    assert "context" not in chat(stack, stream=False).json()
    assert "return_token_ids" not in asked(stack)


def test_a_conversation_goes_on_from_its_context(stack: Stack) -> None:
    first = generate(stack, "one", stream=False).json()
    second = generate(stack, "two", stream=False, context=first["context"]).json()
    prompt = asked(stack, COMPLETIONS)["prompt"]
    told = stack.engine.tokenizer.text
    # What begins every text stands there once.
    assert told(prompt) == "<s><|user|>one<|end|><|assistant|>one <|user|>two<|end|><|assistant|>"
    assert second["context"][: len(prompt)] == prompt
    assert len(second["context"]) > len(prompt)


def test_of_models_whose_texts_have_no_beginning_nothing_is_lost(stack: Stack) -> None:
    stack.engine.tokenizer.begins = False
    first = generate(stack, "one", stream=False).json()
    generate(stack, "two", stream=False, context=first["context"])
    prompt = stack.engine.tokenizer.text(asked(stack, COMPLETIONS)["prompt"])
    assert prompt == "<|user|>one<|end|><|assistant|>one <|user|>two<|end|><|assistant|>"


def test_a_system_prompt_comes_with_the_new_turn(stack: Stack) -> None:
    generate(stack, "two", system="be brief", context=stack.engine.tokenizer.ids("<s>one"))
    prompt = stack.engine.tokenizer.text(asked(stack, COMPLETIONS)["prompt"])
    assert prompt == "<s>one<|system|>be brief<|end|><|user|>two<|end|><|assistant|>"


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ([-1], "token -1 of the context is not in the model's vocabulary"),
        ([2**40], f"token {2**40} of the context is not in the model's vocabulary"),
        ([10**9], "Token id 1000000000 is out of vocabulary"),
        (
            ["1"],
            "json: cannot unmarshal string into Go struct field GenerateRequest.context of type int",
        ),
        (
            [1.5],
            "json: cannot unmarshal number 1.5 into Go struct field GenerateRequest.context of type int",
        ),
        (
            "one",
            "json: cannot unmarshal string into Go struct field GenerateRequest.context of type []int",
        ),
    ],
)
def test_contexts_at_fault(stack: Stack, context: object, message: str) -> None:
    answer = generate(stack, context=context)
    assert (answer.status_code, answer.json()) == (400, {"error": message})


def test_an_engine_may_refuse_a_context_in_its_stream(stack: Stack) -> None:
    for asked_first in ([1], [2]):
        stack.engine.plan(whole({"count": 1, "max_model_len": 9, "tokens": asked_first}))
    stack.engine.plan(events_of([error("Token id 5 is out of vocabulary", 400)]))
    answer = generate(stack, context=[5])
    assert (answer.status_code, answer.json()) == (400, {"error": "Token id 5 is out of vocabulary"})


def test_an_empty_context_is_none(stack: Stack) -> None:
    generate(stack, context=[])
    assert asked(stack, CHAT)["messages"] == [{"role": "user", "content": "one two"}]


def test_a_context_and_pictures_do_not_go_together(stack: Stack) -> None:
    picture = "iVBORw0KGgo="
    answer = generate(stack, context=[1], images=[picture])
    assert answer.status_code == 400
    assert answer.json() == {"error": "context cannot be used together with images"}


def test_an_engine_that_tells_no_tokens_goes_on_without(stack: Stack) -> None:
    stack.engine.plan(whole({"detail": "Not Found"}, 404))
    stack.engine.plan(whole({"detail": "Not Found"}, 404))
    told = generate(stack, context=[1, 2], stream=False).json()
    assert told["response"] == "one two "
    assert asked(stack, CHAT)["messages"] == [{"role": "user", "content": "one two"}]


def test_without_tokens_there_is_no_context(stack: Stack) -> None:
    stack.engine.plan(events_of([text("hi"), text("", "stop"), usage(1, 1)]))
    told = generate(stack, stream=False).json()
    assert "context" not in told
    assert told["response"] == "hi"


def test_thoughts_are_asked_for_as_before(stack: Stack) -> None:
    generate(stack, context=[1], think=False)
    told = stack.engine.wait_for("/tokenize")
    questions = [request.json() for request in stack.engine.asked("/tokenize")]
    assert told.json()["model"] == MODEL
    assert {"enable_thinking": False, "thinking": False} in [
        question.get("chat_template_kwargs") for question in questions
    ]
