"""What a stack's file leaves open, because it differs from host to host: `.env` beside it says it."""

from collections.abc import Callable
from dataclasses import dataclass

from builder.targets.model import Target

_FIRST_RENDER_NODE = 128


@dataclass(frozen=True)
class Setting:
    """`kind` is what it names: a GPU, or a group that may use one."""

    kind: str
    name: str
    default: str

    @property
    def reference(self) -> str:
        """As Compose reads it: the value, or the default where it has none."""
        return f"${{{self.name}:-{self.default}}}"


def settings(target: Target, gpus: int) -> tuple[Setting, ...]:
    return _BY_VENDOR[target.vendor](gpus)


def _amd(gpus: int) -> tuple[Setting, ...]:
    nodes = (
        Setting("gpu", f"RENDER_NODE_{number}", f"/dev/dri/renderD{_FIRST_RENDER_NODE + number}")
        for number in range(gpus)
    )
    return (*nodes, Setting("group", "RENDER_GID", "992"), Setting("group", "VIDEO_GID", "44"))


def _nvidia(gpus: int) -> tuple[Setting, ...]:
    return tuple(Setting("gpu", f"GPU_{number}", str(number)) for number in range(gpus))


def _none(_gpus: int) -> tuple[Setting, ...]:
    return ()


_BY_VENDOR: dict[str, Callable[[int], tuple[Setting, ...]]] = {"amd": _amd, "nvidia": _nvidia, "none": _none}
