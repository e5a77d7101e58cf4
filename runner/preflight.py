"""Checks before an engine starts: what would fail minutes later, deep in a log, is said at once."""

import os
from pathlib import Path

from runner.resources import memory_limit, shared_memory_free

MIB = 1024**2
GIB = 1024**3
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the mount itself is looked at, nothing is written
MODELS = Path("/models")
_GGUF = b"GGUF"
TRUE = ("1", "true", "yes", "on")


class RefusedError(Exception):
    """The engine cannot run like this: one line with the value at fault and what to do."""


def check_shared_memory(needed: int, path: Path = SHARED_MEMORY) -> None:
    free = shared_memory_free(path)
    if free < needed:
        raise RefusedError(
            f"{path} has {free // MIB} MiB free, the engine needs {needed // MIB} MiB: "
            "start the container with --shm-size 256m (Compose: shm_size: 256m)"
        )


def check_model(model: str | None, environment: dict[str, str]) -> None:
    """`model` is a folder in the container, or ORG/NAME where the model hub may be asked."""
    if model is None:
        raise RefusedError(f"no model given: add its folder, one of: {_models_there()}")
    if model.startswith(("/", ".")):
        _check_folder(Path(model))
    elif not Path(model).is_dir() and _offline(environment) and not _in_hub_cache(model, environment):
        raise RefusedError(
            f"model {model} is no folder here, and the model hub is switched off: give a folder "
            f"({_models_there()}), or start the container with -e HF_HUB_OFFLINE=0"
        )


def check_weights(model: str | None) -> None:
    """`model` is one file of weights in llama.cpp's own form."""
    if not model:
        raise RefusedError(f"no model given: add --model and its file, one of: {_weights_there()}")
    try:
        with Path(model).open("rb") as file:
            magic = file.read(len(_GGUF))
    except PermissionError:
        raise RefusedError(f"{model} may not be read by uid {os.getuid()}: chmod a+r the model") from None
    except OSError as error:
        problem = "is a folder" if Path(model).is_dir() else f"cannot be read ({error.strerror})"
        raise RefusedError(f"model {model} {problem}: give one of: {_weights_there()}") from None
    if magic != _GGUF:
        raise RefusedError(f"model {model} is no GGUF file: give one of: {_weights_there()}")


def check_kv_cache(model: str | None, space_gib: str) -> None:
    """The CPU worker takes its cache at the start, beside the weights; both must fit."""
    if not space_gib.isdecimal() or int(space_gib) == 0:
        raise RefusedError(f"VLLM_CPU_KVCACHE_SPACE={space_gib!r}: want whole GiB, 1 or more")
    weights = _weights(Path(model)) if model else 0
    limit = memory_limit()
    if int(space_gib) * GIB + weights > limit:
        raise RefusedError(
            f"{space_gib} GiB of KV cache and {weights / GIB:.1f} GiB of weights do not fit into the "
            f"{limit / GIB:.1f} GiB allowed here: lower VLLM_CPU_KVCACHE_SPACE or raise --memory"
        )


def _check_folder(folder: Path) -> None:
    config = folder / "config.json"
    try:
        with config.open("rb"):
            return
    except PermissionError:
        raise RefusedError(f"{config} may not be read by uid {os.getuid()}: chmod a+rX the model") from None
    except NotADirectoryError:
        raise RefusedError(f"{folder} is a file: give the folder that holds config.json") from None
    except OSError:
        problem = "holds no config.json" if folder.is_dir() else "does not exist"
    raise RefusedError(f"model folder {folder} {problem}: mount it, or give one of: {_models_there()}")


def _models_there() -> str:
    try:
        found = sorted(str(config.parent) for config in MODELS.glob("*/config.json"))
    except OSError:
        found = []
    return ", ".join(found) or f"none yet below {MODELS}"


def _weights_there() -> str:
    return ", ".join(sorted(map(str, MODELS.glob("**/*.gguf")))) or f"none yet below {MODELS}"


def _offline(environment: dict[str, str]) -> bool:
    return environment.get("HF_HUB_OFFLINE", "").lower() in TRUE


def _in_hub_cache(model: str, environment: dict[str, str]) -> bool:
    home = environment.get("HF_HOME") or f"{environment.get('HOME', '/')}/.cache/huggingface"
    cache = environment.get("HF_HUB_CACHE") or f"{home}/hub"
    return Path(cache, "models--" + model.replace("/", "--")).is_dir()


def _weights(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
