"""What one request came to, for the figures that operators see. Routes fill in what they learn on the way."""

import time
from dataclasses import dataclass, field

GONE = 499
"""The status of what nobody waited for."""


@dataclass(slots=True)
class Tally:
    """`model` is the name of a model that exists, or nothing. Times are in nanoseconds."""

    started_ns: int = field(default_factory=time.perf_counter_ns)
    first_ns: int = 0
    status: int = 0
    model: str = ""
    prompt_tokens: int = 0
    written_tokens: int = 0
    truncated: bool = False

    def begin(self) -> None:
        """The first of the answer is there."""
        self.first_ns = self.first_ns or time.perf_counter_ns()
