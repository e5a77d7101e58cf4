"""Prometheus's text format, read strictly: what a scraper would refuse is refused here."""

import re
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?")
_KINDS = {"counter", "gauge", "histogram"}

Labels = frozenset[tuple[str, str]]


@dataclass
class Family:
    kind: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def value(self, **labels: str) -> float:
        """Of all samples that have these labels."""
        wanted = set(labels.items())
        return sum(value for (_, have), value in self.samples.items() if wanted <= have)


def families(text: str) -> dict[str, Family]:
    assert text.endswith("\n")
    found: dict[str, Family] = {}
    helped = name = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped = line.split(" ")[2]
            assert len(line.split(" ")) > 3
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert helped == name
            assert name not in found
            assert kind in _KINDS
            found[name] = Family(kind)
        else:
            key, value = _sample(line)
            assert key[0].removeprefix(name) in (
                {"_bucket", "_sum", "_count"} if found[name].kind == "histogram" else {""}
            )
            assert key not in found[name].samples
            found[name].samples[key] = value
    for name, family in found.items():
        _check(name, family)
    return found


def _sample(line: str) -> tuple[tuple[str, Labels], float]:
    match = _SAMPLE.fullmatch(line)
    assert match, line
    labels, told = [], match[2] or ""
    while told:
        label = _LABEL.match(told)
        assert label, line
        labels.append((label[1], label[2]))
        told = told[label.end() :]
    assert len({name for name, _ in labels}) == len(labels)
    assert _NUMBER.fullmatch(match[3]), line
    return (match[1], frozenset(labels)), float(match[3])


def _check(name: str, family: Family) -> None:
    if family.kind == "counter":
        assert name.endswith("_total")
    if family.kind != "histogram":
        return
    series: dict[Labels, list[tuple[float, float]]] = {}
    for (sample, labels), value in family.samples.items():
        if sample.endswith("_bucket"):
            rest = frozenset(label for label in labels if label[0] != "le")
            series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
    for labels, buckets in series.items():
        ends, counts = zip(*buckets, strict=True)
        assert list(ends) == sorted(ends)
        assert list(counts) == sorted(counts)
        assert ends[-1] == float("inf")
        assert counts[-1] == family.samples[(f"{name}_count", labels)]
        assert (f"{name}_sum", labels) in family.samples
