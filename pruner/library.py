"""One ELF file: read it, choose, plan the smaller one, write it beside, verify it, put it in place."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pruner.archs import Wanted
from pruner.report import FileReport


class Layout(StrEnum):
    AUTO = "auto"
    """`compact` where it is proven to be safe, else `keep`."""
    COMPACT = "compact"
    """Units move together, pointers follow; refused where that cannot be proven safe."""
    KEEP = "keep"
    """Every unit stays at its address."""


@dataclass(frozen=True)
class Options:
    layout: Layout = Layout.AUTO
    strip: bool = True
    """Take out symbols and debug data that are not loaded."""
    least_gain: int = 65536
    """Below this many bytes a file is left alone."""
    dry_run: bool = False


def prune_library(path: Path, wanted: Wanted, options: Options, *, name: str) -> FileReport:
    """Make the file at `path` smaller, in place. `name` is what the report calls it.

    Never raises for what is wrong with the file or the disk: the report says so, and the file is as it was.
    """
    raise NotImplementedError((path, wanted, options, name))
