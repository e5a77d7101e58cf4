"""Options, whatever a client writes there, stay within what the engine takes."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.dialect.prompts.options import STOP_LIMIT, sampling
from proxy.errors import ApiError

NUMBERS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
)
COUNTS = ("seed", "num_predict", "num_ctx", "num_keep", "repeat_last_n", "num_gpu")

# What the engine takes of each field.
TAKES: dict[str, Callable[[Any], bool]] = {
    "temperature": lambda value: 0 <= value <= 2,
    "top_p": lambda value: 0 < value <= 1,
    "top_k": lambda value: type(value) is int and -1 <= value < 2**31,
    "min_p": lambda value: 0 <= value <= 1,
    "repetition_penalty": lambda value: 0 < value < float("inf"),
    "presence_penalty": lambda value: -2 <= value <= 2,
    "frequency_penalty": lambda value: -2 <= value <= 2,
    "seed": lambda value: type(value) is int and 0 <= value < 2**63,
    "stop": lambda value: 0 < len(value) <= STOP_LIMIT and all(value),
}

numbers = (
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([10**400, -(10**400)])
)
sound = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.none() | numbers for name in NUMBERS + COUNTS},
        "stop": st.none() | st.lists(st.text(max_size=3), max_size=70),
        "made_up": st.text(),
    },
)
anything: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from([*NUMBERS, *COUNTS, "stop", "use_mmap", "mirostat"]),
    st.none() | st.booleans() | numbers | st.text() | st.lists(st.text() | st.integers()) | st.just({}),
)


@given(sound)
def test_what_is_sound_is_taken_by_the_engine(options: dict[str, Any]) -> None:
    chosen = sampling(options)
    assert chosen.fields.keys() <= TAKES.keys()
    assert all(TAKES[name](value) for name, value in chosen.fields.items())
    assert chosen.limit is None or 0 <= chosen.limit < 2**31
    assert chosen.window is None or 0 < chosen.window < 2**31
    assert 0 <= chosen.keep < 2**31


def refusal(options: dict[str, Any]) -> ApiError | None:
    try:
        sampling(options)
    except ApiError as refused:
        return refused
    return None


@given(anything)
def test_what_is_not_is_refused_by_its_name(options: dict[str, Any]) -> None:
    refused = refusal(options)
    if refused is not None:
        assert refused.status == 400
        assert any(refused.message.startswith(f'option "{name}" must be of ') for name in options)
