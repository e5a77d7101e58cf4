"""Thoughts, out of plain text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialect.thoughts import Thoughts, begun


def told(pieces: list[str], *, started: bool = False) -> tuple[str, str]:
    thoughts = Thoughts(begun=started)
    parts = [thoughts.feed(piece) for piece in pieces] + [thoughts.rest()]
    return "".join(part[0] for part in parts), "".join(part[1] for part in parts)


CASES = [
    ("<think>hm\n</think>\n\nyes", False, ("hm", "yes")),
    ("\n<think>\nhm</think>yes <think>no</think>", False, ("hm", "yes <think>no</think>")),
    ("yes <think>no", False, ("", "yes <think>no")),
    ("hm</think>yes", True, ("hm", "yes")),
    ("hm</thin", True, ("hm</thin", "")),
    ("<thin", False, ("", "<thin")),
    ("  yes", False, ("", "  yes")),
    ("<think></think>yes", False, ("", "yes")),
    ("a < b </b", True, ("a < b </b", "")),
    ("", False, ("", "")),
]


@pytest.mark.parametrize(("text", "started", "expected"), CASES)
def test_whole(text: str, started: bool, expected: tuple[str, str]) -> None:
    assert told([text], started=started) == expected


@given(case=st.sampled_from(CASES), cuts=st.lists(st.integers(0, 40)))
def test_cut_anywhere(case: tuple[str, bool, tuple[str, str]], cuts: list[int]) -> None:
    text, started, (thoughts, answer) = case
    at = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    got = told([text[begin:end] for begin, end in pairwise(at)], started=started)
    # What is only white space goes out before it is known that nothing follows.
    assert (got[0].rstrip(), got[1]) == (thoughts.rstrip(), answer)


@pytest.mark.parametrize(("prompt", "expected"), [("a<think>\n", True), ("<think>a", False), ("", False)])
def test_where_the_prompt_begins_them(prompt: str, expected: bool) -> None:
    assert begun(prompt) is expected
