"""What an answer is held to, by Ollama's field and by the engine's own."""

from typing import Any

import pytest

from tests.fakes.fake_engine import error, streamed
from tests.fakes.fake_server import whole
from tests.proxy.asking import CHAT, COMPLETIONS, Json, asked, chat, generate
from tests.proxy.conftest import Stack

TOOLS: list[Json] = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in "fg"
]
FIELDS = ("response_format", "structured_outputs", "logit_bias", "bad_words", "tool_choice", "tools", "n")


def told(stack: Stack, path: str = CHAT) -> Json:
    return {name: value for name, value in asked(stack, path).items() if name in FIELDS}


@pytest.mark.parametrize(
    "kind",
    [
        {"regex": r"\d+"},
        {"choice": ["yes", "no"]},
        {"grammar": 'root ::= "x"'},
        {"json": {"type": "object"}},
        {"json": '{"type": "object"}'},
    ],
)
def test_structured_outputs_are_the_engines(stack: Stack, kind: dict[str, Any]) -> None:
    chat(stack, structured_outputs=kind | {"made_up": None})
    assert told(stack) == {"structured_outputs": kind}
    generate(stack, structured_outputs=kind)
    assert told(stack) == {"structured_outputs": kind}
    generate(stack, raw=True, structured_outputs=kind)
    assert told(stack, COMPLETIONS) == {"structured_outputs": kind}


def test_tokens_may_be_weighed_and_words_forbidden(stack: Stack) -> None:
    chat(stack, logit_bias={"42": -100, "7": 1.5}, bad_words=["damn", ""])
    assert told(stack) == {"logit_bias": {"42": -100, "7": 1.5}, "bad_words": ["damn"]}
    generate(stack, raw=True, logit_bias={}, bad_words=[])
    assert told(stack, COMPLETIONS) == {}


def test_a_request_has_one_answer(stack: Stack) -> None:
    chat(stack, n=5)
    assert told(stack) == {}


NAMED = {"type": "function", "function": {"name": "g"}}


@pytest.mark.parametrize("choice", ["auto", "none", "required", NAMED])
def test_which_tool_to_call(stack: Stack, choice: object) -> None:
    chat(stack, tools=TOOLS, tool_choice=choice)
    assert told(stack) == {"tools": TOOLS, "tool_choice": choice}


@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_no_choice_among_no_tools(stack: Stack, choice: object) -> None:
    chat(stack, tools=[], tool_choice=choice)
    assert told(stack) == {}


def test_what_is_no_part_of_a_tool_stays_here(stack: Stack) -> None:
    function = {"Name": "f", "description": "does f", "strict": True, "made_up": 1, "parameters": None}
    chat(stack, tools=[{"TYPE": "x", "items": 5, "function": function}, {}])
    does = {"name": "f", "description": "does f", "strict": True}
    assert told(stack) == {
        "tools": [{"type": "function", "function": does}, {"type": "function", "function": {"name": ""}}]
    }


REFUSALS = (
    "The provided JSON schema contains features not supported by xgrammar.",
    "Failed to transform json schema into a grammar: at line 1",
    "Grammar error: unexpected token",
    "Failed to transform regex into a grammar: bad",
)


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("stream", [True, False])
def test_what_the_engine_cannot_hold_to_is_a_clear_refusal(stack: Stack, refusal: str, stream: bool) -> None:
    stack.engine.plan(whole(error(refusal), 400))
    answer = chat(stack, stream=stream, format={"type": "object", "x": 1})
    assert (answer.status_code, answer.json()) == (400, {"error": refusal})


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"format": {"minLength": -1}}, 400, "the engine cannot hold its answer to this format"),
        ({"structured_outputs": {"regex": "a"}}, 400, "the engine cannot hold its answer to this format"),
        ({}, 500, "Internal server error"),
    ],
)
def test_a_grammar_that_the_engine_fails_to_make(
    stack: Stack, more: Json, status: int, said: str, stream: bool
) -> None:
    """It then tells nothing but that something failed, in a stream that has begun."""
    stack.engine.plan(streamed([error("Internal server error", 500)]))
    answer = chat(stack, stream=stream, **more)
    assert (answer.status_code, answer.json()["error"][: len(said)]) == (status, said)


def test_what_ollamas_grammar_passes_over_does_not_reach_the_engine(stack: Stack) -> None:
    schema = {"type": "array", "items": {"type": "string", "format": "password"}, "uniqueItems": True}
    chat(stack, format=schema)
    eased = {"type": "array", "items": {"type": "string"}}
    assert told(stack)["response_format"]["json_schema"]["schema"] == eased
    chat(stack, structured_outputs={"json": schema})
    assert told(stack)["structured_outputs"]["json"] == schema
