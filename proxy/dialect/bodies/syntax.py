"""What Ollama says of a body that is no JSON, in the words of Go's scanner.

Looked at only once a decoder has refused the body: it finds the first byte that cannot stand where it
stands, and says so. Bytes count as Go counts them, one by one, so that a cut character shows as itself."""

import re
from dataclasses import dataclass

from proxy.dialect.bodies.quoting import escaped

END = "unexpected EOF"
# As many bytes of structure, keys and values are looked at before it gives up.
_STEPS = 10_000

_SPACE = re.compile(rb"[ \t\r\n]*")
_WHOLE_NUMBER = rb"-?(?:0|[1-9][0-9]*+)"
_NUMBER = re.compile(_WHOLE_NUMBER + rb"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# A number that must go on with a digit, and does not.
_CUT_NUMBERS = (
    (re.compile(rb"-(?![0-9])"), "in numeric literal"),
    (re.compile(_WHOLE_NUMBER + rb"\.(?![0-9])"), "after decimal point in numeric literal"),
    (
        re.compile(_WHOLE_NUMBER + rb"(?:\.[0-9]++)?[eE][+-]?+(?![0-9])"),
        "in exponent of numeric literal",
    ),
)
_STRING_START = re.compile(rb'"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+')
_HEX = re.compile(rb"\\u[0-9a-fA-F]*")
_LITERALS = {b"t": b"true", b"f": b"false", b"n": b"null"}

_VALUE = "looking for beginning of value"
_FIRST_ELEMENT = "looking for beginning of value "
_KEY = "looking for beginning of object key string"
_FIRST_KEY = "looking for beginning of object key string "
_COLON = "after object key"
_PAIR_END = "after object key:value pair"
_ELEMENT_END = "after array element"

# Where a byte of structure leads from where it stands. None closes the innermost object or array.
_MOVES: dict[tuple[str, bytes], str | None] = {
    (_FIRST_ELEMENT, b"]"): None,
    (_FIRST_KEY, b"}"): None,
    (_COLON, b":"): _VALUE,
    (_PAIR_END, b","): _KEY,
    (_PAIR_END, b"}"): None,
    (_ELEMENT_END, b","): _VALUE,
    (_ELEMENT_END, b"]"): None,
}
_OPENINGS = {b"{": (_PAIR_END, _FIRST_KEY), b"[": (_ELEMENT_END, _FIRST_ELEMENT)}


class _FaultError(Exception):
    pass


@dataclass(slots=True)
class _Scan:
    """`place` says what must come next, `around` what must come after each container that is open."""

    body: bytes
    at: int
    place: str
    around: list[str]

    def step(self) -> None:
        self.at = _end(_SPACE, self.body, self.at)
        found = self.body[self.at : self.at + 1]
        if (self.place, found) in _MOVES:
            self._move(_MOVES[self.place, found])
        elif self.place in (_VALUE, _FIRST_ELEMENT) and found in _OPENINGS:
            after, self.place = _OPENINGS[found]
            self.around.append(after)
            self.at += 1
        elif self.place in (_VALUE, _FIRST_ELEMENT):
            self.at = _scalar(self.body, self.at)
            self.place = self.around[-1] if self.around else ""
        elif self.place in (_KEY, _FIRST_KEY) and found == b'"':
            self.at = _string(self.body, self.at)
            self.place = _COLON
        else:
            raise _fault(self.body, self.at, self.place.rstrip())

    def _move(self, place: str | None) -> None:
        self.at += 1
        if place is None:
            self.around.pop()
            place = self.around[-1] if self.around else ""
        self.place = place


def syntax_error(body: bytes) -> str | None:
    """None where nothing is wrong with the first value, or not so soon."""
    scan = _Scan(body, 0, _VALUE, [])
    try:
        for _ in range(_STEPS):
            if not scan.place:
                break
            scan.step()
    except _FaultError as fault:
        return str(fault)
    return None


def _fault(body: bytes, at: int, context: str) -> _FaultError:
    if at >= len(body):
        return _FaultError(END)
    found = chr(body[at])
    shown = r"\'" if found == "'" else escaped(found)
    return _FaultError(f"invalid character '{shown}' {context}")


def _scalar(body: bytes, at: int) -> int:
    """Where the value ends that begins here."""
    first = body[at : at + 1]
    if first == b'"':
        return _string(body, at)
    if first in _LITERALS:
        return _literal(body, at, _LITERALS[first])
    for pattern, context in _CUT_NUMBERS:
        cut = pattern.match(body, at)
        if cut is not None:
            raise _fault(body, cut.end(), context)
    end = _end(_NUMBER, body, at)
    if end == at:
        raise _fault(body, at, _VALUE)
    return end


def _string(body: bytes, at: int) -> int:
    end = _end(_STRING_START, body, at)
    if body[end : end + 1] == b'"':
        return end + 1
    if body[end : end + 2] == b"\\u":
        raise _fault(body, _end(_HEX, body, end), r"in \u hexadecimal character escape")
    if body[end : end + 1] == b"\\":
        raise _fault(body, end + 1, "in string escape code")
    raise _fault(body, end, "in string literal")


def _literal(body: bytes, at: int, literal: bytes) -> int:
    for position, expected in enumerate(literal):
        if body[at + position : at + position + 1] != literal[position : position + 1]:
            raise _fault(body, at + position, f"in literal {literal.decode()} (expecting '{chr(expected)}')")
    return at + len(literal)


def _end(pattern: re.Pattern[bytes], body: bytes, at: int) -> int:
    match = pattern.match(body, at)
    return match.end() if match else at
