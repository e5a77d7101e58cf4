"""Where ROCm's parts lie."""

from importlib.util import find_spec
from pathlib import Path

__version__ = "@VERSION@"
_PARTS = ("_rocm_sdk_devel", "_rocm_sdk_core")


def root() -> Path:
    """The development part where it is installed, else the core."""
    for part in _PARTS:
        spec = find_spec(part)
        if spec is not None and spec.submodule_search_locations:
            return Path(spec.submodule_search_locations[0])
    raise ImportError("no part of ROCm is installed")
