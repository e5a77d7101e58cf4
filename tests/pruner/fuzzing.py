"""Damaged libraries, and what must hold for each whatever the pruner makes of it.

    python -m tests.pruner.fuzzing headers 1234      one case by itself: what was damaged, and what is wrong

A case is made from its number alone: a library of the corpus, one to three damages, and how it is pruned.
"""

import os
import random
import signal
import struct
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import FrameType

from pruner.archs import Gfx, Sm, Wanted
from pruner.library import Layout, Options, prune_library
from pruner.report import FileReport, Outcome
from tests.pruner.elves import Elf, Machine, Pointers, Spot, Tables, cask, cuda, hip, relfatbin
from tests.pruner.fatbins import ccob, codes, cuda_region, hip_bundle
from tests.pruner.judging import faults
from tests.pruner.linking import HEADER, SECTION, SEGMENT, Built, build
from tests.pruner.loading import loaded
from tests.pruner.reading import Image, Unreadable

LABELS = frozenset({"gfx1100", "sm_90"})
_SECONDS = 1.0
_NUMBERS = (0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, 0xFFFF, 0x1000)
_NUDGES = (-0x1000, -8, -1, 1, 8, 0x1000)


class Part(StrEnum):
    """What of a file is damaged."""

    HEADERS = "headers"
    """The ELF header, program headers and section headers, and the file's length."""
    CONTENTS = "contents"
    """What headers lead to: dynamic section, relocations, symbols, wrappers, headers of device code."""


@dataclass(frozen=True)
class Subject:
    """A library and the places in it that are worth damaging."""

    built: Built
    pages: tuple[int, ...]
    """Of the kernels that it may meet."""
    loads: bool
    """On this machine."""
    targets: Mapping[Part, Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    subject: Subject
    wanted: Wanted
    options: Options


def corpus() -> dict[str, Elf]:
    bundle = hip_bundle(codes(6000, "gfx906", "gfx90a:xnack+", "gfx1100"))
    packed = ccob(bundle)
    region = cuda_region(codes(9000, "sm_80", "sm_90", "sm_100f", "compute_90"))
    foreign = cuda_region(codes(70_000, "sm_100", "sm_120"))
    wide = hip_bundle(codes(100_000, "gfx906", "gfx1100"))
    return {
        "hip": Elf((hip(bundle, bundle),), symbols=20, debug=5000),
        "pinned": Elf((hip(bundle, bundle),), exported=(Spot(unit=1),), code=(Spot(),)),
        "ccob": Elf((hip(packed, ccob(bundle, 3), packed, align=8),)),
        "cuda": Elf((cuda(region, region, unpointed=frozenset({0})), relfatbin(region)), debug=300),
        "cask": Elf((cuda(region), cask(foreign))),
        "program": Elf((hip(bundle),), executable=True),
        "relr": Elf((hip(bundle, bundle),), pointers=Pointers.RELR),
        "wide": Elf((hip(wide),), machine=Machine.AARCH64, page=0x10000),
        "patched": Elf((cuda(region),), tables=Tables.LOADED, symbols=50),
        "merged": Elf((cuda(region),), merged=True, page=0x200000),
        "spread": Elf((cuda(region),), page=0x20000, spread=True),
        "strip": Elf(symbols=200, debug=9000),
    }


@cache
def subjects() -> dict[str, Subject]:
    return {name: _subject(elf) for name, elf in corpus().items()}


def _subject(elf: Elf) -> Subject:
    built = build(elf)
    (_, _, _, _, _, segments, sections, _, _, _, segment_count, _, section_count, _) = HEADER.unpack_from(
        built.data
    )
    headers = [
        (0, HEADER.size),
        (segments, SEGMENT.size * segment_count),
        (sections, SECTION.size * section_count),
    ]
    tables = [
        (part.offset, part.size)
        for name, part in built.sections.items()
        if name.endswith((".dynamic", ".dyn", ".hash", "sym", "str", "Segment", ".data.rel.ro")) and part.size
    ]
    starts = [address for row in built.units for address in row]
    units = [(start, 160) for start in starts] + [
        (start, 64) for start in _entry_headers(built) for _ in range(2)
    ]
    intel = elf.machine is Machine.X86_64
    pages = (0x1000,) if intel else (0x1000, 0x10000)
    return Subject(
        built, pages, intel and not elf.executable, {Part.HEADERS: headers, Part.CONTENTS: tables + units * 2}
    )


def _entry_headers(built: Built) -> Iterator[int]:
    """Where entries of CUDA regions begin: device code stands at offsets equal to its addresses here."""
    for row in built.units:
        for start in row:
            magic, _, _, size = struct.unpack_from("<IHHQ", built.data, start)
            position = start + 16
            while magic == 0xBA55ED50 and position < start + 16 + size:
                yield position
                position += 64 + struct.unpack_from("<Q", built.data, position + 8)[0]


def case(part: Part, number: int) -> Case:
    chance = random.Random(f"{part} {number}")  # noqa: S311 - no secret
    name = chance.choice(sorted(subjects()))
    subject = subjects()[name]
    data = bytearray(subject.built.data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        _damage(data, subject.targets[part], chance, resize=part is Part.HEADERS)
    wanted = Wanted(gfx=(Gfx("gfx1100"),), sm=(Sm(90),), embedded=chance.random() < 0.5)
    options = Options(chance.choice(list(Layout)), strip=chance.random() < 0.5, least_gain=1)
    return Case(name, bytes(data), subject, wanted, options)


def _damage(
    data: bytearray, targets: Sequence[tuple[int, int]], chance: random.Random, *, resize: bool
) -> None:
    start, size = chance.choice(targets)
    width = chance.choice((1, 2, 4, 4, 8, 8, 8))
    offset = start + chance.randrange(0, max(size - width, 0) + 1, width if chance.random() < 0.9 else 1)
    kind = chance.random()
    if resize and kind < 0.08:
        _resize(data, chance)
    elif kind < 0.15:
        _copy_row(data, start, size, chance)
    elif offset + width <= len(data):
        data[offset : offset + width] = _number(bytes(data[offset : offset + width]), chance)


def _resize(data: bytearray, chance: random.Random) -> None:
    if chance.random() < 0.7:
        del data[chance.randrange(len(data)) :]
    else:
        data += chance.randbytes(chance.choice((1, 64, 5000)))


def _copy_row(data: bytearray, start: int, size: int, chance: random.Random) -> None:
    """Two rows of a table become the same."""
    width = chance.choice((8, 16, 24, 56, 64))
    if size >= 2 * width and start + size <= len(data):
        source, target = (start + width * chance.randrange(size // width) for _ in range(2))
        data[target : target + width] = data[source : source + width]


def _number(old: bytes, chance: random.Random) -> bytes:
    width, value = len(old), int.from_bytes(old, "little")
    value = chance.choice(
        (
            chance.choice(_NUMBERS),
            value + chance.choice(_NUDGES),
            value ^ 1 << chance.randrange(8 * width),
            chance.randrange(1 << 8 * width),
            chance.randrange(0x20000),
        )
    )
    return (value % (1 << 8 * width)).to_bytes(width, "little")


@dataclass(frozen=True)
class Verdict:
    report: FileReport | None
    after: bytes
    faults: tuple[str, ...]


def judge(case: Case, folder: Path) -> Verdict:
    """Prune the case in an empty folder, and say what is wrong with how that went."""
    path = folder / "library.so"
    path.write_bytes(case.data)
    try:
        with _time_limit():
            report = prune_library(path, case.wanted, case.options, name="library.so")
    except _TooLongError:
        return Verdict(None, case.data, (f"took more than {_SECONDS} s",))
    except Exception as error:
        return Verdict(None, case.data, (f"raised {error!r}",))
    after = path.read_bytes()
    return Verdict(
        report, after, tuple(_faults(case, report, after, [entry.name for entry in folder.iterdir()]))
    )


def _faults(case: Case, report: FileReport, after: bytes, names: list[str]) -> Iterator[str]:
    if names != ["library.so"]:
        yield f"left {names}"
    if report.outcome is Outcome.FAILED:
        yield f"failed: {report.reason}"
    if report.outcome is not Outcome.PRUNED:
        if after != case.data:
            yield f"{report.outcome}, but the file is another one"
        return
    for page in case.subject.pages:
        yield from faults(case.data, after, LABELS, page)


class _TooLongError(BaseException):
    """No `Exception`, so that nothing on the way takes it for one of a file's faults."""


@contextmanager
def _time_limit() -> Iterator[None]:
    """In the processor's time: a busy machine is no fault of the pruner."""

    def too_long(_signal: int, _frame: FrameType | None) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def quick_folder() -> Iterator[Path]:
    """In memory where the system has such a place: thousands of files are to be on disk before they count."""
    memory = Path("/dev/shm")  # noqa: S108 - a new folder in it
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place, prefix="gfxpack-fuzz-") as folder:
        yield Path(folder)


def failures(part: Part, numbers: range, *, load: bool = False) -> list[str]:
    """Run these cases; a line for each fault. `load` has the system's loader look at what was pruned, too."""
    found = []
    pairs = []
    with quick_folder() as folder, quick_folder() as shelf:
        for number in numbers:
            this = case(part, number)
            verdict = judge(this, folder)
            found += [_line(part, number, this, fault) for fault in verdict.faults]
            for leftover in folder.iterdir():
                leftover.unlink()
            if load and this.subject.loads and _is_pruned(verdict) and not _writes_elsewhere(this.data):
                pairs.append((number, this, _shelve(shelf, number, this.data, verdict.after)))
        found += [_line(part, number, this, fault) for number, this, fault in _loads_otherwise(pairs)]
    return found


def _is_pruned(verdict: Verdict) -> bool:
    return verdict.report is not None and verdict.report.outcome is Outcome.PRUNED


def _writes_elsewhere(data: bytes) -> bool:
    """Whether a relocation lies outside of the library: what comes of it depends on its neighbours."""
    image = Image(data)
    try:
        return any(image.mapping(slot) is None for slot in image.pointers)
    except (Unreadable, struct.error):
        return False


def _line(part: Part, number: int, this: Case, fault: str) -> str:
    return f"python -m tests.pruner.fuzzing {part} {number}    # {this.name}, {this.options.layout}: {fault}"


def _shelve(shelf: Path, number: int, before: bytes, after: bytes) -> tuple[Path, Path]:
    paths = shelf / f"{number}-before.so", shelf / f"{number}-after.so"
    for path, data in zip(paths, (before, after), strict=True):
        path.write_bytes(data)
    return paths


def _loads_otherwise(
    pairs: Sequence[tuple[int, Case, tuple[Path, Path]]],
) -> Iterator[tuple[int, Case, str]]:
    """A library that loads still does, and one that is refused still is. One that killed its process may load
    now: the garbage that it took for relocations may have been in what is gone."""
    if not pairs:
        return
    answers = iter(loaded(*(path for _, _, both in pairs for path in both), ask=False))
    for number, this, _ in pairs:
        before, after = next(answers), next(answers)
        if before != after and "loaded" in {before, after} and not before.startswith("died"):
            yield number, this, f"the loader says {after!r}, before {before!r}"


def _main(part: str, number: str) -> int:
    this = case(Part(part), int(number))
    original = this.subject.built.data
    changed = [n for n, (a, b) in enumerate(zip(original, this.data, strict=False)) if a != b]
    print(
        f"{this.name}, {len(original)} -> {len(this.data)} bytes, changed at {[hex(n) for n in changed[:24]]}"
    )
    print(f"{this.options}, embedded: {this.wanted.embedded}")
    with quick_folder() as folder:
        verdict = judge(this, folder)
    print(verdict.report)
    lines = [*verdict.faults, *failures(Part(part), range(int(number), int(number) + 1), load=True)]
    print("\n".join(lines) or "nothing is wrong")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
