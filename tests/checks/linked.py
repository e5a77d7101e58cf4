"""Small libraries for x86-64 that say what they need, define and want; nothing of them is ever run."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_DYNAMIC = struct.Struct("<qQ")
_NEEDED, _STRTAB, _SYMTAB, _STRSZ, _SONAME, _RPATH, _RUNPATH = 1, 5, 6, 10, 14, 15, 29
_GLOBAL, _WEAK = 0x12, 0x22
_HOME = 1


@dataclass(frozen=True)
class Linked:
    soname: str = ""
    needed: Sequence[str] = ()
    rpath: str = ""
    runpath: str = ""
    defined: Sequence[str] = ()
    wanted: Sequence[str] = ()
    weak: Sequence[str] = ()
    """Wanted, yet it does without."""


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        self.data += text.encode() + b"\0"
        return len(self.data) - len(text) - 1


def linked(library: Linked) -> bytes:
    strings = _Strings()
    symbols = _symbols(library, strings)
    tags = _tags(library, strings)
    names = b"\0.dynsym\0.shstrtab\0"
    start = _HEADER.size + 2 * _SEGMENT.size
    symbols_at = start
    strings_at = symbols_at + len(symbols)
    dynamic_at = strings_at + len(strings.data) + -len(strings.data) % 8
    entries = [*tags, (_STRTAB, strings_at), (_SYMTAB, symbols_at), (_STRSZ, len(strings.data)), (0, 0)]
    dynamic = b"".join(_DYNAMIC.pack(*entry) for entry in entries)
    names_at = dynamic_at + len(dynamic)
    sections_at = names_at + len(names) + -len(names) % 8
    end = sections_at + 3 * _SECTION.size
    sections = [
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (1, 11, 2, symbols_at, symbols_at, len(symbols), 0, 1, 8, _SYMBOL.size),
        (9, 3, 0, 0, names_at, len(names), 0, 0, 1, 0),
    ]
    segments = [(1, 6, 0, 0, 0, end, end, 0x1000), (2, 6, *[dynamic_at] * 3, *[len(dynamic)] * 2, 8)]
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    parts = {
        0: _HEADER.pack(ident, 3, 62, 1, 0, _HEADER.size, sections_at, 0, _HEADER.size, 56, 2, 64, 3, 2)
        + b"".join(_SEGMENT.pack(*segment) for segment in segments),
        symbols_at: symbols,
        strings_at: strings.data,
        dynamic_at: dynamic,
        names_at: names,
        sections_at: b"".join(_SECTION.pack(*section) for section in sections),
    }
    data = bytearray(end)
    for at, part in parts.items():
        data[at : at + len(part)] = part
    return bytes(data)


def _symbols(library: Linked, strings: _Strings) -> bytes:
    kinds = [(library.defined, _GLOBAL, _HOME), (library.wanted, _GLOBAL, 0), (library.weak, _WEAK, 0)]
    rows = [(strings.add(name), info, home) for names, info, home in kinds for name in names]
    return bytes(_SYMBOL.size) + b"".join(_SYMBOL.pack(at, info, 0, home, 0, 0) for at, info, home in rows)


def _tags(library: Linked, strings: _Strings) -> list[tuple[int, int]]:
    tags = [(_NEEDED, strings.add(name)) for name in library.needed]
    single = {_SONAME: library.soname, _RPATH: library.rpath, _RUNPATH: library.runpath}
    return tags + [(tag, strings.add(text)) for tag, text in single.items() if text]
