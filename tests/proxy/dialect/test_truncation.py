"""What is left out of a chat that is too long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialect.messages import Message
from proxy.dialect.prompts.truncation import cuts, told_context

LETTERS = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def left(chat: str) -> list[str]:
    """What stays, as letters and places, after each cut."""
    made = cuts([Message(role=LETTERS[letter]) for letter in chat])
    return ["".join(f"{chat[place]}{place}" for place in made.kept(number)) for number in range(len(made))]


@pytest.mark.parametrize(
    ("chat", "expected"),
    [
        ("", []),
        ("u", []),
        ("s", []),
        ("su", []),
        ("uau", ["u2"]),
        ("suauau", ["s0u3a4u5", "s0u5"]),
        ("usasu", ["s1s3u4"]),
        ("auau", ["u1a2u3", "u3"]),
        ("uu", ["u1"]),
        ("sua", ["s0a2"]),
        # An answer that calls tools stays with their results, and the question stays as long as it can.
        ("uattat", ["u0a4t5", "a4t5"]),
        ("suauatat", ["s0u3a4t5a6t7", "s0u3a6t7", "s0a6t7"]),
        ("aa", ["a1"]),
        ("tt", []),
    ],
)
def test_the_oldest_goes_first(chat: str, expected: list[str]) -> None:
    assert left(chat) == expected


@given(st.text("suat", max_size=30))
def test_each_cut_is_shorter_and_keeps_the_system_and_the_last(chat: str) -> None:
    made = cuts([Message(role=LETTERS[letter]) for letter in chat])
    before = len(chat)
    for number in range(len(made)):
        kept = made.kept(number)
        assert len(kept) < before
        before = len(kept)
        assert {place for place, letter in enumerate(chat) if letter == "s"} <= set(kept)
        assert len(chat) - 1 in kept
        first = next((chat[place] for place in kept if chat[place] != "s"), "")
        assert first != "t"


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (b"This model's maximum context length is 2048 tokens. However, your prompt", 2048),
        (b"Input length (3000) exceeds model's maximum context length (2048).", 2048),
        (b"request (99 tokens) exceeds the available context size (64 tokens), try increasing it", 64),
        (b"too long", None),
        (b"\xff\xfe", None),
    ],
)
def test_what_the_engine_says_of_its_context(refusal: bytes, told: int | None) -> None:
    assert told_context(refusal) == told
