"""From a file's report to the stretches of its two bars."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pruner.report import FileReport

HOST, KEPT, DROPPED, SYMBOLS, WEIGHT = "host", "kept", "dropped", "symbols", "weight"
_NO_CHIP = frozenset({"host", "shared"})


@dataclass(frozen=True)
class Part:
    role: str
    label: str
    """Of the chip, where the role is KEPT or DROPPED."""
    weight: float


@dataclass(frozen=True)
class Bars:
    title: str
    place: str
    """The folder that it is in, or the path that it is."""
    before: int
    after: int
    stays: tuple[Part, ...]
    goes: tuple[Part, ...]

    @property
    def saved(self) -> int:
        return self.before - self.after


def bars_of(row: FileReport) -> Bars:
    """Code is measured as it runs; where a file holds it compressed, its parts are drawn to their share."""
    kept, dropped = _chips(row.kept), _chips(row.dropped)
    stays = [*_shares(KEPT, kept, row.after)]
    host = row.after - sum(part.weight for part in stays)
    stripped = min(row.stripped, row.before - row.after)
    gone = row.before - row.after - stripped
    goes = [*_shares(DROPPED, dropped, gone, stretch=True)]
    rest = gone - sum(part.weight for part in goes)
    return Bars(
        *_names(row),
        row.before,
        row.after,
        tuple(_real([Part(HOST, "", host), *stays])),
        tuple(_real([*goes, Part(SYMBOLS, "", stripped), Part(WEIGHT, "", rest)])),
    )


def together(title: str, all_bars: Iterable[Bars]) -> Bars:
    """Many files as one."""
    bars = list(all_bars)
    return Bars(
        title,
        "",
        sum(one.before for one in bars),
        sum(one.after for one in bars),
        tuple(_added(part for one in bars for part in one.stays)),
        tuple(_added(part for one in bars for part in one.goes)),
    )


def _names(row: FileReport) -> tuple[str, str]:
    if row.kind == "elf":
        place, _, title = row.path.rpartition("/")
        return title, place
    return f"{row.kind}{' kernels' if row.kept or row.dropped else ''}", row.path


def _chips(labels: Mapping[str, int]) -> dict[str, int]:
    """In the same order for every file."""
    chips = sorted((label for label in labels if label not in _NO_CHIP and labels[label]), key=_order)
    return {label: labels[label] for label in chips}


def _order(label: str) -> tuple[str, int, str]:
    """gfx906 before gfx1100, sm_90 before sm_100."""
    letters = label.rstrip("0123456789abcdef+-:")
    return letters, len(label), label


def _shares(role: str, labels: Mapping[str, int], room: float, *, stretch: bool = False) -> Iterator[Part]:
    """Each chip's part of the room; all of it where `stretch` says so, else no more than there is."""
    total = sum(labels.values())
    scale = room / total if total and (stretch or total > room) else 1
    return (Part(role, label, weight * scale) for label, weight in labels.items())


def _added(parts: Iterable[Part]) -> Iterator[Part]:
    total: Counter[tuple[str, str]] = Counter()
    for part in parts:
        total[part.role, part.label] += part.weight  # type: ignore[assignment]
    order = (HOST, KEPT, DROPPED, SYMBOLS, WEIGHT)
    keys = sorted(total, key=lambda key: (order.index(key[0]), _order(key[1])))
    return (Part(role, label, total[role, label]) for role, label in keys)


def _real(parts: Iterable[Part]) -> Iterator[Part]:
    return (part for part in parts if part.weight >= 1)
