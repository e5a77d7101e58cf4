"""Bodies as clients send them on these routes: JSON objects, which may be compressed."""

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from proxy.dialect.bodies.parsing import read_json
from proxy.errors import ApiError
from proxy.http.asgi import Request

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_LARGEST = 64 * 1024 * 1024
# zlib's own number for gzip's header.
_GZIP = 16 + zlib.MAX_WBITS


class _Unpacker(Protocol):
    """Of one body. It raises what is in `_BROKEN`."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...

    @property
    def eof(self) -> bool: ...


# More than one where clients disagree on what the encoding is: the next is tried where one fails.
_UNPACKERS: Mapping[str, tuple[Callable[[], _Unpacker], ...]] = {
    "gzip": (lambda: zlib.decompressobj(_GZIP),),
    "x-gzip": (lambda: zlib.decompressobj(_GZIP),),
    "deflate": (zlib.decompressobj, lambda: zlib.decompressobj(-zlib.MAX_WBITS)),
    "zstd": (zstd.ZstdDecompressor,),
}
_BROKEN = (zlib.error, zstd.ZstdError)
_TAKEN = "gzip, deflate, zstd"


def body_of(request: Request) -> bytes:
    encoding = request.header("content-encoding").strip().lower()
    if encoding in ("", "identity"):
        return request.body
    if encoding not in _UNPACKERS:
        raise ApiError(
            415,
            f"Content-Encoding {encoding[:40]!r} is not supported: send {_TAKEN}, or the body as it is",
            headers={"accept-encoding": _TAKEN},
        )
    for unpacker in _UNPACKERS[encoding]:
        data = _unpacked(request.body, unpacker())
        if data is not None:
            return data
    raise ApiError(400, f"the request body is no valid {encoding}")


def asked_of(body: bytes) -> tuple[dict[str, Any], bytes]:
    """What is asked, and the body that asks the engine for it: the same one, unless Ollama's decoder takes
    what others do not."""
    asked, plain = read_json(body)
    if not isinstance(asked, dict):
        raise ApiError(400, "the request body must be a JSON object")
    return asked, body if plain else msgspec.json.encode(asked)


def _unpacked(body: bytes, unpacker: _Unpacker) -> bytes | None:
    """None where it is broken, or ends too early."""
    try:
        data = unpacker.decompress(body, _LARGEST + 1)
    except _BROKEN:
        return None
    if len(data) > _LARGEST:
        raise ApiError(413, f"request body too large: the limit is {_LARGEST} bytes")
    return data if unpacker.eof else None
