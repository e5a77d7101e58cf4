"""Bodies as clients send them on these routes: JSON objects, which may be compressed."""

import zlib
from collections.abc import Mapping
from typing import Any

from proxy.asgi import Request
from proxy.dialect.parsing import parse_json
from proxy.errors import ApiError

_LARGEST = 64 * 1024 * 1024
# zlib's own numbers: with gzip's header, and with zlib's.
_WINDOWS: Mapping[str, int] = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": 15}


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


def asked_of(body: bytes) -> dict[str, Any]:
    asked = parse_json(body)
    if not isinstance(asked, dict):
        raise ApiError(400, "the request body must be a JSON object")
    return asked


def _inflated(body: bytes, window: int, encoding: str) -> bytes:
    stream = zlib.decompressobj(window)
    try:
        data = stream.decompress(body, _LARGEST + 1)
    except zlib.error:
        raise ApiError(400, f"the request body is no valid {encoding}") from None
    if len(data) > _LARGEST:
        raise ApiError(413, f"request body too large: the limit is {_LARGEST} bytes")
    if not stream.eof:
        raise ApiError(400, f"the request body is no valid {encoding}: it ends too early")
    return data
