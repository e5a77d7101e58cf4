"""AMD's GPUs. amdsmi says what chip it is when this is imported; the extension modules are loaded then."""

from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import torch  # noqa: F401 - its libraries must be there before the extension modules
from amdsmi import (
    AmdSmiMemoryType,
    amdsmi_get_gpu_asic_info,
    amdsmi_get_gpu_memory_total,
    amdsmi_get_processor_handles,
    amdsmi_init,
    amdsmi_shut_down,
)

from vllm.platforms.interface import Platform

if TYPE_CHECKING:
    from collections.abc import Callable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

for _module in ("_C_stable_libtorch", "_moe_C_stable_libtorch", "_rocm_C"):
    import_module(f"vllm.{_module}")


def with_amdsmi_context(function: "Callable[Arguments, Result]") -> "Callable[Arguments, Result]":
    @wraps(function)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        amdsmi_init()
        try:
            return function(*args, **kwargs)
        finally:
            amdsmi_shut_down()

    return wrapped


@with_amdsmi_context
def _gcn_arch() -> str:
    handles = amdsmi_get_processor_handles()
    return str(amdsmi_get_gpu_asic_info(handles[0])["target_graphics_version"])


@with_amdsmi_context
def total_memory() -> int:
    return int(amdsmi_get_gpu_memory_total(amdsmi_get_processor_handles()[0], AmdSmiMemoryType.VRAM))


_GCN_ARCH = _gcn_arch()


class RocmPlatform(Platform):
    device_type = "cuda"

    def is_rocm(self) -> bool:
        return True
