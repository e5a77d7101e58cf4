"""Counters and histograms, and the text in which Prometheus reads them (format 0.0.4)."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics of one name, told apart by the values of their labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class Counter:
    family: Family
    kind: str = "counter"
    values: dict[Labels, float] = field(default_factory=dict)

    def add(self, amount: float, *labels: str) -> None:
        self.values[labels] = self.values.get(labels, 0) + amount

    def lines(self) -> Iterator[str]:
        for labels, value in self.values.items():
            yield _line(self.family.name, zip(self.family.labels, labels, strict=True), value)


class Histogram:
    """`bounds` are the upper ends of its buckets, in order."""

    def __init__(self, family: Family, bounds: tuple[float, ...]) -> None:
        self.family = family
        self.kind = "histogram"
        self._bounds = bounds
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, value: float, *labels: str) -> None:
        counts = self._counts.setdefault(labels, [0] * (len(self._bounds) + 1))
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[labels] = self._sums.get(labels, 0.0) + value

    def lines(self) -> Iterator[str]:
        ends = [*(_number(bound) for bound in self._bounds), "+Inf"]
        for labels, counts in self._counts.items():
            named = list(zip(self.family.labels, labels, strict=True))
            for end, count in zip(ends, accumulate(counts), strict=True):
                yield _line(f"{self.family.name}_bucket", [*named, ("le", end)], count)
            yield _line(f"{self.family.name}_sum", named, self._sums[labels])
            yield _line(f"{self.family.name}_count", named, sum(counts))


Metric = Counter | Histogram


def gauge(name: str, text: str, value: float, labels: Mapping[str, str] | None = None) -> Counter:
    """What is so at this moment."""
    labels = labels or {}
    metric = Counter(Family(name, text, tuple(labels)), "gauge")
    metric.add(value, *labels.values())
    return metric


def written(metrics: Iterable[Metric]) -> str:
    """Families that nothing was counted in yet are named all the same."""
    lines: list[str] = []
    for metric in metrics:
        family = metric.family
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {metric.kind}"]
        lines += metric.lines()
    return "\n".join(lines) + "\n"


def _line(name: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    return f"{name}{{{told}}} {_number(value)}" if told else f"{name} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
