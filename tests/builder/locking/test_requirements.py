"""Hashed requirement files: what is written is read back, and nothing half-pinned gets through."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.errors import ConfigError
from builder.requirements import Requirement, emit, normalise, parse, read

A, B = "a" * 64, "b" * 64

_REQUIREMENTS = st.builds(
    Requirement,
    st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,2}", fullmatch=True),
    st.from_regex(r"([0-9]!)?[0-9]{1,4}(\.[0-9]{1,3}){0,3}(rc1|\.post2|\.dev0)?(\+cpu)?", fullmatch=True),
    st.sampled_from(
        ["", "sys_platform == 'win32'", "python_version < '3.12' and platform_machine == 'aarch64'"]
    ),
    st.sets(st.text("0123456789abcdef", min_size=64, max_size=64), min_size=1, max_size=3).map(
        lambda hashes: tuple(sorted(hashes))
    ),
)


@settings(max_examples=40)
@given(st.lists(_REQUIREMENTS, max_size=12, unique_by=lambda requirement: requirement.name))
def test_what_is_written_is_read_back(requirements: list[Requirement]) -> None:
    text = emit(requirements, ["a header", ""])
    assert parse(text) == sorted(requirements)
    assert emit(parse(text), ["a header", ""]) == text


def test_reads_what_people_and_tools_write() -> None:
    text = f"""
    # a comment
    Foo.Bar_baz==1.0+cpu ; python_version >= "3.11" \\
        --hash=sha256:{B} \\
        # between
        --hash=sha256:{A}
        # via something
    other==2!3.0rc1 --hash=sha256:{A} --hash=sha256:{A}
    """
    assert parse(text) == [
        Requirement("foo-bar-baz", "1.0+cpu", 'python_version >= "3.11"', (A, B)),
        Requirement("other", "2!3.0rc1", "", (A,)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo==1.0", "lock:1: foo has no hash"),
        ("\n\nfoo==1.0 \\\n", "lock:3: foo has no hash"),
        ("foo>=1.0 --hash=sha256:" + A, "not a pinned requirement: 'foo>=1.0"),
        ("foo --hash=sha256:" + A, "not a pinned requirement"),
        ("--index-url https://example.org/simple", "not a pinned requirement"),
        ("-r other.txt", "not a pinned requirement"),
        ("foo @ https://example.org/foo.whl --hash=sha256:" + A, "not a pinned requirement"),
        ("foo[extra]==1.0 --hash=sha256:" + A, "not a pinned requirement"),
        ("foo==1.* --hash=sha256:" + A, "not a pinned requirement"),
        ("foo==1.0 --hash=md5:" + "a" * 32, "not a sha256 hash"),
        ("foo==1.0 --hash=sha256:" + A[1:], "not a sha256 hash"),
        ("foo==1.0 --hash=sha256:" + A.upper(), "not a sha256 hash"),
        (f"foo==1.0 --hash=sha256:{A}\nFOO==1.1 --hash=sha256:{B}", "foo is locked twice"),
    ],
)
def test_refuses_what_is_not_wholly_pinned(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert message in error.value.message
    assert error.value.hint


def test_a_lock_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no lock at .*proxy\.txt") as error:
        read(tmp_path / "proxy.txt")
    assert error.value.hint == "write it with `build.py lock --only proxy`"


def test_a_lock_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not a text file"):
        read(tmp_path / "x.txt")


def test_names_have_one_spelling() -> None:
    assert {normalise(name) for name in ("Typing_Extensions", "typing.extensions", "typing--extensions")} == {
        "typing-extensions"
    }


def test_what_has_no_hash_is_named_in_the_header_and_read_again() -> None:
    pins = [Requirement("a", "1.0+rocm10", "", ()), Requirement("b", "2.0", "", ("0" * 64,))]
    text = emit(pins, ["x: for a test."])
    assert text.splitlines()[:2] == [
        "# x: for a test.",
        "# Without a hash, as their index was not reached: a",
    ]
    assert parse(text) == pins


def test_a_hash_that_went_missing_is_an_error_whatever_else_has_none() -> None:
    text = emit([Requirement("a", "1.0", "", ()), Requirement("b", "2.0", "", ("0" * 64,))])
    with pytest.raises(ConfigError, match="lock:3: b has no hash"):
        parse(text.replace(" \\\n    --hash=sha256:" + "0" * 64, ""))
