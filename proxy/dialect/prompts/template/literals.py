"""Strings, characters and numbers as Go writes them.

Go's strings are bytes: those that are no UTF-8 are in our text as escaped ones ("surrogateescape")."""

import re

from proxy.dialect.prompts.template.errors import TemplateError, shown

_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34}
_ESCAPE = re.compile(
    r"""\\(?:(?P<simple>[abfnrtv\\'"])|(?P<octal>[0-7]{3})|x(?P<byte>[0-9a-fA-F]{2})"""
    r"""|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8}))"""
)
_PLAIN = re.compile(r"[^\\]+")
_INTEGER = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>(?:_?[0-9a-fA-F])+)|0[bB](?P<binary>(?:_?[01])+)"
    r"|0[oO]?(?P<octal>(?:_?[0-7])+)|(?P<decimal>0|[1-9](?:_?[0-9])*))",
    re.ASCII,
)
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}
_INT64 = range(-(2**63), 2**63)


def string(quoted: str) -> str:
    inner = quoted[1:-1]
    if quoted[0] == "`":
        return inner.replace("\r", "")
    data = b"".join(_pieces(inner, quoted))
    return data.decode("utf-8", "surrogateescape")


def _pieces(inner: str, quoted: str) -> list[bytes]:
    pieces, position = [], 0
    while position < len(inner):
        match = _PLAIN.match(inner, position)
        if match is not None:
            pieces.append(match[0].encode("utf-8", "surrogateescape"))
        else:
            match = _ESCAPE.match(inner, position)
            if match is None or match["simple"] == "'":
                raise TemplateError(f"invalid syntax in {shown(quoted)}")
            pieces.append(_escaped_bytes(match, quoted))
        position = match.end()
    return pieces


def _escaped_bytes(match: re.Match[str], quoted: str) -> bytes:
    value = _escaped(match, quoted)
    if match["octal"] or match["byte"]:
        return bytes([value])
    return chr(value).encode()


def _escaped(match: re.Match[str], quoted: str) -> int:
    if match["simple"]:
        return _SIMPLE[match["simple"]]
    if match["octal"]:
        value, limit = int(match["octal"], 8), 0xFF
    else:
        value, limit = int(match["byte"] or match["short"] or match["long"], 16), 0x10FFFF
    if value > limit or (not match["octal"] and 0xD800 <= value < 0xE000):
        raise TemplateError(f"invalid syntax in {shown(quoted)}")
    return value


def character(quoted: str) -> int:
    inner = quoted[1:-1]
    if len(inner) == 1 and inner not in "\\'":
        return ord(inner)
    match = _ESCAPE.fullmatch(inner)
    if match is None or match["simple"] == '"':
        raise TemplateError(f"malformed character constant: {shown(quoted)}")
    return _escaped(match, quoted)


def number(text: str) -> int | float:
    match = _INTEGER.fullmatch(text)
    if match is None:
        return _float(text)
    base = _BASES[match.lastgroup or ""]
    digits = match[match.lastgroup or ""].replace("_", "")
    value = _whole(digits, base) * (-1 if match["sign"] == "-" else 1)
    if value not in _INT64:
        raise TemplateError(f"integer overflow: {shown(text)}")
    return value


def _whole(digits: str, base: int) -> int:
    """A number of thousands of digits would take long to read."""
    return int(digits.lstrip("0")[:80] or "0", base)


def _float(text: str) -> float:
    try:
        value = float.fromhex(text.replace("_", "")) if _hexadecimal(text) else float(text)
    except (ValueError, OverflowError):
        value = float("inf")
    if value in (float("inf"), float("-inf")) or not set(text) & set(".eEpP"):
        raise TemplateError(f"illegal number syntax: {shown(text)}")
    return value


def _hexadecimal(text: str) -> bool:
    return text.lstrip("+-")[:2] in ("0x", "0X") and "p" in text.lower()
