"""Log probabilities, in both shapes of the engine."""

import json

import msgspec
import pytest

from proxy.dialect.answers.logprobs import read_logprobs
from proxy.errors import EngineBrokenError

A = {"token": "a", "logprob": -0.5, "bytes": [97]}
B = {"token": "\u00e9", "logprob": -1.5, "bytes": [195, 169]}


def read(value: object, tops: int = 0) -> object:
    return json.loads(msgspec.json.encode(read_logprobs(value, tops)))


@pytest.mark.parametrize(
    ("spoken", "read_as"),
    [
        ({"content": None}, []),
        ({"content": []}, []),
        ({"content": [A]}, [A]),
        ({"content": [A | {"top_logprobs": []}]}, [A]),
        ({"content": [A | {"top_logprobs": [A, B]}, B]}, [A | {"top_logprobs": [A, B]}, B]),
        ({"content": [{"token": "x", "logprob": -1, "bytes": None}]}, [{"token": "x", "logprob": -1.0}]),
    ],
)
def test_of_chats(spoken: object, read_as: object) -> None:
    assert read(spoken) == read_as


def completion(tops: object, *, weights: tuple[float | None, ...] = (-0.5, -1.5)) -> dict[str, object]:
    return {
        "tokens": ["a", "\u00e9"],
        "token_logprobs": list(weights),
        "top_logprobs": tops,
        "text_offset": [0],
    }


@pytest.mark.parametrize(
    ("spoken", "tops", "read_as"),
    [
        (completion(None), 0, [A, B]),
        (completion([None, None]), 2, [A, B]),
        (completion([{"a": -0.5}, {"a": -3, "\u00e9": -1.5}]), 0, [A, B]),
        # The chosen one comes besides the likeliest; the likeliest come first.
        (
            completion([{"a": -0.5}, {"a": -0.5, "\u00e9": -1.5}]),
            1,
            [A | {"top_logprobs": [A]}, B | {"top_logprobs": [A]}],
        ),
        (completion(None, weights=(None, -1.5)), 0, [A | {"logprob": 0.0}, B]),
        ({"tokens": [], "token_logprobs": []}, 5, []),
    ],
)
def test_of_plain_completions(spoken: object, tops: int, read_as: object) -> None:
    assert read(spoken, tops) == read_as


@pytest.mark.parametrize(
    "spoken", [5, "x", [], {"content": 5}, {"content": [{"token": 5}]}, {"tokens": 5}, {"tokens": ["a"]}]
)
def test_what_is_none(spoken: object) -> None:
    with pytest.raises(EngineBrokenError):
        read_logprobs(spoken, 1)
