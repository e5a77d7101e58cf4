"""Asks the driver for GPUs, by a library beside it; as the real one, it says so where there is no driver."""

import ctypes
from enum import IntEnum
from pathlib import Path

_DRIVER = Path("/sys/module/amdgpu")
ctypes.CDLL(str(Path(__file__).parents[3] / "lib/libamd_smi.so.27"))


class AmdSmiException(Exception):  # noqa: N818 - its name there
    """Whatever goes wrong here."""


class AmdSmiLibraryException(AmdSmiException):
    """The library refuses."""


class AmdSmiMemoryType(IntEnum):
    VRAM = 0
    VIS_VRAM = 1
    GTT = 2


def amdsmi_init() -> None:
    if not _DRIVER.is_dir():
        raise AmdSmiLibraryException("AMDSMI_STATUS_DRIVER_NOT_LOADED")


def amdsmi_shut_down() -> None:
    """Nothing is open."""


def amdsmi_get_processor_handles() -> list[object]:
    return []


def amdsmi_get_gpu_asic_info(handle: object) -> dict[str, object]:
    raise AmdSmiLibraryException(f"no GPU {handle}")


def amdsmi_get_gpu_memory_total(handle: object, kind: AmdSmiMemoryType) -> int:
    raise AmdSmiLibraryException(f"no GPU {handle}, {kind}")


def amdsmi_get_gpu_device_uuid(handle: object) -> str:
    raise AmdSmiLibraryException(f"no GPU {handle}")


def amdsmi_topo_get_numa_node_number(handle: object) -> int:
    raise AmdSmiLibraryException(f"no GPU {handle}")


def amdsmi_topo_get_link_type(one: object, other: object) -> dict[str, object]:
    raise AmdSmiLibraryException(f"no GPU {one}, {other}")
