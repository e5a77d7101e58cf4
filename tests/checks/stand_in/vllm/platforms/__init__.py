"""The platform: AMD's where its management library reports a device, a processor else."""

_devices: list[object] = []
try:
    import amdsmi

    _devices = amdsmi.amdsmi_get_processor_handles()
except ImportError:
    pass


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


current_platform = RocmPlatform() if _devices else CpuPlatform()
