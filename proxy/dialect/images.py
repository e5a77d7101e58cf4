"""Pictures and sounds in messages: bare base64 from Ollama's clients, data URIs for the engine."""

import base64
import binascii
from typing import Any

from proxy.errors import ApiError

_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_SOUNDS = ((b"ID3", "mp3"), (b"\xff\xfb", "mp3"), (b"\xff\xf3", "mp3"))


def content_part(text: str) -> dict[str, Any]:
    """The part of an OpenAI message that carries this picture or sound."""
    data = _strip_data_uri(text)
    head = _decode(data)[:16]
    sound = _sound(head)
    if sound is not None:
        return {"type": "input_audio", "input_audio": {"data": data, "format": sound}}
    return {"type": "image_url", "image_url": {"url": f"data:{_picture(head)};base64,{data}"}}


def _strip_data_uri(text: str) -> str:
    if text.startswith("data:"):
        _, _, text = text.partition(",")
    return "".join(text.split())


def _decode(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(400, "illegal base64 data in images") from None


def _sound(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    return next((name for start, name in _SOUNDS if head.startswith(start)), None)


def _picture(head: bytes) -> str:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    for start, mime in _PICTURES:
        if head.startswith(start):
            return mime
    raise ApiError(400, "images must be PNG, JPEG, GIF or WEBP")
