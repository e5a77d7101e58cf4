"""Bodies as clients send them on these routes: JSON objects, which may be compressed."""

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.dialect.bodies.parsing import read_json
from proxy.errors import ApiError
from proxy.http.asgi import Request

_LARGEST = 64 * 1024 * 1024
# zlib's own numbers: with gzip's header, and with zlib's.
_WINDOWS: Mapping[str, int] = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}


def body_of(request: Request) -> bytes:
    encoding = request.header("content-encoding").strip().lower()
    if encoding in ("", "identity"):
        return request.body
    if encoding not in _WINDOWS:
        raise ApiError(
            415,
            f"Content-Encoding {encoding[:40]!r} is not supported: send gzip, deflate, or the body as it is",
            headers={"accept-encoding": "gzip, deflate"},
        )
    return _inflated(request.body, _WINDOWS[encoding], encoding)


def asked_of(body: bytes) -> tuple[dict[str, Any], bytes]:
    """What is asked, and the body that asks the engine for it: the same one, unless Ollama's decoder takes
    what others do not."""
    asked, plain = read_json(body)
    if not isinstance(asked, dict):
        raise ApiError(400, "the request body must be a JSON object")
    return asked, body if plain else msgspec.json.encode(asked)


def _inflated(body: bytes, window: int, encoding: str) -> bytes:
    try:
        return _unpacked(body, window)
    except zlib.error:
        if window != zlib.MAX_WBITS:
            raise ApiError(400, f"the request body is no valid {encoding}") from None
    # Some clients leave out zlib's header, which deflate should have.
    return _inflated(body, -zlib.MAX_WBITS, encoding)


def _unpacked(body: bytes, window: int) -> bytes:
    """Raises `zlib.error` where it is broken, or ends too early."""
    stream = zlib.decompressobj(window)
    data = stream.decompress(body, _LARGEST + 1)
    if len(data) > _LARGEST:
        raise ApiError(413, f"request body too large: the limit is {_LARGEST} bytes")
    if not stream.eof:
        raise zlib.error
    return data
