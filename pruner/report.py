"""What a run says of each file; `tree` gathers these, and writes them for people and for programs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    PRUNED = "pruned"
    """Smaller now; in a dry run: would be."""
    REMOVED = "removed"
    """A whole file for other chips, gone."""
    UNCHANGED = "unchanged"
    """Nothing in it to take out."""
    REFUSED = "refused"
    """Left as it was, for the reason given: doing it would not be safe, or would leave it without code."""
    FAILED = "failed"
    """Left as it was: the system said no."""


@dataclass(frozen=True)
class FileReport:
    path: str
    """Below the root of the run, with slashes."""
    kind: str
    """`elf`, or the kernel folder's form: `rocblas`, `kpack`..."""
    outcome: Outcome
    before: int
    after: int
    reason: str = ""
    layout: Mapping[str, str] = field(default_factory=dict)
    """Section -> `compact` or `keep`."""
    units: int = 0
    emptied: int = 0
    """Units that held code, and none for any wanted chip."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Label of an arch -> bytes."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    serves: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Wanted chip -> how (`exact`, `family`, `generic`, `intermediate`, `none`) -> units."""
    stripped: int = 0
    """Bytes of symbols and debug data taken out."""
    unknown: Mapping[str, int] = field(default_factory=dict)
    """Device code in a form that nothing here judges -> bytes; stays."""
    notes: tuple[str, ...] = ()
    """What a person should know: a fallback, a pointer that forced a layout, links outside of the tree."""
    sha256: str = ""
    """Of the file as it is now, where it was changed."""
