"""Forms with files: whatever is read here is what other readers read."""

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialect.bodies.multipart import fields, replaced
from proxy.errors import ApiError

FORM = "multipart/form-data; boundary=x"

values = st.binary(max_size=30).filter(lambda value: b"\r\n--x" not in b"\r\n" + value)
parts = st.lists(st.tuples(st.sampled_from(["model", "file", "prompt", ""]), values), max_size=5)


def form(named: list[tuple[str, bytes]]) -> bytes:
    head = b'--x\r\nContent-Type: a/b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    return b"".join(head % (name.encode(), value) for name, value in named) + b"--x--\r\n"


@given(named=parts)
def test_every_value_is_where_it_is_said_to_be(named: list[tuple[str, bytes]]) -> None:
    body = form(named)
    assert [(one.name, body[one.start : one.end]) for one in fields(body, FORM)] == named


@given(named=parts.filter(bool), value=values)
def test_one_value_is_replaced_and_no_other(named: list[tuple[str, bytes]], value: bytes) -> None:
    body = form(named)
    first = fields(body, FORM)[0]
    assert replaced(body, first, value) == form([(named[0][0], value), *named[1:]])


pieces = st.sampled_from(
    [
        *('form-data; name="a"', "; ", 'name="b"', "name=b", "name*=utf-8''b", "filename=", '"', "\\", '\\"'),
        *(";", "=", " ", "\t", "\r\n ", "form-data", 'filename="c; name=b"', "name*0=b", "a", "\r\nX: y"),
    ]
)


@given(text=st.lists(pieces, max_size=6).map("".join))
def test_a_name_is_one_that_others_read_too(text: str) -> None:
    head = f"Content-Disposition: {text}".encode()
    try:
        (field,) = fields(b"--x\r\n%s\r\n\r\nv\r\n--x--" % head, FORM)
    except (ApiError, ValueError):
        return
    read = message_from_bytes(head, policy=policy.compat32)
    assert read.get_param("name", header="content-disposition") == field.name


@given(body=st.binary(max_size=80) | st.lists(st.sampled_from([b"\r\n", b"--x", b"--", b"a"])).map(b"".join))
def test_nothing_is_a_failure_of_ours(body: bytes) -> None:
    try:
        found = fields(body, FORM)
    except ApiError:
        return
    assert all(0 < one.start <= one.end <= len(body) for one in found)


@pytest.mark.parametrize("content_type", [FORM, 'Multipart/Form-Data ;boundary="x" '])
def test_ways_to_write_the_boundary(content_type: str) -> None:
    body = b"preamble\r\n" + form([("model", b"a")]) + b"epilogue"
    (field,) = fields(body, content_type)
    assert (field.name, body[field.start : field.end]) == ("model", b"a")
