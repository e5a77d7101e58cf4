"""The variables, each with what reads it."""

import os
from collections.abc import Callable

environment_variables: dict[str, Callable[[], object]] = {
    "VLLM_NO_USAGE_STATS": lambda: os.environ.get("VLLM_NO_USAGE_STATS") == "1",
    "VLLM_MAX_STOP_STRINGS": lambda: int(os.environ.get("VLLM_MAX_STOP_STRINGS", "64")),
}
