"""What is said of bodies that are no JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialect.bodies.syntax import syntax_error

WRONG = {
    b"x": "invalid character 'x' looking for beginning of value",
    b"\xef\xbb\xbf{}": "invalid character 'ï' looking for beginning of value",
    b"\x00": r"invalid character '\x00' looking for beginning of value",
    b"\x85": r"invalid character '\u0085' looking for beginning of value",
    b"\x0b{}": r"invalid character '\v' looking for beginning of value",
    b"'a'": r"invalid character '\'' looking for beginning of value",
    b"NaN": "invalid character 'N' looking for beginning of value",
    b"-Infinity": "invalid character 'I' in numeric literal",
    b"{": "unexpected EOF",
    b'{"a"': "unexpected EOF",
    b'{"a":': "unexpected EOF",
    b'{"a":1': "unexpected EOF",
    b'{"a":1,': "unexpected EOF",
    b'{"a": "b': "unexpected EOF",
    b'"\\': "unexpected EOF",
    b'"\\u12': "unexpected EOF",
    b"tru": "unexpected EOF",
    b"-": "unexpected EOF",
    b"[1.": "unexpected EOF",
    b"[": "unexpected EOF",
    b"{1:2}": "invalid character '1' looking for beginning of object key string",
    b"{'a':1}": r"invalid character '\'' looking for beginning of object key string",
    b'{"a":1,}': "invalid character '}' looking for beginning of object key string",
    b'{"a" 1}': "invalid character '1' after object key",
    b'{"a":1 "b":2}': "invalid character '\"' after object key:value pair",
    b'{"a":1]': "invalid character ']' after object key:value pair",
    b"{,}": "invalid character ',' looking for beginning of object key string",
    b"[1 2]": "invalid character '2' after array element",
    b"[1,]": "invalid character ']' looking for beginning of value",
    b"[01]": "invalid character '1' after array element",
    b"[1}": "invalid character '}' after array element",
    b'"a\nb"': r"invalid character '\n' in string literal",
    b'"a\\x"': "invalid character 'x' in string escape code",
    b'"\\u12G4"': r"invalid character 'G' in \u hexadecimal character escape",
    b"[1.x]": "invalid character 'x' after decimal point in numeric literal",
    b"[1ex]": "invalid character 'x' in exponent of numeric literal",
    b"[1e+x]": "invalid character 'x' in exponent of numeric literal",
    b"[-x]": "invalid character 'x' in numeric literal",
    b"[+1]": "invalid character '+' looking for beginning of value",
    b"[trux]": "invalid character 'x' in literal true (expecting 'e')",
    b"[falsy]": "invalid character 'y' in literal false (expecting 'e')",
    b"[None]": "invalid character 'N' looking for beginning of value",
    b"[nil]": "invalid character 'i' in literal null (expecting 'u')",
}


@pytest.mark.parametrize("body", WRONG)
def test_the_first_byte_that_is_wrong_is_named(body: bytes) -> None:
    assert syntax_error(body) == WRONG[body]


@pytest.mark.parametrize("body", [b"{}x", b"[] ]", b"5x", b' {"a": [1, -2.5e+3, null, true]} {', b'"\xff"'])
def test_what_follows_the_first_value_is_nobodys_business(body: bytes) -> None:
    assert syntax_error(body) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


@given(json_values)
def test_nothing_is_wrong_with_json(value: object) -> None:
    assert syntax_error(json.dumps(value).encode()) is None


@given(st.binary(max_size=40) | st.lists(st.sampled_from([*b'{}[]",:0123-+.eEtrufalsn\\ '])).map(bytes))
def test_it_refuses_what_pythons_decoder_refuses(body: bytes) -> None:
    """In an array, since Python takes a cut number at the top for a whole one."""
    body = b"[" + body
    text = body.decode("latin-1")
    try:
        json.JSONDecoder(parse_constant=lambda _: json.loads("?")).raw_decode(text)
    except json.JSONDecodeError:
        assert syntax_error(body) is not None
    else:
        assert syntax_error(body) is None
