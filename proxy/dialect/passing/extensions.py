"""What Ollama's clients may write into requests of the other dialects, and what a Modelfile lays over them,
in fields that the engine knows.

A body that holds nothing of it stays as it is. Whatever a body says in its own dialect wins."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import field

from proxy.dialect.bodies import decoding
from proxy.dialect.bodies.fields import Lifetime, Think
from proxy.dialect.durations import KeepAlive
from proxy.dialect.prompts.history import history
from proxy.dialect.prompts.options import sampling
from proxy.dialect.prompts.thinking import thinking
from proxy.errors import ApiError
from proxy.model import Model, Overlay

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"
COUNT_TOKENS = "/v1/messages/count_tokens"

Body = dict[str, Any]


class Extensions(decoding.Body):
    """How long a model stays loaded is read for its form alone."""

    options: dict[str, Any] = field(default_factory=dict)
    keep_alive: Lifetime = KeepAlive(None)
    think: Think = None


_ENGINES_OWN: Mapping[str, str] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "stop": "stop",
    "max_tokens": "max_tokens",
}
# Each dialect's names for them; what is not in a dialect is dropped.
_NAMES: Mapping[str, Mapping[str, str]] = {
    CHAT: _ENGINES_OWN,
    COMPLETIONS: _ENGINES_OWN,
    RESPONSES: {**_ENGINES_OWN, "max_tokens": "max_output_tokens"},
    MESSAGES: {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "stop": "stop_sequences"},
}
_OTHER_NAMES: Mapping[str, str] = {"max_tokens": "max_completion_tokens"}
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_THINKS = (CHAT, RESPONSES)
_EFFORTS: Mapping[str, str] = {"ultra": "max"}


def adapted(asked: Body, model: Model, path: str) -> Body:
    """Equal to `asked` where the engine can take it as it is."""
    body = dict(asked)
    given = {name: body.pop(name) for name in Extensions.__struct_fields__ if name in body}
    extensions = decoding.decode(msgspec.json.encode(given), Extensions)
    overlay = model.manifest.overlay
    options = {name: value for name, value in extensions.options.items() if value is not None}
    _fill(body, _sampling({**overlay.parameters, **options}, model, path))
    _bound(body, model)
    if path in _THINKS and extensions.think is not None:
        _think(body, extensions.think, model)
    _SETTLERS.get(path, _nothing)(body, model)
    _LAYERS.get(path, _no_layer)(body, overlay)
    return body


def _sampling(options: Mapping[str, Any], model: Model, path: str) -> Body:
    names = _NAMES.get(path, {})
    if not options or not names:
        return {}
    chosen = sampling(options)
    # The engine writes one token at least.
    limit = {} if chosen.limit is None else {"max_tokens": max(1, min(chosen.limit, model.context))}
    fields = {**chosen.fields, **limit}
    return {names[name]: value for name, value in fields.items() if name in names}


def _fill(body: Body, defaults: Mapping[str, Any]) -> None:
    for name, value in defaults.items():
        if body.get(name) is None and body.get(_OTHER_NAMES.get(name, name)) is None:
            body[name] = value


def _bound(body: Body, model: Model) -> None:
    """Clients ask for 32000 tokens whatever the model is. More than the context is as much as fits, and less
    than nothing is no limit; engines refuse both."""
    for name in _LIMITS:
        limit = body.get(name)
        if not isinstance(limit, int | float):
            continue
        if limit < 0:
            del body[name]
        elif model.context_length and limit > model.context_length:
            body[name] = model.context_length


def _think(body: Body, value: bool | str, model: Model) -> None:
    if value and model.can("thinking") is False:
        raise ApiError(400, f'"{body["model"]}" does not support thinking')
    fields = thinking(value, model)
    switches = body.get("chat_template_kwargs")
    if isinstance(switches, dict):
        fields["chat_template_kwargs"] = {**fields.get("chat_template_kwargs", {}), **switches}
    effort = fields.pop("reasoning_effort", None)
    body |= fields
    if effort is not None:
        _fill(body, {"reasoning": {"effort": effort}} if "input" in body else {"reasoning_effort": effort})


def _nothing(_body: Body, _model: Model) -> None:
    pass


def _settle_chat(body: Body, _model: Model) -> None:
    """Forms that Ollama takes and the engine does not."""
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict):
        _fill(body, {"reasoning_effort": reasoning.get("effort")})
    effort = body.get("reasoning_effort")
    if isinstance(effort, str) and effort in _EFFORTS:
        body["reasoning_effort"] = _EFFORTS[effort]
    if body.get("tools") == []:
        del body["tools"]
        body.pop("tool_choice", None)
    _settle_stream(body)


def _settle_completion(body: Body, model: Model) -> None:
    """Without a limit the engine would write 16 tokens, and Ollama as many as there is room for."""
    _fill(body, {"max_tokens": model.context})
    if body.get("suffix") == "":
        del body["suffix"]
    _settle_stream(body)


def _settle_stream(body: Body) -> None:
    if not body.get("stream"):
        body.pop("stream_options", None)


_SETTLERS: Mapping[str, Callable[[Body, Model], None]] = {
    CHAT: _settle_chat,
    COMPLETIONS: _settle_completion,
}


def _no_layer(_body: Body, _overlay: Overlay) -> None:
    pass


def _lay_over_chat(body: Body, overlay: Overlay) -> None:
    messages = body.get("messages")
    if not isinstance(messages, list):
        return
    system = [{"role": "system", "content": overlay.system}] if overlay.system else []
    first = messages[0] if messages else None
    if isinstance(first, dict) and first.get("role") == "system":
        system, messages = [first], messages[1:]
    body["messages"] = [*system, *history(list(overlay.messages)), *messages]


def _lay_over_messages(body: Body, overlay: Overlay) -> None:
    if overlay.system:
        _fill(body, {"system": overlay.system})
    if overlay.messages and isinstance(body.get("messages"), list):
        body["messages"] = [*_said(overlay), *body["messages"]]


def _lay_over_responses(body: Body, overlay: Overlay) -> None:
    if overlay.system:
        _fill(body, {"instructions": overlay.system})
    given = body.get("input")
    if overlay.messages and given is not None:
        items = given if isinstance(given, list) else [{"role": "user", "content": given}]
        body["input"] = [*_said(overlay), *items]


def _said(overlay: Overlay) -> list[Body]:
    return [{"role": message.role, "content": message.content} for message in overlay.messages]


_LAYERS: Mapping[str, Callable[[Body, Overlay], None]] = {
    CHAT: _lay_over_chat,
    MESSAGES: _lay_over_messages,
    COUNT_TOKENS: _lay_over_messages,
    RESPONSES: _lay_over_responses,
}
