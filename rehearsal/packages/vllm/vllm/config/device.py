"""A device must be there before anything else is said."""

from vllm import platforms


def device_type() -> str:
    current = platforms.current_platform
    if current.is_unspecified():
        raise RuntimeError(
            "Failed to infer device type, please set the environment variable VLLM_LOGGING_LEVEL=DEBUG"
        )
    return current.device_type
