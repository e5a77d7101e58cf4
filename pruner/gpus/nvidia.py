"""NVIDIA's GPUs, by the driver's own library."""

import ctypes
from typing import Any

from pruner.archs import Sm
from pruner.gpus.base import Gpu

_MAJOR, _MINOR = 75, 76
"""CUdevice_attribute of the compute capability."""
_NAME_SIZE = 128


def seen(library: str) -> list[Gpu]:
    """What the driver lists, which heeds CUDA_VISIBLE_DEVICES itself; nothing where it cannot be loaded."""
    try:
        return ask(ctypes.CDLL(library))
    except (OSError, AttributeError):  # no library, or not this one
        return []


def ask(driver: Any) -> list[Gpu]:  # noqa: ANN401 - a shared library's functions are found at run time
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return []
    return [_device(driver, number) for number in range(count.value)]


def _device(driver: Any, number: int) -> Gpu:  # noqa: ANN401
    major, minor = (_attribute(driver, number, which) for which in (_MAJOR, _MINOR))
    name = ctypes.create_string_buffer(_NAME_SIZE)
    driver.cuDeviceGetName(name, _NAME_SIZE, number)
    return Gpu(Sm(10 * major + minor), name.value.decode(errors="replace") or "NVIDIA")


def _attribute(driver: Any, number: int, which: int) -> int:  # noqa: ANN401
    value = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(value), which, number)
    return value.value
