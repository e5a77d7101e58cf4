"""A figure and the limit that it is held against."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    name: str
    figure: float
    limit: float
    """The figure must not be above it."""
    unit: str
    note: str = ""

    @property
    def holds(self) -> bool:
        return self.figure <= self.limit

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "FAILS"
        note = f"   ({self.note})" if self.note else ""
        return f"{self.name:<44} {self.figure:9.3f} {self.unit:<5} limit {self.limit:g}: {verdict}{note}"


def faultless(name: str, faults: list[str], *, checked: str) -> Claim:
    """That nothing is wrong with what was looked at."""
    note = "; ".join([checked, *faults[:5]])
    return Claim(name, len(faults), 0, "", note)
