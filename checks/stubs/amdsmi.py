"""AMD's management library where there is no AMD GPU: one device of the chip that GFXPACK_STUB_CHIP names.

It has what PyTorch and vLLM ask for at their start. The rest is missing on purpose: who asks for more wants a
real device.
"""

# ruff: noqa: ARG001 - the arguments are those of the real module

import os
from enum import IntEnum

_DEVICE = object()
_MEMORY = 64 << 30


class AmdSmiException(Exception):  # noqa: N818 - the real module's name
    err_code = 0


class AmdSmiMemoryType(IntEnum):
    VRAM = 0
    VIS_VRAM = 1
    GTT = 2


def amdsmi_init(flag: int = 0) -> None:
    pass


def amdsmi_shut_down() -> None:
    pass


def amdsmi_get_processor_handles() -> list[object]:
    return [_DEVICE]


def amdsmi_get_gpu_asic_info(handle: object) -> dict[str, object]:
    return {
        "market_name": "stub",
        "vendor_id": "0x1002",
        "device_id": "0x0000",
        "asic_serial": "0x0000000000000000",
        "target_graphics_version": os.environ["GFXPACK_STUB_CHIP"],
    }


def amdsmi_get_gpu_enumeration_info(handle: object) -> dict[str, object]:
    return {"hip_id": 0, "hip_uuid": "GPU-0000000000000000", "drm_card": 0, "drm_render": 128, "hsa_id": 1}


def amdsmi_get_gpu_device_uuid(handle: object) -> str:
    return "00000000-0000-0000-0000-000000000000"


def amdsmi_get_gpu_memory_total(handle: object, kind: AmdSmiMemoryType) -> int:
    return _MEMORY if kind is AmdSmiMemoryType.VRAM else 0


def amdsmi_get_gpu_memory_usage(handle: object, kind: AmdSmiMemoryType) -> int:
    return 0


def amdsmi_topo_get_link_type(handle: object, peer: object) -> dict[str, int]:
    return {"hops": 0, "type": 0}


def amdsmi_topo_get_numa_node_number(handle: object) -> int:
    return 0
