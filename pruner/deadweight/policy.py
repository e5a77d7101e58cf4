"""Policies: tables that people read, one row to a line, columns parted by blanks.

    # action  for       MB  pattern                reason
    keep      all        -  torch/bin/torch_shm_*  torch does not import without it
    delete    all      4.1  torch/bin/*            test programs
    link      cuda    14.0  */libz3.so             the same library in two wheels
    strip     cpu     85.2  torch/lib/libtorch_*   symbols

A pattern is a glob below site-packages, or below the environment with a leading `/`; `{a,b}` stands for
either. MB are the 10^6 bytes that the row frees, measured when it was written.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from pruner.errors import PrunerError

TOLERANCE = 0.25
"""How far a row may be from what it says, as a part of that."""
LEAST = 0.25
"""How far it may be in any case, in MB."""


class Action(StrEnum):
    KEEP = "keep"
    """Shields from the rows below."""
    DELETE = "delete"
    STRIP = "strip"
    """Symbols and debug data go; no byte that is loaded moves."""
    LINK = "link"
    """Files that equal one another become one file with several names."""


class Family(StrEnum):
    """What an installation runs on."""

    CPU = "cpu"
    CUDA = "cuda"
    ROCM = "rocm"


ALL = "all"


@dataclass(frozen=True)
class Row:
    place: str
    """`torch.txt:12`."""
    action: Action
    families: frozenset[Family]
    megabytes: float | None
    """None where nothing is freed, or nobody has measured it yet."""
    pattern: str
    reason: str

    @property
    def table(self) -> str:
        return self.place.rpartition(":")[0]

    @property
    def globs(self) -> tuple[str, ...]:
        """The pattern without braces: each of these is to find something."""
        return _alternatives(self.pattern)

    def is_near(self, freed: int) -> bool:
        if self.megabytes is None:
            return True
        return abs(freed / 1e6 - self.megabytes) <= max(LEAST, TOLERANCE * self.megabytes)


def read_policy(path: Path) -> tuple[Row, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PrunerError(f"cannot read the policy {path}: {error}") from None
    return tuple(_rows(lines, path.name))


def _rows(lines: list[str], name: str) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            yield _row(line, f"{name}:{number}")


def _row(line: str, place: str) -> Row:
    fields = line.split(None, 4)
    if len(fields) != 5:
        raise PrunerError(
            f"{place}: {line.strip()!r} is no row",
            hint="a row is ACTION FOR MB PATTERN REASON, blanks between",
        )
    action, families, megabytes, pattern, reason = fields
    return Row(
        place,
        _action(action, place),
        _families(families, place),
        _megabytes(megabytes, place),
        _pattern(pattern, place),
        reason,
    )


def _action(text: str, place: str) -> Action:
    if text not in list(Action):
        raise PrunerError(f"{place}: no action is called {text!r}", hint=f"there are {', '.join(Action)}")
    return Action(text)


def _families(text: str, place: str) -> frozenset[Family]:
    names = list(Family) if text == ALL else text.split(",")
    strangers = [name for name in names if name not in list(Family)]
    if strangers:
        raise PrunerError(
            f"{place}: no family is called {strangers[0]!r}", hint=f"there are {ALL}, {', '.join(Family)}"
        )
    return frozenset(map(Family, names))


def _megabytes(text: str, place: str) -> float | None:
    if text == "-":
        return None
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise PrunerError(f"{place}: {text!r} is no size in MB", hint="such as 4.1, or - where none is known")
    return float(text)


def _pattern(text: str, place: str) -> str:
    globs = _alternatives(text)
    if any(set(glob) & set("{}") for glob in globs):
        raise PrunerError(
            f"{place}: the braces of {text!r} do not pair", hint="such as lib/{a,b}.so, none in another"
        )
    if any(_leads_out(glob) for glob in globs):
        raise PrunerError(f"{place}: {text!r} leads out of the tree")
    return text


def _alternatives(pattern: str) -> tuple[str, ...]:
    parts = re.split(r"\{([^{}]*)\}", pattern)
    choices = [part.split(",") if index % 2 else [part] for index, part in enumerate(parts)]
    return tuple("".join(choice) for choice in itertools.product(*choices))


def _leads_out(glob: str) -> bool:
    below = glob.removeprefix("/")
    return not below or below.startswith("/") or ".." in PurePosixPath(below).parts
