"""Load a library in a fresh process, as a program would, and tell what its runtime finds there; as JSON.

    loaded.py LIBRARY RUNTIME [CHIP...]

The records of device code and the units that they lead to. For each unit: whether the file holds the same
bytes at the place that /proc/self/maps gives (HIP's runtime reads it there), and what AMD's own library finds
for each chip, asked as HIP's runtime asks it: with the first 4096 bytes.
"""

import ctypes
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

LOOKED_AT = 4096
FATBIN = 0x10


class Found(ctypes.Structure):
    _fields_ = (("isa", ctypes.c_char_p), ("size", ctypes.c_size_t), ("offset", ctypes.c_uint64))


def answers(library: ctypes.CDLL) -> list[int]:
    """What the host's functions say."""
    names = [name for name in ("answer1", "answer2", "answer3") if hasattr(library, name)]
    return [getattr(library, name)(7) for name in names]


def number(address: int, size: int) -> int:
    return int.from_bytes(ctypes.string_at(address, size), sys.byteorder)


def registered(runtime: ctypes.CDLL) -> dict[int, int]:
    """The records that the library registered, each with the unit that it leads to."""
    runtime.registration.restype = ctypes.c_void_p
    records = [runtime.registration(index) for index in range(runtime.registered())]
    return {record: number(record + 8, 8) for record in records}


def parts(record: int) -> Iterator[int]:
    """The regions that a linked CUDA unit was made of: its record leads to a list of them."""
    if number(record + 4, 4) == 2:
        place = number(record + 16, 8)
        while part := number(place, 8):
            yield part
            place += 8


def mapping(address: int) -> tuple[int, int, int, str]:
    """Start, end, offset and path of what is mapped here."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        span, _, offset, _, _, *path = line.split(maxsplit=5)
        start, end = (int(each, 16) for each in span.split("-"))
        if start <= address < end:
            return start, end, int(offset, 16), path[0] if path else ""
    return 0, 0, 0, ""


def in_file(address: int) -> bool:
    """Whether the file holds what memory holds from here to the mapping's end."""
    start, end, offset, path = mapping(address)
    with Path(path).open("rb") as file:
        data = os.pread(file.fileno(), end - address, offset + address - start)
    return len(data) > 0 and ctypes.string_at(address, len(data)) == data


def code_objects(address: int, chips: list[str]) -> dict[str, str]:
    """Chip -> hash of the code that comgr finds for it in the bundle here."""
    comgr = ctypes.CDLL("libamd_comgr.so.2")
    handle = ctypes.c_uint64()
    assert comgr.amd_comgr_create_data(FATBIN, ctypes.byref(handle)) == 0
    head = ctypes.string_at(address, LOOKED_AT)
    assert comgr.amd_comgr_set_data(handle, ctypes.c_size_t(LOOKED_AT), head) == 0
    found = (Found * len(chips))(*(Found(f"amdgcn-amd-amdhsa--{chip}".encode(), 0, 0) for chip in chips))
    assert comgr.amd_comgr_lookup_code_object(handle, found, ctypes.c_size_t(len(chips))) == 0
    return {
        chip: hashlib.sha256(ctypes.string_at(address + each.offset, each.size)).hexdigest()
        for chip, each in zip(chips, found, strict=True)
        if each.size
    }


def main() -> None:
    path, name, *chips = sys.argv[1:]
    library = ctypes.CDLL(path, mode=os.RTLD_NOW)
    base = min(
        int(line.split("-")[0], 16)
        for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        if line.endswith(path)
    )
    records = registered(ctypes.CDLL(name))
    units = {*records.values(), *(part for record in records for part in parts(record))}
    report = {
        "answers": answers(library),
        "records": {record - base: unit - base for record, unit in records.items()},
        "units": [
            {
                "address": unit - base,
                "in_file": in_file(unit),
                "comgr": code_objects(unit, chips) if chips else {},
            }
            for unit in sorted(units)
        ],
    }
    json.dump(report, sys.stdout)


main()
