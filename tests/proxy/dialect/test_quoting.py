"""Texts as Go quotes them."""

import pytest

from proxy.dialect.bodies.quoting import quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", '""'),
        ("a'b", '"a\'b"'),
        ('a"b\\', r'"a\"b\\"'),
        ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
        ("\0\x1b\x7f", r'"\x00\x1b\x7f"'),
        ("\u00e9\u65e5\U0001f999", '"\u00e9\u65e5\U0001f999"'),
        ("\u0080\u00a0\u00ad\u2028\ufeff", r'"\u0080\u00a0\u00ad\u2028\ufeff"'),
        ("\U000e0001", r'"\U000e0001"'),
    ],
)
def test_quoted(text: str, shown: str) -> None:
    assert quoted(text) == shown
