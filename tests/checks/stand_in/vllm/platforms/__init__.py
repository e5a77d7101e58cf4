"""The platform: whichever maker's management library reports a device, a processor else."""

import ctypes
from typing import NamedTuple


class Capability(NamedTuple):
    major: int
    minor: int

    def to_int(self) -> int:
        return self.major * 10 + self.minor


class _Platform:
    def is_rocm(self) -> bool:
        return False

    def is_cuda(self) -> bool:
        return False


class CpuPlatform(_Platform):
    pass


class RocmPlatform(_Platform):
    def is_rocm(self) -> bool:
        return True


class CudaPlatform(_Platform):
    def is_cuda(self) -> bool:
        return True

    def get_device_capability(self) -> Capability:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        handle, major, minor = ctypes.c_void_p(), ctypes.c_int(), ctypes.c_int()
        assert nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(handle)) == 0
        ask = nvml.nvmlDeviceGetCudaComputeCapability
        assert ask(handle, ctypes.byref(major), ctypes.byref(minor)) == 0
        return Capability(major.value, minor.value)


def _has_amd() -> bool:
    try:
        import amdsmi
    except ImportError:
        return False
    return bool(amdsmi.amdsmi_get_processor_handles())


def _has_nvidia() -> bool:
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    count = ctypes.c_uint()
    answered = nvml.nvmlInit_v2() == nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0
    return bool(answered) and count.value > 0


current_platform = RocmPlatform() if _has_amd() else CudaPlatform() if _has_nvidia() else CpuPlatform()
