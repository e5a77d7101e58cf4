"""TheRock's archives of device code: a head, the kernels as they are, a table of contents in MessagePack."""

import struct
from collections.abc import Mapping

_HEAD = struct.Struct("<4sIQ")
_KERNELS_AT = 64
_BOUNDARY = 256
_SHORT_TEXT = 32


def write(group: str, family: str, kernels: Mapping[str, bytes]) -> bytes:
    """`kernels` are code objects by chip, which may bear signs of features (`gfx90a:xnack+`)."""
    blobs, content = [], bytearray()
    for code in kernels.values():
        blobs.append({"offset": _KERNELS_AT + len(content), "size": len(code)})
        content += code.ljust(-len(code) % _BOUNDARY + len(code), b"\0")
    table = {
        "format_version": 1,
        "group_name": group,
        "gfx_arch_family": family,
        "gfx_arches": list(kernels),
        "toc": {
            f"lib/lib{group}.so#0": {
                chip: {"type": "hsaco", "ordinal": number} for number, chip in enumerate(kernels)
            }
        },
        "compression_scheme": "none",
        "blobs": blobs,
    }
    head = _HEAD.pack(b"KPAK", 1, _KERNELS_AT + len(content)).ljust(_KERNELS_AT, b"\0")
    return head + bytes(content) + _packed(table)


def _packed(value: object) -> bytes:
    match value:
        case int():
            return b"\xce" + struct.pack(">I", value)
        case str():
            data = value.encode()
            return (bytes([0xA0 | len(data)]) if len(data) < _SHORT_TEXT else _long(data)) + data
        case Mapping():
            parts = b"".join(_packed(part) for pair in value.items() for part in pair)
            return b"\xde" + struct.pack(">H", len(value)) + parts
        case list():
            return b"\xdc" + struct.pack(">H", len(value)) + b"".join(map(_packed, value))
    raise TypeError(f"no form for {type(value).__name__}")


def _long(data: bytes) -> bytes:
    return b"\xd9" + bytes([len(data)])
