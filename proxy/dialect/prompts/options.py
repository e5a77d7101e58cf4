"""Ollama's `options`: what each must be, and what becomes of it at the engine.

An option that is not in the table is ignored, as Ollama does. One without a way to the engine is checked
and dropped: it belongs to another engine's memory layout, or has no equal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.errors import ApiError

# The engine refuses more than its own limit, which is 4 unless it was started with another.
STOP_LIMIT = 64
_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1
# The engine refuses 0, which asks for the likeliest token alone.
_TOP_P_FLOOR = 1e-6

# Ollama's own num_keep.
_KEPT = 4

Value = bool | int | float | str | list[str]


@dataclass(frozen=True, slots=True)
class _Type:
    name: str
    accepts: Callable[[Any], bool]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_INTEGER = _Type("integer", _is_number)
_FLOAT = _Type("float32", _is_number)
_BOOLEAN = _Type("boolean", lambda value: isinstance(value, bool))
_ARRAY = _Type("array", lambda value: isinstance(value, list))


@dataclass(frozen=True, slots=True)
class _Option:
    type: _Type
    to: str | None = None
    convert: Callable[[Any], Value | None] = lambda value: value


def _between(low: float, high: float) -> Callable[[float], float]:
    return lambda value: float(min(max(value, low), high))


def _top_k(value: float) -> int:
    return min(max(int(value), 0), _INT32_MAX)


def _repetition(value: float) -> float:
    """The engine takes no factor of 0; nothing is repeated less for it."""
    return float(min(value, _INT32_MAX)) if value > 0 else 1.0


def _seed(value: float) -> int | None:
    return None if value < 0 else min(int(value), _INT64_MAX)


def _stop(value: list[str]) -> list[str] | None:
    return [text for text in value if text][:STOP_LIMIT] or None


_OPTIONS: dict[str, _Option] = {
    "temperature": _Option(_FLOAT, "temperature", _between(0, 2)),
    "top_p": _Option(_FLOAT, "top_p", _between(_TOP_P_FLOOR, 1)),
    "top_k": _Option(_INTEGER, "top_k", _top_k),
    "min_p": _Option(_FLOAT, "min_p", _between(0, 1)),
    "repeat_penalty": _Option(_FLOAT, "repetition_penalty", _repetition),
    "presence_penalty": _Option(_FLOAT, "presence_penalty", _between(-2, 2)),
    "frequency_penalty": _Option(_FLOAT, "frequency_penalty", _between(-2, 2)),
    "seed": _Option(_INTEGER, "seed", _seed),
    "stop": _Option(_ARRAY, "stop", _stop),
    "num_predict": _Option(_INTEGER),
    "repeat_last_n": _Option(_INTEGER),
    "num_ctx": _Option(_INTEGER),
    "num_keep": _Option(_INTEGER),
    "num_batch": _Option(_INTEGER),
    "num_gpu": _Option(_INTEGER),
    "main_gpu": _Option(_INTEGER),
    "num_thread": _Option(_INTEGER),
    "draft_num_predict": _Option(_INTEGER),
    "typical_p": _Option(_FLOAT),
    "use_mmap": _Option(_BOOLEAN),
}


# What Ollama itself has given up, and what no engine here has an equal of.
_WITHOUT_EFFECT = frozenset(
    {
        *("mirostat", "mirostat_tau", "mirostat_eta", "penalize_newline", "tfs_z", "numa", "low_vram"),
        *("f16_kv", "vocab_only", "use_mlock", "logits_all", "embedding_only", "typical_p", "num_batch"),
        *("num_gpu", "main_gpu", "num_thread", "draft_num_predict", "use_mmap"),
    }
)


@dataclass(frozen=True, slots=True)
class Sampling:
    """`fields` go into the engine's request. `limit` is the most tokens to write, None without a limit.
    `window` is how long prompt and answer may be, None where the client leaves that to the engine. `keep`
    is how many tokens of a prompt's start stay when it is too long."""

    fields: dict[str, Value]
    limit: int | None
    window: int | None = None
    keep: int = _KEPT


def check(options: Mapping[str, Any]) -> None:
    """Raises where one of them is of the wrong type."""
    for name, value in _given(options).items():
        expected = _OPTIONS[name].type
        if not expected.accepts(value):
            raise ApiError(400, f'option "{name}" must be of type {expected.name}')
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise ApiError(400, f'option "{name}" must be of an array of strings')


def sampling(options: Mapping[str, Any]) -> Sampling:
    check(options)
    given = _given(options)
    # A window of nothing to look back on leaves nothing to punish.
    if given.get("repeat_last_n") == 0:
        given.pop("repeat_penalty", None)
    fields = {
        option.to: converted
        for name, value in given.items()
        if (option := _OPTIONS[name]).to is not None and (converted := option.convert(value)) is not None
    }
    return Sampling(
        fields,
        limit=_limit(given.get("num_predict", -1)),
        window=_limit(given.get("num_ctx", 0)) or None,
        keep=_keep(given.get("num_keep", _KEPT)),
    )


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in _OPTIONS and value is not None}


def without_effect(options: Mapping[str, Any]) -> frozenset[str]:
    """Those of the options that clients know and nothing comes of."""
    return _WITHOUT_EFFECT & options.keys()


def _limit(num_predict: float) -> int | None:
    return None if num_predict < 0 else min(int(num_predict), _INT32_MAX)


def _keep(num_keep: float) -> int:
    """Less than nothing is everything."""
    kept = _limit(num_keep)
    return _INT32_MAX if kept is None else kept
