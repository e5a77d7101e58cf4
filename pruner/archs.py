"""What a chip is called, and what a run is asked to keep."""

from dataclasses import dataclass
from enum import StrEnum

GENERICS: dict[str, frozenset[str]] = {
    "gfx9-generic": frozenset({"gfx900", "gfx902", "gfx904", "gfx906", "gfx909", "gfx90c"}),
    "gfx9-4-generic": frozenset({"gfx940", "gfx941", "gfx942", "gfx950"}),
    "gfx10-1-generic": frozenset({"gfx1010", "gfx1011", "gfx1012", "gfx1013"}),
    "gfx10-3-generic": frozenset(f"gfx103{digit}" for digit in range(7)),
    "gfx11-generic": frozenset(
        {"gfx1100", "gfx1101", "gfx1102", "gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153"}
    ),
    "gfx12-generic": frozenset({"gfx1200", "gfx1201"}),
}
"""Which processors code for a generic one runs on."""

TEGRA = frozenset({53, 62, 72, 87, 101, 110})
"""Compute capabilities of boards whose code never mixes with a desktop card's of the same generation."""


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
