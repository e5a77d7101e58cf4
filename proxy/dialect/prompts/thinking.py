"""Whether a model thinks before it answers, and how much."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.model import Model


@dataclass(frozen=True, slots=True)
class _Family:
    """How its templates are told. Harmony's models always think: what they know is how much."""

    on: Mapping[str, str]
    off: Mapping[str, str]
    efforts: Mapping[str, str]
    least: str | None = None


# Templates know one of these names, or neither; what a template does not know is ignored.
_SWITCHES = ("enable_thinking", "thinking")
_ANY = _Family(on={}, off={}, efforts={})
_HARMONY = _Family(on={}, off={}, efforts={"max": "high", "xhigh": "high", "minimal": "low"}, least="low")
_FAMILIES = {
    "gptoss": _HARMONY,
    "minimaxm3": _Family(on={"thinking_mode": "enabled"}, off={"thinking_mode": "disabled"}, efforts={}),
    "hyv3": _Family(on={"reasoning_effort": "high"}, off={"reasoning_effort": "no_think"}, efforts={}),
}


def thinking(think: bool | str | None, model: Model) -> dict[str, Any]:
    think = wanted(think, model)
    if think is None:
        return {}
    family = _family(model)
    switch = dict.fromkeys(_SWITCHES, bool(think)) | dict(family.on if think else family.off)
    if isinstance(think, str):
        effort = family.efforts.get(think, think)
        switch |= {"reasoning_effort": effort} if "reasoning_effort" in switch else {}
        return {"reasoning_effort": effort, "chat_template_kwargs": switch}
    least = {"reasoning_effort": family.least} if family.least and not think else {}
    return {"chat_template_kwargs": switch} | least


def wanted(think: bool | str | None, model: Model) -> bool | str | None:
    """A model that thinks does so unless it is told not to."""
    return True if think is None and model.can("thinking") else think


def _family(model: Model) -> _Family:
    names = (model.manifest.architecture, model.manifest.family)
    plain = (name.lower().replace("-", "").replace("_", "") for name in names)
    return next((_FAMILIES[name] for name in plain if name in _FAMILIES), _ANY)
