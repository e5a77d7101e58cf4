"""Pictures and sounds in messages: bare base64 from Ollama's clients, data URIs for the engine."""

import base64
import binascii
import re
from typing import Any

from proxy.errors import ApiError

_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_SOUNDS = (
    (b"ID3", "mp3"),
    (b"\xff\xfb", "mp3"),
    (b"\xff\xf3", "mp3"),
    (b"\xff\xf2", "mp3"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
)
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/=\s]|=(?!=?\s*$)")
_SPACE = re.compile(r"\s+")


def content_part(text: str) -> dict[str, Any]:
    """The part of an OpenAI message that carries this picture or sound."""
    data = _SPACE.sub("", _without_uri(text))
    head = _decode(data)[:16]
    sound = _sound(head)
    if sound is not None:
        return {"type": "input_audio", "input_audio": {"data": data, "format": sound}}
    return {"type": "image_url", "image_url": {"url": f"data:{_picture(head)};base64,{data}"}}


def _without_uri(text: str) -> str:
    """Ollama knows no data URIs; many clients have them at hand."""
    if not text.startswith("data:"):
        return text
    kind, comma, data = text.partition(",")
    return data if comma and kind.endswith(";base64") else text


def _decode(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        wrong = _NO_BASE64.search(data)
        place = wrong.start() if wrong else len(data)
        raise ApiError(400, f"illegal base64 data at input byte {place}") from None


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
