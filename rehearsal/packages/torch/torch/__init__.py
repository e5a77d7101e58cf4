"""A stand-in for torch: it loads ROCm's libraries and its own, as the real one does, and computes nothing."""

import ctypes
from importlib.util import find_spec
from pathlib import Path

from torch import cuda, version

__version__ = version.__version__

_OWN = ("c10", "torch_cpu", "torch_hip", "torch", "torch_python")


def _load(path: Path) -> None:
    ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)


def _preload() -> None:
    """ROCm's runtime first: torch's libraries know it by name alone."""
    core = find_spec("_rocm_sdk_core")
    if core is None or not core.submodule_search_locations:
        raise ImportError("torch for ROCm needs the distribution rocm-sdk-core")
    _load(Path(core.submodule_search_locations[0], "lib", "libamdhip64.so.7"))
    for name in _OWN:
        _load(Path(__file__).with_name("lib") / f"lib{name}.so")


_preload()
from torch import _C  # noqa: E402 - once its libraries are there

__all__ = ["_C", "__version__", "cuda", "version"]
