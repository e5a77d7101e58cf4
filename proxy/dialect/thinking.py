"""Whether a model thinks before it answers, and how much."""

from typing import Any

import msgspec

from proxy.errors import ApiError
from proxy.model import Model

_EFFORTS = ("low", "medium", "high", "max")


def thinking(value: object, model: Model) -> dict[str, Any]:
    """A model that thinks does so unless it is told not to. Templates name the switch in two ways;
    one that a template does not know is ignored."""
    if value is None or value == "":
        value = True if model.can("thinking") else None
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"chat_template_kwargs": {"enable_thinking": value, "thinking": value}}
    if value in _EFFORTS:
        switch = {"enable_thinking": True, "thinking": True}
        return {"reasoning_effort": value, "chat_template_kwargs": switch}
    shown = msgspec.json.encode(value).decode()[:100]
    raise ApiError(
        400, f'invalid think value: {shown} (must be "high", "medium", "low", "max", true, or false)'
    )
