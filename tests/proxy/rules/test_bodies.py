"""How every route of Ollama's reads a body: as Go's decoder does."""

import json
from collections.abc import Iterator

import pytest

from tests.proxy.asking import CHAT
from tests.proxy.conftest import Stack
from tests.proxy.rules.table import ABLE, REQUESTS, Json, Row, rows

NO_JSON = {
    b"": "missing request body",
    b" \r\n\t": "missing request body",
    b"{": "unexpected EOF",
    b'{"model"': "unexpected EOF",
    b'{"model": "x': "unexpected EOF",
    b'{"model": "x",': "unexpected EOF",
    b"x": "invalid character 'x' looking for beginning of value",
    b"model=x&stream=false": "invalid character 'm' looking for beginning of value",
    b"{'model': 1}": r"invalid character '\'' looking for beginning of object key string",
    b'{"model": "x",}': "invalid character '}' looking for beginning of object key string",
    b'{"model" "x"}': "invalid character '\"' after object key",
    b'{"model": "x" "a": 1}': "invalid character '\"' after object key:value pair",
    b'{"a": [1 2]}': "invalid character '2' after array element",
    b'{"a": "\n"}': r"invalid character '\n' in string literal",
    b'{"a": "\\q"}': "invalid character 'q' in string escape code",
    b'{"a": "\\u00g0"}': r"invalid character 'g' in \u hexadecimal character escape",
    b'{"a": -}': "invalid character '}' in numeric literal",
    b'{"a": 1.}': "invalid character '}' after decimal point in numeric literal",
    b'{"a": 1e}': "invalid character '}' in exponent of numeric literal",
    b'{"a": True}': "invalid character 'T' looking for beginning of value",
    b'{"a": nil}': "invalid character 'i' in literal null (expecting 'u')",
    b"\xef\xbb\xbf{}": "invalid character 'ï' looking for beginning of value",
    b"[" * 200 + b"]" * 200: "exceeded max depth",
}


def wrong_bodies() -> Iterator[Row]:
    for route, (kind, model) in REQUESTS.items():
        for body, text in NO_JSON.items():
            yield Row(route, body, 400, text)
        yield Row(route, [], 400, f"json: cannot unmarshal array into Go value of type api.{kind}")
        yield Row(route, b'"x"', 400, f"json: cannot unmarshal string into Go value of type api.{kind}")
        yield Row(route, b"5 x", 400, f"json: cannot unmarshal number into Go value of type api.{kind}")
        for value, found in ((5, "number"), (1.5, "number"), (True, "bool"), ([], "array"), ({}, "object")):
            told = f"json: cannot unmarshal {found} into Go struct field {kind}.{model} of type string"
            yield Row(route, {model.upper(): value}, 400, told)


@rows(wrong_bodies())
def test_a_body_that_does_not_fit(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def asked(stack: Stack, body: bytes, content_type: str = "application/json") -> Json:
    """What the engine is asked for such a chat."""
    headers = {"content-type": content_type}
    answer = stack.client.post("/api/chat", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    whole: Json = stack.engine.wait_for(CHAT).json()
    return whole


BODY: Json = {"model": ABLE, "messages": [{"role": "user", "content": "hello"}], "stream": False}


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=latin-1", "nonsense", ""],
)
def test_whatever_the_content_type(ruled: Stack, content_type: str) -> None:
    assert asked(ruled, json.dumps(BODY).encode(), content_type)["messages"][0]["content"] == "hello"


def test_without_a_content_type(ruled: Stack) -> None:
    request = ruled.client.build_request("POST", "/api/chat", content=json.dumps(BODY).encode())
    request.headers.pop("content-type", None)
    assert ruled.client.send(request).status_code == 200


SAME = {
    "keys of any case": b'{"MODEL": "able", "Messages": [{"Role": "user", "CONTENT": "hello"}]}',
    "nulls": b'{"model": "able", "stream": null, "options": null, "format": null, "think": null, "tools": '
    b'null, "keep_alive": null, "messages": [{"role": "user", "content": "hello", "images": null}]}',
    "the last of two keys": b'{"model": "x", "model": "able", "messages": [], "messages": [{"role": "user", '
    b'"content": "hello"}]}',
    "a null that comes last": b'{"model": "able", "Model": null, "messages": [{"role": "user", '
    b'"content": "hello"}]}',
    "bytes after it": b'{"model": "able", "messages": [{"role": "user", "content": "hello"}]} trailing',
    "fields that nobody knows": b'{"model": "able", "n": 3, "made_up": {"a": []}, "messages": [{"role": '
    b'"user", "content": "hello", "mood": 1}], "options": {"made_up": [], "Temperature": "warm"}}',
    "roles of any case": b'{"model": "able", "messages": [{"role": "USER", "content": "hello"}]}',
    "whole floats": b'{"model": "able", "messages": [{"role": "user", "content": "hello"}], "top_logprobs": '
    b'0.0, "options": {"num_ctx": 2048.0}}',
}


@pytest.mark.parametrize("case", SAME)
def test_what_is_read_as_the_same(ruled: Stack, case: str) -> None:
    assert asked(ruled, SAME[case])["messages"] == [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"a\xffb", "a\ufffdb"),
        (rb"\ud83e\udd99", "\U0001f999"),
        (rb"\ud83e", "\ufffd"),
        (rb"\u0000", "\0"),
        (rb"\/", "/"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
    ],
)
def test_texts_that_are_no_utf_8(ruled: Stack, sent: bytes, read: str) -> None:
    body = json.dumps(BODY | {"stream": True}).encode().replace(b"hello", sent)
    assert asked(ruled, body)["messages"][0]["content"] == read


def test_floats_for_whole_numbers_also_deep_inside(ruled: Stack) -> None:
    call = {"function": {"index": 0.0, "name": "f", "arguments": {"x": 1.0}}}
    history = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": "1"}]
    options = {"num_predict": 5.0, "top_k": 40.7, "seed": 7.0}
    body = BODY | {"messages": history, "options": options, "logprobs": True, "top_logprobs": 2.0}
    got = asked(ruled, json.dumps(body).encode())
    assert (got["max_tokens"], got["top_k"], got["seed"], got["top_logprobs"]) == (5, 40, 7, 2)
    assert all(type(got[name]) is int for name in ("max_tokens", "top_k", "seed", "top_logprobs"))


def test_an_unknown_role_is_left_to_the_models_template(ruled: Stack) -> None:
    body = BODY | {"messages": [{"role": "Narrator", "content": "hello"}]}
    assert asked(ruled, json.dumps(body).encode())["messages"][0]["role"] == "narrator"
