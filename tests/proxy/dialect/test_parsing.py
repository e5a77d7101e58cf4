"""Bodies too large to look at closely."""

import pytest

from proxy.dialect.bodies.parsing import parse_json
from proxy.errors import ApiError

LARGE = 3_000_000


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"a": "' + b"x" * LARGE, "unexpected EOF"),
        (b"[" + b"1," * LARGE + b"x]", "invalid JSON in request body"),
        (b"[" + b"1," * 20_000 + b"x]", "invalid JSON in request body"),
        (b"[" * LARGE, "exceeded max depth"),
        (b'{"a":' * LARGE, "exceeded max depth"),
    ],
)
def test_what_is_wrong_is_then_said_in_general(body: bytes, told: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_json(body)
    assert (refused.value.status, refused.value.message) == (400, told)


def test_what_is_right_is_read_at_any_size() -> None:
    assert parse_json(b'{"a": "' + b"[" * LARGE + b'"}') == {"a": "[" * LARGE}
    assert parse_json(b"[" * 128 + b"]" * 128 + b" ") is not None


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * LARGE + b"1]",
        b'{"a": {' + b'"b":1,' * LARGE + b'"c":[]}}',
        b'"' * LARGE + b"[" * LARGE,
    ],
)
def test_more_than_can_be_read_in_passing_is_not_read(body: bytes) -> None:
    """A few bytes each, such values take a hundred each in memory, and seconds of everybody's time."""
    with pytest.raises(ApiError, match="too many lists, objects and fields") as refused:
        parse_json(body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[18446744073709551615, -9223372036854775808, true]", [2**64 - 1, -(2**63), True]),
        (b'{"a": [18446744073709551616]}', {"a": [2.0**64]}),
        (b'{"a": {"b": -1000000000000000000000}}', {"a": {"b": -1e21}}),
    ],
)
def test_integers_of_no_engine_are_floats(body: bytes, value: object) -> None:
    """Engines fail on them, wherever they stand."""
    assert repr(parse_json(body)) == repr(value)
