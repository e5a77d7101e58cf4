"""Figures beside their limits."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.proxy_overhead.first_token import Waits
from bench.proxy_overhead.load import Cost


@dataclass(frozen=True, slots=True)
class Claim:
    name: str
    figure: float
    limit: float
    unit: str

    @property
    def holds(self) -> bool:
        return self.figure <= self.limit

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "FAILS"
        return f"{self.name:<36} {self.figure:8.3f} {self.unit}, limit {self.limit:g}: {verdict}"


def micros(cost: Cost) -> float:
    """CPU per token."""
    return 1e6 * cost.cpu_seconds / max(1, cost.tokens)


def of_costs(costs: Mapping[str, Cost]) -> list[Claim]:
    ours = micros(costs["ours"])
    return [
        Claim("CPU per token, beside nginx", ours / micros(costs["nginx"]), 2.5, "times"),
        Claim("CPU per token, beside LiteLLM", ours / micros(costs["LiteLLM"]), 0.1, "times"),
    ]


def of_waits(waits: Waits) -> list[Claim]:
    return [Claim("added to the first token's p99", 1e3 * waits.added(99), 3.0, "ms")]


def of_memory(samples: Sequence[tuple[int, int]]) -> list[Claim]:
    """Flat is less than the smallest object that could be lost with each answer, once a tenth have passed."""
    counts, sizes = zip(*samples[len(samples) // 10 :], strict=True)
    slope = statistics.linear_regression(counts, sizes).slope
    return [Claim("memory that each answer leaves", slope, 16.0, "bytes")]
