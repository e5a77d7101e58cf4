"""From text to tokens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from proxy.dialect.prompts.template.errors import TemplateError, shown

LEFT, RIGHT = "{{", "}}"
_SPACES = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]+")
_OPEN = re.compile(r"\{\{(?:-(?=[ \t\r\n]))?")
_CLOSE = re.compile(r"(?:[ \t\r\n]-)?\}\}")
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_CHARACTER = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_RAW = re.compile(r"`[^`]*`")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*\.?[0-7_]*|0[bB][01_]*\.?[01_]*"
    r"|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9_]*)?)i?"
)
_DIGITS = frozenset("0123456789")
_ENDS_A_NAME = _SPACES + ".,|:)("
KEYWORDS = frozenset(
    ("block", "break", "continue", "define", "else", "end", "if", "range", "template", "with")
)


class Kind(Enum):
    TEXT = auto()
    LEFT = auto()
    RIGHT = auto()
    SPACE = auto()
    FIELD = auto()
    VARIABLE = auto()
    IDENTIFIER = auto()
    KEYWORD = auto()
    DOT = auto()
    NIL = auto()
    BOOL = auto()
    NUMBER = auto()
    CHARACTER = auto()
    STRING = auto()
    PIPE = auto()
    ASSIGN = auto()
    DECLARE = auto()
    OPEN = auto()
    CLOSE = auto()
    OTHER = auto()
    END = auto()


_SIGNS = {"|": Kind.PIPE, "=": Kind.ASSIGN, "(": Kind.OPEN, ")": Kind.CLOSE}
_WORDS = {"nil": Kind.NIL, "true": Kind.BOOL, "false": Kind.BOOL, **dict.fromkeys(KEYWORDS, Kind.KEYWORD)}
_QUOTES = {
    '"': (_QUOTED, Kind.STRING, "unterminated quoted string"),
    "`": (_RAW, Kind.STRING, "unterminated raw quoted string"),
    "'": (_CHARACTER, Kind.CHARACTER, "unterminated character constant"),
}


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    line: int

    def __str__(self) -> str:
        return "EOF" if self.kind is Kind.END else shown(self.text).replace("\n", "\\n")


def tokens(text: str) -> list[Token]:
    return list(_Lexer(text).tokens())


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._line = 1
        self._parentheses = 0

    def tokens(self) -> Iterator[Token]:
        trimmed = False
        while True:
            opening = _OPEN.search(self._text, self._position)
            yield from self._plain(opening, trimmed=trimmed)
            if opening is None:
                yield Token(Kind.END, "", self._line)
                return
            self._advance(opening.end())
            comment = 1 if opening[0] != LEFT else 0
            if self._text.startswith("/*", self._position + comment):
                trimmed = self._comment(self._position + comment)
            else:
                yield Token(Kind.LEFT, LEFT, self._line)
                self._advance(self._position + comment)
                yield from self._action()
                trimmed = self._close()
                yield Token(Kind.RIGHT, RIGHT, self._line)

    def _plain(self, opening: re.Match[str] | None, *, trimmed: bool) -> Iterator[Token]:
        end = len(self._text) if opening is None else opening.start()
        text = self._text[self._position : end]
        line = self._line
        self._advance(end)
        if trimmed:
            text = text.lstrip(_SPACES)
        if opening is not None and opening[0] != LEFT:
            text = text.rstrip(_SPACES)
        if text:
            yield Token(Kind.TEXT, text, line)

    def _comment(self, start: int) -> bool:
        end = self._text.find("*/", start + 2)
        if end < 0:
            raise self._error("unclosed comment")
        self._advance(end + 2)
        if _CLOSE.match(self._text, self._position) is None:
            raise self._error("comment ends before closing delimiter")
        return self._close()

    def _close(self) -> bool:
        closing = _CLOSE.match(self._text, self._position)
        assert closing is not None  # noqa: S101 - who calls has looked
        self._advance(closing.end())
        return closing[0] != RIGHT

    def _action(self) -> Iterator[Token]:
        self._parentheses = 0
        while _CLOSE.match(self._text, self._position) is None:
            if self._position >= len(self._text):
                raise self._error("unclosed action")
            line = self._line
            kind, end = self._next(self._text[self._position])
            text = self._text[self._position : end]
            self._advance(end)
            yield Token(kind, text, line)
        if self._parentheses:
            raise self._error("unclosed left paren")

    def _next(self, first: str) -> tuple[Kind, int]:
        if first in _SPACES:
            return Kind.SPACE, self._end_of_space()
        if first in _QUOTES:
            return self._quoted(*_QUOTES[first])
        if first in "$+-." or _alphanumeric(first):
            return self._name_or_number(first)
        return self._sign(first)

    def _end_of_space(self) -> int:
        """The last space may belong to the closing delimiter."""
        match = _SPACE.match(self._text, self._position)
        end = match.end() if match else self._position
        if self._text.startswith("-}}", end) and end - 1 > self._position:
            return end - 1
        return end

    def _quoted(self, pattern: re.Pattern[str], kind: Kind, problem: str) -> tuple[Kind, int]:
        match = pattern.match(self._text, self._position)
        if match is None:
            raise self._error(problem)
        return kind, match.end()

    def _sign(self, sign: str) -> tuple[Kind, int]:
        if not sign.isprintable() or not sign.isascii():
            raise self._error(f"unrecognized character in action: U+{ord(sign):04X}")
        self._parentheses += {"(": 1, ")": -1}.get(sign, 0)
        if self._parentheses < 0:
            raise self._error("unexpected right paren")
        if sign != ":":
            return _SIGNS.get(sign, Kind.OTHER), self._position + 1
        if not self._text.startswith(":=", self._position):
            raise self._error("expected :=")
        return Kind.DECLARE, self._position + 2

    def _name_or_number(self, first: str) -> tuple[Kind, int]:
        number = self._position + (first == ".")
        if first in "+-" or self._text[number : number + 1] in _DIGITS:
            return Kind.NUMBER, self._end_of_number()
        return self._name(first) if first in "$." else self._word()

    def _name(self, first: str) -> tuple[Kind, int]:
        end = self._end_of_name(self._position + 1)
        self._check_name_ends(end)
        if first == "$":
            return Kind.VARIABLE, end
        return (Kind.DOT if end == self._position + 1 else Kind.FIELD), end

    def _word(self) -> tuple[Kind, int]:
        end = self._end_of_name(self._position)
        self._check_name_ends(end)
        return _WORDS.get(self._text[self._position : end], Kind.IDENTIFIER), end

    def _end_of_name(self, position: int) -> int:
        while position < len(self._text) and _alphanumeric(self._text[position]):
            position += 1
        return position

    def _check_name_ends(self, end: int) -> None:
        after = self._text[end : end + 2]
        if after and after[0] not in _ENDS_A_NAME and after != RIGHT:
            raise self._error(f"bad character U+{ord(after[0]):04X}")

    def _end_of_number(self) -> int:
        match = _NUMBER.match(self._text, self._position)
        end = match.end() if match else self._position
        after = self._text[end : end + 1]
        if after and (_alphanumeric(after) or after in "+-"):
            raise self._error(f"bad number syntax: {shown(self._text[self._position : end + 1])}")
        return end

    def _advance(self, position: int) -> None:
        self._line += self._text.count("\n", self._position, position)
        self._position = position

    def _error(self, message: str) -> TemplateError:
        return TemplateError.at(self._line, message)


def _alphanumeric(character: str) -> bool:
    return character == "_" or character.isalpha() or character.isdecimal()
