"""Which GPUs programs see on this machine."""

import os
from pathlib import Path

from pruner.gpus import amd
from pruner.gpus.base import Gpu

SYSFS, DEVICES, LIBCUDA = Path("/sys"), Path("/dev"), "libcuda.so.1"
_NVIDIA = ("nvidiactl", "nvmap", "dxg")
"""Device files of NVIDIA's driver: of cards, of Tegra boards, and under Windows."""


def seen(sysfs: Path = SYSFS, devices: Path = DEVICES, libcuda: str = LIBCUDA) -> list[Gpu]:
    """AMD's by the kernel's files, NVIDIA's by its driver. Where that has no device, it is not loaded to ask:
    it would take longer than all the rest."""
    found = amd.seen(os.environ, sysfs, devices)
    if any((devices / name).exists() for name in _NVIDIA):
        from pruner.gpus import nvidia

        found += nvidia.seen(libcuda)
    return found
