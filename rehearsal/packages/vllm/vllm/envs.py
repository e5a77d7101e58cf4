"""The environment variables that vLLM knows, by name; a listing beside this file holds them."""

import os
from collections.abc import Callable
from functools import partial
from importlib.resources import files

_NAMES = files("vllm").joinpath("known_settings.txt").read_text(encoding="utf-8").split()

environment_variables: dict[str, Callable[[], str | None]] = {
    name: partial(os.environ.get, name) for name in _NAMES
}


def __getattr__(name: str) -> str | None:
    if name in environment_variables:
        return environment_variables[name]()
    raise AttributeError(f"module 'vllm.envs' has no attribute {name!r}")
