"""How figures and names are written for people."""

import re
import unicodedata

_UNITS = ("B", "kB", "MB", "GB")
_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def size(count: float) -> str:
    """In decimal units, as image sizes are given: 812 B, 14.2 MB, 1.38 GB."""
    return _in(_unit(count), count)


def change(before: int, after: int) -> str:
    """502.8 -> 226.4 MB: both in the unit of the larger one."""
    unit = _unit(max(before, after))
    first = _in(unit, before).rpartition(" ")[0]
    return f"{first} -> {_in(unit, after)}"


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


def count(number: int, singular: str, plural: str = "") -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def printable(text: str) -> str:
    """Without what would steer a terminal or cannot be written; such a letter shows as its number."""
    return _STEERING.sub(lambda letter: f"\\x{ord(letter[0]):02x}", text)


def columns(text: str) -> int:
    """How wide a terminal draws it."""
    return sum(_width(letter) for letter in text)


def cut(text: str, width: int) -> str:
    """The beginning that fits, ended by an ellipsis where something is missing."""
    if columns(text) <= width:
        return text
    used, shown = 0, ""
    for letter in text:
        used += _width(letter)
        if used > width - 1:
            break
        shown += letter
    return shown + "\u2026"


def _width(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _unit(count: float) -> int:
    return next((power for power in range(3) if count < 1000 ** (power + 1)), 3)


def _in(power: int, count: float) -> str:
    digits = (0, 1, 1, 2)[power]
    return f"{count / 1000**power:,.{digits}f} {_UNITS[power]}"
