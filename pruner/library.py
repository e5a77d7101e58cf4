"""One ELF file: read it, choose, plan the smaller one, write it beside, verify it, put it in place."""

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from stat import S_ISREG

from pruner.archs import Wanted
from pruner.choice import Chosen, Tally, choose, missing
from pruner.elf.layout import Arrangement
from pruner.elf.plan import Plan, plan
from pruner.elf.read import Elf, check_loadable, read_elf
from pruner.elf.strip import strippable
from pruner.elf.verify import verify
from pruner.elf.write import write
from pruner.errors import NotOurs, Refused
from pruner.replace import replacement
from pruner.report import FileReport, Outcome
from pruner.view import Scratch, View

_LARGEST = 1 << 36
"""A sparse file can claim any size."""


_HINTS = {
    errno.EPERM: ": is it or its folder immutable (lsattr), or has it capabilities that only root may give?",
}


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


@dataclass(frozen=True)
class _Job:
    path: Path
    view: View
    state: os.stat_result
    wanted: Wanted
    options: Options


def prune_library(path: Path, wanted: Wanted, options: Options, *, name: str) -> FileReport:
    """Make the file at `path` smaller, in place. `name` is what the report calls it.

    Never raises for what is wrong with the file or the disk: the report says so, and the file is as it was.
    """
    report = FileReport(name, "elf", Outcome.UNCHANGED, before=0, after=0)
    try:
        with _opened(path) as (view, state):
            report = replace(report, before=view.size, after=view.size)
            return _prune(_Job(path, view, state, wanted, options), report)
    except NotOurs as other:
        return replace(report, reason=str(other))
    except Refused as refusal:
        return replace(report, outcome=Outcome.REFUSED, reason=str(refusal))
    except OSError as error:
        reason = error.strerror or str(error)
        return replace(report, outcome=Outcome.FAILED, reason=reason + _HINTS.get(error.errno or 0, ""))
    except MemoryError:
        return replace(report, outcome=Outcome.FAILED, reason="there is not enough memory")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[View, os.stat_result]]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        state = os.fstat(descriptor)
        if not S_ISREG(state.st_mode):
            raise NotOurs("not a regular file")
        if state.st_size > _LARGEST:
            raise Refused(f"{state.st_size} bytes: larger than any library")
        yield View(descriptor), state
    finally:
        os.close(descriptor)


def _prune(job: _Job, report: FileReport) -> FileReport:
    with closing(Scratch()) as scratch:
        elf = read_elf(job.view)
        chosen = choose(elf, job.wanted, scratch)
        if not chosen.cargo and not (job.options.strip and strippable(elf)):
            return replace(_told(report, chosen, ()), reason="nothing in it to take out")
        smaller = _planned(elf, chosen, job.options)
        gain = job.view.size - smaller.size
        if gain < job.options.least_gain:
            return replace(_told(report, chosen, ()), reason=f"only {gain} bytes could go")
        report = _told(report, chosen, smaller.arrangements)
        report = replace(report, outcome=Outcome.PRUNED, after=smaller.size, stripped=smaller.stripped)
        return report if job.options.dry_run else replace(report, sha256=_put_in_place(job, smaller))


def _planned(elf: Elf, chosen: Chosen, options: Options) -> Plan:
    try:
        check_loadable(elf)
        return plan(elf, chosen.cargo, layout=options.layout.value, strip=options.strip)
    except Refused as reason:
        if chosen.cargo:
            raise
        raise NotOurs(f"its symbols stay: {reason}") from None


def _put_in_place(job: _Job, smaller: Plan) -> str:
    with replacement(job.path, job.state) as target:
        write(smaller, target)
        new = View(target)
        verify(smaller, new)
        return _sha256(new)


def _sha256(view: View) -> str:
    digest = hashlib.sha256()
    for chunk in view.stream(0, view.size):
        digest.update(chunk)
    return digest.hexdigest()


def _told(report: FileReport, chosen: Chosen, arrangements: Sequence[Arrangement]) -> FileReport:
    """The report with what is known of the device code; without arrangements all of it stays."""
    tally = chosen.tally
    dropped = tally.dropped if arrangements else Counter[str]()
    return replace(
        report,
        layout={each.section.name: each.layout for each in arrangements},
        units=tally.units,
        emptied=tally.emptied,
        kept=dict(tally.kept if arrangements else tally.kept + tally.dropped),
        dropped=dict(dropped),
        serves={chip: dict(matches) for chip, matches in tally.serves.items()},
        unknown=dict(tally.unknown),
        notes=tuple(_notes(tally, arrangements)),
    )


def _notes(tally: Tally, arrangements: Sequence[Arrangement]) -> Iterator[str]:
    for chip in missing(tally):
        yield f"holds no code for {chip}"
    for arrangement in arrangements:
        if arrangement.obstacle:
            yield f"{arrangement.section.name} keeps its addresses: {arrangement.obstacle}"
