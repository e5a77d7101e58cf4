"""What a library tells the loader: its name, whom it needs, where to look, what it defines and wants."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from pruner.elf.read import DYNAMIC_ENTRY, Elf, SectionType, SegmentType, read_elf
from pruner.errors import Malformed, NotOurs, Refused
from pruner.tree.walk import survey
from pruner.view import View

_NEEDED, _STRTAB, _STRSZ, _SONAME, _RPATH, _RUNPATH = 1, 5, 10, 14, 15, 29
_SYMBOL = Struct("<IBBHQQ")
_UNDEFINED, _WEAK = 0, 2
_STRINGS_AT_MOST = 1 << 28
_KINDS = ("N", "NK", "TIN", "TVN", "TSN", "GVN")
_SCOPES = ("3c10", "2at", "5torch")
TORCH = (*(f"_Z{kind}{scope}".encode() for kind in _KINDS for scope in _SCOPES), b"aoti_torch_", b"torch_")
"""How names of PyTorch's C++ interface and of its stable C interface begin."""
DRIVER = (b"cu", b"nvml")
"""How names of NVIDIA's driver begin."""


@dataclass(frozen=True)
class Library:
    name: str
    """Below the image's root."""
    names: tuple[str, ...] = ()
    soname: str = ""
    needed: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    """DT_RUNPATH, or else DT_RPATH."""
    defined: frozenset[bytes] = frozenset()
    """Of the names that matter here: `TORCH` and `DRIVER`."""
    wanted: frozenset[bytes] = frozenset()
    """Undefined in it, and not weak."""
    trouble: str = ""
    """Why it could not be read."""


def libraries_of(tree: Path, root: Path) -> Iterator[Library]:
    """Every library and program in a tree, by name; those of another machine are nobody's here."""
    prefix = tree.relative_to(root).as_posix()
    for found in sorted(survey(tree, lambda _: False).libraries, key=lambda each: each.name):
        names = tuple(f"{prefix}/{name}" for name in found.names)
        try:
            yield _read(tree / found.name, names)
        except NotOurs:
            continue
        except (Refused, OSError) as error:
            yield Library(names[0], names, trouble=str(error))


def _read(path: Path, names: tuple[str, ...]) -> Library:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return _told(read_elf(View(descriptor)), names)
    finally:
        os.close(descriptor)


def _told(elf: Elf, names: tuple[str, ...]) -> Library:
    entries = list(_dynamic(elf))
    if not entries:
        return Library(names[0], names)
    tags = dict(reversed(entries))
    strings = _strings(elf, tags)
    texts = [
        (tag, _text(strings, value)) for tag, value in entries if tag in (_NEEDED, _SONAME, _RPATH, _RUNPATH)
    ]
    paths = {tag: text for tag, text in texts if tag in (_RPATH, _RUNPATH)}
    folders = paths.get(_RUNPATH) or paths.get(_RPATH) or ""
    defined, wanted = _symbols(elf, strings)
    return Library(
        names[0],
        names,
        soname=next((text for tag, text in texts if tag == _SONAME), ""),
        needed=tuple(text for tag, text in texts if tag == _NEEDED),
        folders=tuple(filter(None, folders.split(":"))),
        defined=defined,
        wanted=wanted,
    )


def _dynamic(elf: Elf) -> Iterator[tuple[int, int]]:
    for segment in elf.segments:
        if segment.type == SegmentType.DYNAMIC and segment.filesz:
            whole = segment.filesz // DYNAMIC_ENTRY.size * DYNAMIC_ENTRY.size
            for tag, value in DYNAMIC_ENTRY.iter_unpack(elf.view.read(segment.offset, whole)):
                if tag == 0:
                    return
                yield tag, value


def _strings(elf: Elf, tags: dict[int, int]) -> bytes:
    size = tags.get(_STRSZ, 0)
    offset = elf.offset_of(tags.get(_STRTAB, 0), size) if 0 < size <= _STRINGS_AT_MOST else None
    if offset is None:
        raise Malformed(f"{size} bytes of dynamic strings at {tags.get(_STRTAB, 0):#x}")
    return elf.view.read(offset, size)


def _text(strings: bytes, start: int) -> str:
    return os.fsdecode(_bytes(strings, start))


def _bytes(strings: bytes, start: int) -> bytes:
    end = strings.find(b"\0", start)
    if end < 0:
        raise Malformed(f"a name at {start:#x} of {len(strings):#x} bytes of dynamic strings")
    return strings[start:end]


def _symbols(elf: Elf, strings: bytes) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Defined ones and wanted ones, of those that matter."""
    defined, wanted = set(), set()
    prefixes = (*TORCH, *DRIVER)
    for section in elf.sections:
        if section.type == SectionType.DYNSYM:
            table = elf.view.read(section.offset, section.size // _SYMBOL.size * _SYMBOL.size)
            for name_at, info, _, home, _, _ in _SYMBOL.iter_unpack(table):
                if strings.startswith(prefixes, name_at):
                    if home != _UNDEFINED:
                        defined.add(_bytes(strings, name_at))
                    elif info >> 4 != _WEAK:
                        wanted.add(_bytes(strings, name_at))
    return frozenset(defined), frozenset(wanted)
