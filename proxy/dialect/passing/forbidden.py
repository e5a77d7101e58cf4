"""What a client may not hand to the engine on the routes that pass its body through.

An engine trusts whoever reaches it; clients of this proxy are not trusted so far. A field that no row names
goes on, and the engine judges its type and its bounds."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.errors import ApiError

_OWN_TEMPLATE = "the model's own template is used"
_PREPROCESSING = "it changes what preprocessing costs"
_OTHER_SERVERS = "it makes the engine call the servers that it names"
_TENSORS = "the engine would unpack tensors that the client packed"
_OTHERS = "it would reach other clients' requests"

_FIELDS: Mapping[str, str] = {
    "chat_template": _OWN_TEMPLATE,
    "mm_processor_kwargs": _PREPROCESSING,
    "media_io_kwargs": _PREPROCESSING,
    "kv_transfer_params": _OTHER_SERVERS,
    "ec_transfer_params": _OTHER_SERVERS,
    "vllm_xargs": "it carries other forbidden fields under another name",
    "prompt_embeds": _TENSORS,
    "priority": "it would go ahead of other clients' requests",
    "request_id": _OTHERS,
}
_TEMPLATE_SWITCHES: Mapping[str, str] = {"chat_template": _OWN_TEMPLATE, "tokenize": _OWN_TEMPLATE}
_PARTS: Mapping[str, str] = {
    "image_embeds": _TENSORS,
    "audio_embeds": _TENSORS,
    "video_embeds": _TENSORS,
    "prompt_embeds": _TENSORS,
    "uuid": _OTHERS,
}

# Each of so many answers takes a place in the engine's batch; OpenAI allows no more.
_MOST_ANSWERS = 128
_COUNTS = ("n", "best_of")
_MOST_PROMPTS = 1024

_URLS = ("image_url", "audio_url", "video_url", "file_url", "source")
_SUSPICIOUS = frozenset({*_PARTS, *_URLS})
_URL_LISTS = ("images", "audio", "videos")
_CONVERSATIONS = ("messages", "input", "system")
# Where the parts of a message stand; what is beside them, as the arguments of a tool's call, is free.
_PARTS_UNDER = ("content", "output")

_NO_URLS = "image URLs are not currently supported, please use base64 encoded data instead"


def check(asked: Mapping[str, Any]) -> None:
    """Raises `ApiError` for the first thing that must not go on."""
    _refuse_any(asked, _FIELDS)
    switches = asked.get("chat_template_kwargs")
    if isinstance(switches, dict):
        _refuse_any(switches, _TEMPLATE_SWITCHES, "chat_template_kwargs.")
    _check_counts(asked)
    for name in _URL_LISTS:
        urls = asked.get(name)
        for url in urls if isinstance(urls, list) else ():
            _check_url(url)
    for name in _CONVERSATIONS:
        for part in _parts(asked.get(name)):
            _check_part(part)


def _check_counts(asked: Mapping[str, Any]) -> None:
    """Engines read numbers out of texts, too."""
    most = 1.0
    for name in _COUNTS:
        count = asked.get(name) or 1
        if not isinstance(count, int | float) or count > _MOST_ANSWERS:
            raise ApiError(400, f"{name} must be a number, and at most {_MOST_ANSWERS}")
        most = max(most, count)
    prompts = asked.get("prompt")
    count = len(prompts) if isinstance(prompts, list) and not all(map(_is_token, prompts[:1])) else 1
    if count * most > _MOST_PROMPTS:
        raise ApiError(400, f"prompt must be at most {_MOST_PROMPTS} texts, and as many answers in all")


def _is_token(value: object) -> bool:
    return isinstance(value, int)


def _check_part(part: Mapping[str, Any]) -> None:
    kind = part.get("type")
    if isinstance(kind, str) and kind in _PARTS:
        raise _refusal(kind, _PARTS[kind])
    if not _SUSPICIOUS.isdisjoint(part):
        _refuse_any(part, _PARTS)
        for key in part.keys() & _URLS:
            _check_url(part[key])


def _refusal(name: str, reason: str) -> ApiError:
    return ApiError(400, f"{name} is not accepted here: {reason}")


def _refuse_any(given: Mapping[str, Any], table: Mapping[str, str], place: str = "") -> None:
    for name, reason in table.items():
        if given.get(name):
            raise _refusal(place + name, reason)


def _parts(conversation: object) -> Iterator[dict[str, Any]]:
    """Everything in a conversation that the engine may take for a picture, a sound or a film."""
    waiting = [conversation]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            yield value
            waiting += [value[name] for name in _PARTS_UNDER if name in value]


def _check_url(value: object) -> None:
    """Whom the engine would fetch from is the client's choice then, and the engine stands inside."""
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str) or url[:5].lower() == "data:":
        return
    raise ApiError(400, _NO_URLS if "://" in url else "invalid image input")
