"""What a chip is called, and what a run is asked to keep."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from reprlib import repr as _short

from pruner.errors import PrunerError

GENERICS: dict[str, frozenset[str]] = {
    "gfx9-generic": frozenset({"gfx900", "gfx902", "gfx904", "gfx906", "gfx909", "gfx90c"}),
    "gfx9-4-generic": frozenset({"gfx940", "gfx941", "gfx942", "gfx950"}),
    "gfx10-1-generic": frozenset({"gfx1010", "gfx1011", "gfx1012", "gfx1013"}),
    "gfx10-3-generic": frozenset(f"gfx103{digit}" for digit in range(7)),
    "gfx11-generic": frozenset(
        {"gfx1100", "gfx1101", "gfx1102", "gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153"}
    ),
    "gfx12-generic": frozenset({"gfx1200", "gfx1201"}),
    "gfx12-5-generic": frozenset({"gfx1250", "gfx1251"}),
}
"""Which processors code for a generic one runs on."""

TEGRA = frozenset({53, 62, 72, 87, 101, 110})
"""Compute capabilities of boards whose code never mixes with a desktop card's of the same generation."""

FEATURES = ("sramecc", "xnack")
"""What AMD code may be compiled for with, without, or either way."""

_PROCESSOR = re.compile(r"gfx(?:[1-9][0-9a-f]{2,3}|[0-9]+(?:-[0-9]+)*-generic)")
_SM = re.compile(r"sm_([1-9][0-9]{1,2})[af]?")
_CHIP = re.compile(rf"{_PROCESSOR.pattern}(?::(?:{'|'.join(FEATURES)})[+-])*|{_SM.pattern}")
_WELL_KNOWN = (
    *sorted({chip for family in GENERICS.values() for chip in family}),
    *GENERICS,
    *("gfx803", "gfx908", "gfx90a"),
    *(f"sm_{number}" for number in (70, 75, 80, 86, 89, 90, 100, 103, 120, 121, *sorted(TEGRA))),
)
_EXAMPLES = "write it as gfx1151, gfx90a:xnack-, gfx11-generic, gfx1151=gfx1100 or sm_90"


class Ptx(StrEnum):
    """Which PTX, the code that the driver compiles for the GPU, stays beside the machine code."""

    NEEDED = "needed"
    """Only where a region has no machine code for the chip."""
    ALWAYS = "always"
    """The best that the chip can use, in every region."""
    NEWEST = "newest"
    """Also the newest of every region, for GPUs to come."""


@dataclass(frozen=True, order=True)
class Gfx:
    """An AMD chip, by what the runtime reports it as."""

    processor: str
    features: tuple[tuple[str, str], ...] = ()
    """Such as ("xnack", "-"); a feature that is not named stays in each of its forms."""
    chip: str = ""
    """The chip itself where the runtime is told to report it as another (HSA_OVERRIDE_GFX_VERSION)."""

    def __str__(self) -> str:
        served = "".join(f":{name}{sign}" for name, sign in self.features)
        name = f"{self.processor}{served}"
        return f"{self.chip}={name}" if self.chip else name


@dataclass(frozen=True, order=True)
class Sm:
    """An NVIDIA chip, by its compute capability without the dot."""

    number: int

    def __str__(self) -> str:
        return f"sm_{self.number}"


@dataclass(frozen=True)
class Wanted:
    """What stays: code for these chips."""

    gfx: tuple[Gfx, ...] = ()
    sm: tuple[Sm, ...] = ()
    ptx: Ptx = Ptx.NEEDED
    embedded: bool = False
    """Fat binaries buried in other data, such as cuBLASLt's .cask_resource, are emptied as well."""

    def __str__(self) -> str:
        return ", ".join(map(str, (*self.gfx, *self.sm)))


def parse_archs(texts: Iterable[str]) -> tuple[tuple[Gfx, ...], tuple[Sm, ...]]:
    """The chips that a command line names, each once, in its order."""
    chips = dict.fromkeys(_parse(text) for text in texts)
    if not chips:
        raise PrunerError("no chip is named", hint=_EXAMPLES)
    return (
        tuple(chip for chip in chips if isinstance(chip, Gfx)),
        tuple(chip for chip in chips if isinstance(chip, Sm)),
    )


def _parse(text: str) -> Gfx | Sm:
    if capability := _SM.fullmatch(text):
        return Sm(int(capability[1]))
    chip, alias, reported = text.rpartition("=")
    processor, *features = reported.split(":")
    for name in [chip, processor] if alias else [processor]:
        if not _PROCESSOR.fullmatch(name):
            meant = name if alias else text
            raise PrunerError(f"{_short(text)} is no name of a chip", hint=_hint(meant) or _EXAMPLES)
    return Gfx(processor, _features(text, features), chip if chip != processor else "")


def _features(text: str, written: Iterable[str]) -> tuple[tuple[str, str], ...]:
    signs: dict[str, str] = {}
    for feature in written:
        name, sign = feature[:-1], feature[-1:]
        if name not in FEATURES or sign not in ("+", "-"):
            known = " ".join(f"{name}+ {name}-" for name in FEATURES)
            raise PrunerError(
                f"{_short(text)}: {_short(feature)} is no feature of a chip", hint=f"features are {known}"
            )
        if signs.setdefault(name, sign) != sign:
            raise PrunerError(
                f"{_short(text)} asks for {name} both on and off", hint="name one, or none for both"
            )
    return tuple(sorted(signs.items()))


def _hint(text: str) -> str:
    """What was meant, where a small slip explains it."""
    lower = text.strip().lower()
    number = re.sub(r"^(sm|compute|cuda|cc)?[\s_.-]*", "", lower).replace(".", "")
    for guess in (lower, f"gfx{lower}", f"sm_{number}"):
        if _CHIP.fullmatch(guess):
            return f"did you mean {guess}?"
    near = get_close_matches(lower, _WELL_KNOWN, n=1, cutoff=0.8)
    return f"did you mean {near[0]}?" if near else ""
