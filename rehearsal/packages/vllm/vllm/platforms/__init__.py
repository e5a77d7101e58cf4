"""Which device there is: amdsmi says so for AMD's, and a fault of its own means that there is none."""

import importlib

from vllm.platforms.interface import Platform, UnspecifiedPlatform


def rocm_platform_plugin() -> str | None:
    try:
        amdsmi = importlib.import_module("amdsmi")
        amdsmi.amdsmi_init()
        try:
            found = len(amdsmi.amdsmi_get_processor_handles()) > 0
        finally:
            amdsmi.amdsmi_shut_down()
    except Exception:
        return None
    return "vllm.platforms.rocm" if found else None


def _resolve() -> Platform:
    module = rocm_platform_plugin()
    if module is None:
        return UnspecifiedPlatform()
    platform: Platform = importlib.import_module(module).RocmPlatform()
    return platform


_current: list[Platform] = []


def __getattr__(name: str) -> Platform:
    if name != "current_platform":
        raise AttributeError(f"module 'vllm.platforms' has no attribute {name!r}")
    if not _current:
        _current.append(_resolve())
    return _current[0]
