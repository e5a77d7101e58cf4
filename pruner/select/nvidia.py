"""Which code an NVIDIA chip runs.

exact, family  machine code of its own generation and no newer: the newest of it stays, with its variants
intermediate   PTX no newer than the chip, which the driver compiles: stays as `Ptx` says

A variant tells how far code carries: plain and `f` (family) within a generation, `a` nowhere else.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pruner.archs import TEGRA, Ptx, Sm
from pruner.formats.base import Choice, Match


class Kind(StrEnum):
    SASS = "sm"
    PTX = "compute"


@dataclass(frozen=True)
class Code:
    """What a piece of code was compiled for."""

    kind: Kind
    number: int
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.kind}_{self.number}{self.variant}"


def _same_family(number: int, target: int) -> bool:
    same_board = number == target or not {number, target} & TEGRA
    return same_board and number // 10 == target // 10 and number <= target


_RUNS: dict[tuple[Kind, str], Callable[[int, int], bool]] = {
    (Kind.SASS, ""): _same_family,
    (Kind.SASS, "f"): _same_family,
    (Kind.SASS, "a"): operator.eq,
    (Kind.PTX, ""): operator.le,
    (Kind.PTX, "f"): _same_family,
    (Kind.PTX, "a"): operator.eq,
}
"""Whether code for the first number can run on the second."""

_LABEL = re.compile(r"(sm|compute)_([1-9][0-9]{1,2})([af]?)")


def read_label(label: str) -> Code | None:
    """What a label says: `sm_90a`, `compute_80`; None: it is no such name."""
    found = _LABEL.fullmatch(label)
    return Code(Kind(found[1]), int(found[2]), found[3]) if found else None


def match(code: Code, target: Sm) -> Match:
    """How this code, were there no better one, serves the chip."""
    if not _RUNS[code.kind, code.variant](code.number, target.number):
        return Match.NONE
    if code.kind is Kind.PTX:
        return Match.INTERMEDIATE
    return Match.EXACT if code.number == target.number else Match.FAMILY


def choose(codes: Sequence[Code | None], targets: Sequence[Sm], ptx: Ptx) -> Choice:
    """What of one region stays for these chips. None stands for what stays in any case, and serves nobody."""
    kept = {index for index, code in enumerate(codes) if code is None}
    serves = []
    for target in targets:
        machine = _best(codes, Kind.SASS, target)
        portable = _best(codes, Kind.PTX, target)
        kept |= machine
        if ptx is Ptx.ALWAYS or not machine:
            kept |= portable
        served = (match(code, target) for index in machine or portable if (code := codes[index]) is not None)
        serves.append((str(target), next(served, Match.NONE)))
    if ptx is Ptx.NEWEST:
        kept |= _newest_ptx(codes)
    return Choice(tuple(sorted(kept)), tuple(serves))


def _best(codes: Sequence[Code | None], kind: Kind, target: Sm) -> set[int]:
    """The newest code of this kind that runs on the chip, each variant of it."""
    numbers = {
        index: code.number
        for index, code in enumerate(codes)
        if code is not None and code.kind is kind and match(code, target) is not Match.NONE
    }
    return _highest(numbers)


def _newest_ptx(codes: Sequence[Code | None]) -> set[int]:
    """The newest PTX that chips to come can use, which its variants do not reach."""
    return _highest(
        {
            index: code.number
            for index, code in enumerate(codes)
            if code is not None and code.kind is Kind.PTX and not code.variant
        }
    )


def _highest(numbers: dict[int, int]) -> set[int]:
    highest = max(numbers.values(), default=0)
    return {index for index, number in numbers.items() if number == highest}
