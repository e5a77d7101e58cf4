"""One GPU, whoever made it."""

from dataclasses import dataclass

from pruner.archs import Gfx, Sm


@dataclass(frozen=True)
class Gpu:
    chip: Gfx | Sm
    """A `Gfx` as the runtime reports it; its `chip` where that is not what it is."""
    name: str
    """`AMD 1002:744c`, `NVIDIA H200`."""

    def __str__(self) -> str:
        return f"{self.chip} ({self.name})"
