"""Whether Triton is used: where it is installed and sees a device."""

from importlib.util import find_spec

from vllm.platforms import current_platform


def _sees_a_device() -> bool:
    if current_platform.is_cuda():
        from triton.backends.nvidia.driver import CudaDriver

        return bool(CudaDriver.is_active())
    return bool(current_platform.is_rocm())


HAS_TRITON = find_spec("triton") is not None and _sees_a_device()
