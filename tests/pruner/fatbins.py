"""Device code as compilers write it: HIP bundles, plain and compressed, and CUDA regions."""

import hashlib
import random
import struct
import zlib
from collections.abc import Mapping, Sequence

_BUNDLE_MAGIC = b"__CLANG_OFFLOAD_BUNDLE__"
_REGION = struct.Struct("<IHHQ")
_REGION_MAGIC = 0xBA55ED50
_ENTRY = struct.Struct("<HHIQIIIIIIQQQ")
_VARIANTS = {"a": 0x100000, "f": 0x200000}


def code(label: str, size: int) -> bytes:
    """Bytes that look like a code object and differ for each label."""
    return (b"\x7fELF" + random.Random(label).randbytes(size))[:size]  # noqa: S311 - no secret


def codes(size: int, *labels: str) -> dict[str, bytes]:
    return {label: code(label, size) for label in labels}


def hip_bundle(
    objects: Mapping[str, bytes], *, host: bool = True, align: int = 4096, kind: str = "hipv4"
) -> bytes:
    """A raw bundle. A label is a processor with its features: `gfx90a:xnack+`."""
    entries = [("host-x86_64-unknown-linux-gnu-", b"")] if host else []
    entries += [(f"{kind}-amdgcn-amd-amdhsa--{label}", data) for label, data in objects.items()]
    position = len(_BUNDLE_MAGIC) + 8 + sum(24 + len(triple) for triple, _ in entries)
    header, body = _BUNDLE_MAGIC + struct.pack("<Q", len(entries)), b""
    start = position
    for triple, data in entries:
        position += -position % align
        header += struct.pack("<QQQ", position, len(data), len(triple)) + triple.encode()
        if data:
            body += bytes(position - start - len(body)) + data
            position += len(data)
    return header + body


def ccob(bundle: bytes, version: int = 2) -> bytes:
    """A compressed bundle. It is zlib's form, which needs no library."""
    packed = zlib.compress(bundle, 1)
    digest = hashlib.md5(bundle, usedforsecurity=False).digest()[:8]
    sizes = {
        1: struct.pack("<I", len(bundle)),
        2: struct.pack("<II", 24 + len(packed), len(bundle)),
        3: struct.pack("<QQ", 32 + len(packed), len(bundle)),
    }
    return b"CCOB" + struct.pack("<HH", version, 0) + sizes[version] + digest + packed


def cuda_entry(label: str, data: bytes, *, flags: int = 0) -> bytes:
    """A label is `sm_90`, `sm_90a`, `sm_100f`, `compute_80`, or `ltoir_80`: a kind that nobody judges."""
    name, _, number = label.partition("_")
    kind = {"compute": 1, "sm": 2, "ltoir": 8}[name]
    flags |= 1 << 6 | 1 << 4 | _VARIANTS.get(number[-1], 0)
    data += bytes(-len(data) % 8)
    header = _ENTRY.pack(kind, 0x101, 64, len(data), 0, 0, 0, int(number.rstrip("af")), 0, 0, flags, 0, 0)
    return header + data


def cuda_region(entries: Mapping[str, bytes] | Sequence[tuple[str, bytes]]) -> bytes:
    """A region of entries; a sequence of pairs where a label comes more than once."""
    pairs = entries.items() if isinstance(entries, Mapping) else entries
    body = b"".join(cuda_entry(label, data) for label, data in pairs)
    return _REGION.pack(_REGION_MAGIC, 1, 16, len(body)) + body
