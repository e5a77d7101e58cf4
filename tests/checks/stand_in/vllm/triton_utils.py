"""Whether Triton is used: where it is installed and there is a device."""

from importlib.util import find_spec

from vllm.platforms import current_platform

HAS_TRITON = find_spec("triton") is not None and current_platform.is_rocm()
