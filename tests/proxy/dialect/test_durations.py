"""How long a model stays loaded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialect.durations import FOREVER_NS, keep_alive
from proxy.errors import ApiError

SECOND = 10**9


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        (None, None),
        (0, 0),
        (5, 5 * SECOND),
        (0.5, SECOND // 2),
        (-1, FOREVER_NS),
        (-1.0, FOREVER_NS),
        (1e300, FOREVER_NS),
        (-1e-300, FOREVER_NS),
        (10**400, FOREVER_NS),
        ("0", 0),
        ("0s", 0),
        ("5m", 300 * SECOND),
        ("1h30m", 5400 * SECOND),
        ("1.5h", 5400 * SECOND),
        (".5s", SECOND // 2),
        ("100ms", SECOND // 10),
        ("7\u00b5s", 7000),
        ("3us4ns", 3004),
        ("+2s", 2 * SECOND),
        ("-1s", FOREVER_NS),
        ("-1m", FOREVER_NS),
        ("99999999999h", FOREVER_NS),
    ],
)
def test_both_ways_of_writing_it(value: object, ns: int | None) -> None:
    assert keep_alive(value).ns == ns
    assert keep_alive(value).unload == (ns == 0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("5", 'time: missing unit in duration "5"'),
        ("-1", 'time: missing unit in duration "-1"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
        ("", 'time: invalid duration ""'),
        ("m", 'time: invalid duration "m"'),
        ("forever", 'time: invalid duration "forever"'),
        ("--1s", 'time: invalid duration "--1s"'),
        (True, "Unsupported type: 'bool'"),
        ([], "Unsupported type: '[]interface {}'"),
        ({}, "Unsupported type: 'map[string]interface {}'"),
    ],
)
def test_what_is_no_duration(value: object, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        keep_alive(value)
    assert (caught.value.status, caught.value.message) == (400, message)


@given(st.floats(allow_nan=False) | st.integers() | st.text(alphabet="0123456789.hmsnu-+ e"))
def test_nothing_else_happens(value: object) -> None:
    try:
        ns = keep_alive(value).ns
    except ApiError:
        return
    assert ns is not None
    assert 0 <= ns <= FOREVER_NS
