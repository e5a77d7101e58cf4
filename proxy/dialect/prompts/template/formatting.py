"""One string, number or bool by one verb of printf."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from proxy.dialect.prompts.template import floats
from proxy.dialect.prompts.template.values import encoded

_ESCAPES = {7: "\\a", 8: "\\b", 12: "\\f", 10: "\\n", 13: "\\r", 9: "\\t", 11: "\\v", 92: "\\\\"}
_BASES = {
    "b": ("b", "0b"),
    "o": ("o", "0"),
    "O": ("o", ""),
    "x": ("x", "0x"),
    "X": ("X", "0X"),
    "d": ("d", ""),
}


@dataclass(frozen=True, slots=True)
class Verb:
    letter: str = "v"
    flags: str = ""
    width: int = 0
    precision: int | None = None

    @property
    def named(self) -> bool:
        """Structs say the names of their fields."""
        return "n" in self.flags or self.in_go

    @property
    def in_go(self) -> bool:
        """Values are written as in a program."""
        return "g" in self.flags

    def pad(self, text: str) -> str:
        missing = self.width - len(text)
        if missing <= 0:
            return text
        if "-" in self.flags:
            return text + " " * missing
        return ("0" if "0" in self.flags else " ") * missing + text

    def pad_number(self, sign: str, digits: str, *, zeros: bool = True) -> str:
        """Zeros stand between the sign and the digits."""
        if zeros and "0" in self.flags and "-" not in self.flags:
            return sign + digits.rjust(self.width - len(sign), "0")
        text = sign + digits
        return text.ljust(self.width) if "-" in self.flags else text.rjust(self.width)

    def sign(self, *, negative: bool) -> str:
        if negative:
            return "-"
        return "+" if "+" in self.flags else " " if " " in self.flags else ""


def of_bool(value: bool, verb: Verb) -> str | None:
    return verb.pad("true" if value else "false") if verb.letter in "tv" else None


def of_text(text: str, verb: Verb) -> str | None:
    match verb.letter:
        case "v" if verb.in_go:
            return verb.pad(quoted(text))
        case "s" | "v":
            return verb.pad(text[: verb.precision])
        case "q":
            return verb.pad(_quoted_by(text[: verb.precision], verb))
        case "x" | "X":
            return verb.pad(_hexadecimal(encoded(text)[: verb.precision], verb))
    return None


def _quoted_by(text: str, verb: Verb) -> str:
    raw = "#" in verb.flags and "`" not in text and all(c.isprintable() or c == "\t" for c in text)
    return f"`{text}`" if raw else quoted(text, ascii_only="+" in verb.flags)


def _hexadecimal(data: bytes, verb: Verb) -> str:
    prefix = f"0{verb.letter}" if "#" in verb.flags and data else ""
    apart = " " in verb.flags
    pairs = data.hex(" ").split() if apart else [data.hex()]
    written = (" " + prefix if apart else "").join(pairs)
    return prefix + (written.upper() if verb.letter == "X" else written)


def of_int(value: int, verb: Verb) -> str | None:
    letter = "d" if verb.letter == "v" else verb.letter
    if letter in _BASES:
        return _in_base(value, verb, letter)
    match letter:
        case "c":
            return verb.pad(_character(value))
        case "q":
            return verb.pad(_quoted_character(value, ascii_only="+" in verb.flags))
        case "U":
            shown = f" '{chr(value)}'" if "#" in verb.flags and _printable(value) else ""
            return verb.pad(f"U+{value & (2**64 - 1):04X}{shown}")
    return None


def _in_base(value: int, verb: Verb, letter: str) -> str:
    code, prefix = _BASES[letter]
    digits = format(abs(value), code)
    if verb.precision is not None:
        digits = "" if verb.precision == 0 and value == 0 else digits.rjust(verb.precision, "0")
    if not digits:
        return " " * verb.width
    sign = verb.sign(negative=value < 0)
    marked = prefix if "#" in verb.flags and not (letter == "o" and digits[0] == "0") else ""
    if letter == "O":
        marked = "0o"
    if "0" in verb.flags and verb.precision is None and "-" not in verb.flags:
        digits = digits.rjust(verb.width - len(sign), "0")
    return verb.pad_number("", sign + marked + digits, zeros=False)


def _character(value: int) -> str:
    valid = 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000
    return chr(value) if valid else "\ufffd"


def _printable(value: int) -> bool:
    return 0 <= value <= 0x10FFFF and chr(value).isprintable()


def _quoted_character(value: int, *, ascii_only: bool) -> str:
    character = _character(value)
    return "'\\''" if character == "'" else f"'{_escaped(character, ascii_only=ascii_only)}'"


def quoted(text: str, *, ascii_only: bool = False) -> str:
    inner = "".join('\\"' if c == '"' else _escaped(c, ascii_only=ascii_only) for c in text)
    return f'"{inner}"'


def _escaped(character: str, *, ascii_only: bool) -> str:
    code = ord(character)
    if code in _ESCAPES:
        return _ESCAPES[code]
    if 0xDC80 <= code < 0xDD00:
        return f"\\x{code - 0xDC00:02x}"
    if character.isprintable() and (code < 0x80 or not ascii_only):
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_FLOATS: dict[str, Callable[[float, int | None], str]] = {
    "e": lambda value, precision: f"{value:.{6 if precision is None else precision}e}",
    "f": lambda value, precision: f"{value:.{6 if precision is None else precision}f}",
    "g": lambda value, precision: (
        floats.shortest(value) if precision is None else f"{value:.{precision or 1}g}"
    ),
    "x": lambda value, _: floats.hexadecimal(value),
}


def of_float(value: float, verb: Verb) -> str | None:
    letter = verb.letter.lower() if verb.letter in "EFGX" else "g" if verb.letter == "v" else verb.letter
    if letter not in _FLOATS:
        return None
    sign = verb.sign(negative=math.copysign(1, value) < 0)
    finite = math.isfinite(value)
    digits = (
        _FLOATS[letter](abs(value), verb.precision) if finite else floats.shortest(abs(value)).lstrip("+")
    )
    if verb.letter in "EGX":
        digits = digits.upper()
    return verb.pad_number(sign, digits, zeros=finite)
