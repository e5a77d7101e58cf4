"""Which target a person means: by its name alone. Whoever says something else is told what it is called."""

import difflib
import re

from builder.errors import UsageError
from builder.targets.model import Catalog, Target

_CHIP = re.compile(r"gfx[0-9a-f]{3,4}|sm_[0-9]{2,3}")
_ALMOST_A_NAME = re.compile(r"gfx|sm|cp|[0-9]", re.IGNORECASE)
_WORDS = re.compile(r"[a-z]+|[0-9]+")
_TELLING = 3
"""The end of a name tells enough from so many digits on, and from one letter more."""


def pick_target(catalog: Catalog, name: str) -> Target:
    """The target of that name, or an error that says which ones there are, and which may be meant."""
    if name in catalog.targets:
        return catalog.targets[name]
    why = f": {catalog.unserved[name]}" if name in catalog.unserved else ""
    hint = (
        _by_nickname(catalog, name) or f"{_guess(catalog, name)}known targets: {', '.join(catalog.targets)}"
    )
    raise UsageError(f"there is no target {name!r}{why}", hint=hint)


def _guess(catalog: Catalog, name: str) -> str:
    """What is nearly a chip's name may be a slip; another chip's name is none, and its nearest neighbour
    would not run there."""
    if _CHIP.fullmatch(name) or not _ALMOST_A_NAME.match(name):
        return ""
    near = difflib.get_close_matches(name.lower(), catalog.targets, n=1, cutoff=0.5)
    return f"did you mean {near[0]}? " if near else ""


def _by_nickname(catalog: Catalog, name: str) -> str:
    """Which chip people mean by a name, and what its nearest relatives are called: one is easily taken for
    the other, and what is made for one does not run on the other."""
    found = [
        (likeness, chip, nickname)
        for chip, target in catalog.targets.items()
        for nickname in target.hardware
        if (likeness := _likeness(name, nickname))
    ]
    best = max((likeness for likeness, _, _ in found), default=0)
    meant = {chip: nickname for likeness, chip, nickname in reversed(found) if likeness == best}
    if len(meant) != 1:
        return ""
    (chip, nickname), *_ = meant.items()
    relatives = ", ".join(
        f"{other} is {relative.hardware[0]}"
        for other, relative in catalog.targets.items()
        if other != chip and relative.family == catalog.targets[chip].family and relative.hardware
    )
    aside = f" ({relatives})" if relatives else ""
    return f"{nickname} is {chip}{aside}; targets are named by the chip's code"


def _likeness(name: str, nickname: str) -> int:
    """How much of a nickname is said: all of it somewhere, or its end. An A100 is no A10."""
    said, words = name.lower(), _WORDS.findall(nickname.lower())
    if re.search(_apart(words[0], r"(?<!%s)") + r"[\W_]*".join(words) + _apart(words[-1], "(?!%s)"), said):
        return len("".join(words))
    end = "".join(_WORDS.findall(said))
    tells = len(end) > _TELLING or (len(end) == _TELLING and end.isdecimal())
    return len(end) if tells and "".join(words).endswith(end) else 0


def _apart(word: str, form: str) -> str:
    """Nothing of a word's own kind stands at its side."""
    return form % ("[0-9]" if word.isdecimal() else "[a-z]")
