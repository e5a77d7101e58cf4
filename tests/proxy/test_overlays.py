"""Models that a Modelfile lays something over: what the engine is asked then."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.proxy.asking import CHAT, COMPLETIONS, MODEL, Json, asked, chat, generate
from tests.proxy.conftest import CHAT_MANIFEST, Stack, describe

SYSTEM = {"role": "system", "content": "speak like a pirate"}
BEFORE = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ahoy"}]
OVERLAY: dict[str, Any] = {
    "system": SYSTEM["content"],
    "messages": BEFORE,
    "parameters": {"temperature": 0.5, "top_k": 3, "stop": ["END"], "num_predict": 9},
}
USER = {"role": "user", "content": "one two"}
OWN = {"role": "system", "content": "be brief"}
PIRATE = "pirate:latest"


@pytest.fixture
def pirate(stack: Stack) -> Iterator[Stack]:
    """A stack with a model of that name, made of the one that the engine serves."""
    made = {"name": PIRATE, "base": MODEL, "overlay": OVERLAY, "digest": "ef" * 32}
    path = describe(stack.models, CHAT_MANIFEST | made)
    yield stack
    path.unlink()
    path.parent.rmdir()


def test_a_chat_begins_with_the_models_own_words(pirate: Stack) -> None:
    chat(pirate, USER, model="pirate")
    assert asked(pirate)["messages"] == [SYSTEM, *BEFORE, USER]
    assert asked(pirate)["model"] == MODEL


@pytest.mark.parametrize("role", ["system", "SYSTEM"])
def test_a_system_message_of_the_clients_is_in_place_of_the_models(pirate: Stack, role: str) -> None:
    chat(pirate, OWN | {"role": role}, USER, model="pirate")
    assert asked(pirate)["messages"] == [OWN, *BEFORE, USER]


def test_a_later_system_message_stays_where_it_is(pirate: Stack) -> None:
    chat(pirate, USER, OWN, USER, model="pirate")
    assert asked(pirate)["messages"] == [SYSTEM, *BEFORE, USER, OWN, USER]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [SYSTEM, *BEFORE, USER]),
        ({"system": "be brief"}, [OWN, *BEFORE, USER]),
        ({"system": ""}, [SYSTEM, *BEFORE, USER]),
    ],
)
def test_a_generation_does_so_too(pirate: Stack, more: Json, expected: list[Json]) -> None:
    generate(pirate, model="pirate", **more)
    assert asked(pirate)["messages"] == expected


def test_parameters_give_way_to_the_requests_options(pirate: Stack) -> None:
    options = {"top_k": 7, "stop": None, "num_predict": 5}
    chat(pirate, USER, model="pirate", options=options)
    got = asked(pirate)
    assert (got["temperature"], got["top_k"], got["stop"], got["max_tokens"]) == (0.5, 7, ["END"], 5)


def test_a_raw_prompt_gets_the_parameters_alone(pirate: Stack) -> None:
    generate(pirate, "as it is", raw=True, model="pirate")
    got = asked(pirate, COMPLETIONS)
    assert (got["prompt"], got["temperature"]) == ("as it is", 0.5)
    assert pirate.engine.asked(CHAT) == []


def test_a_context_stands_for_the_messages_before(pirate: Stack) -> None:
    context = pirate.engine.tokenizer.ids("long ago", special=True)
    generate(pirate, model="pirate", context=context)
    prompt = pirate.engine.tokenizer.text(asked(pirate, COMPLETIONS)["prompt"])
    assert "ahoy" not in prompt
    assert prompt.index("long ago") < prompt.index("pirate") < prompt.index("one two")


def test_a_parameter_of_a_wrong_type_is_told(pirate: Stack) -> None:
    wrong = {"name": PIRATE, "base": MODEL, "digest": "ab" * 32, "overlay": {"parameters": {"top_k": "x"}}}
    describe(pirate.models, CHAT_MANIFEST | wrong)
    answer = chat(pirate, USER, model="pirate")
    assert (answer.status_code, answer.json()) == (400, {"error": 'option "top_k" must be of type integer'})
