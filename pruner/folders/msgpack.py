"""As much of MessagePack as it takes to find one value in a table."""

from collections.abc import Callable
from struct import Struct

from pruner.errors import Malformed

_DEEPEST = 16

_Taken = tuple[object, int]
"""A value, and where the next one begins."""


class CutOff(Malformed):
    """The data ends within a value."""


def value_of(data: bytes, key: str) -> object:
    """What the map that `data` begins with has under this key, read no further; None: it has no such key."""
    kind = _at(data, 0)
    count, position = _count_of(data, kind)
    for _ in range(count):
        name, position = _take(data, position, 1)
        value, position = _take(data, position, 1)
        if name == key:
            return value
    return None


def _count_of(data: bytes, kind: int) -> tuple[int, int]:
    if kind & 0xF0 == 0x80:
        return kind & 0x0F, 1
    if kind in _MAPS:
        return _number(data, 1, _MAPS[kind])
    raise Malformed(f"a table of contents begins with {kind:#04x}, which is no map")


def _take(data: bytes, position: int, depth: int) -> _Taken:
    if depth > _DEEPEST:
        raise Malformed(f"a table of contents is nested more than {_DEEPEST} deep")
    kind = _at(data, position)
    position += 1
    if kind < 0x80 or kind >= 0xE0:
        return (kind if kind < 0x80 else kind - 0x100), position
    if kind < 0xC0:
        return _take_short(data, position, kind, depth)
    return _take_long(data, position, kind, depth)


def _take_short(data: bytes, position: int, kind: int, depth: int) -> _Taken:
    if kind >= 0xA0:
        return _text(data, position, kind & 0x1F)
    count = kind & 0x0F
    return _list(data, position, count, depth) if kind >= 0x90 else _map(data, position, count, depth)


def _take_long(data: bytes, position: int, kind: int, depth: int) -> _Taken:
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], position
    if kind in _NUMBERS:
        return _number(data, position, _NUMBERS[kind])
    if kind in _EXTENSIONS:
        return None, position + 1 + _EXTENSIONS[kind]
    for table, take in _SIZED:
        if kind in table:
            count, position = _number(data, position, table[kind])
            return take(data, position, count, depth)
    raise Malformed(f"a table of contents has a value of the unknown kind {kind:#04x}")


def _at(data: bytes, position: int) -> int:
    if position >= len(data):
        raise CutOff(f"a table of contents ends after {len(data)} bytes, within a value")
    return data[position]


def _number(data: bytes, position: int, layout: Struct) -> tuple[int, int]:
    end = position + layout.size
    _at(data, end - 1)
    return layout.unpack_from(data, position)[0], end


def _text(data: bytes, position: int, size: int, _depth: int = 0) -> _Taken:
    end = position + size
    if size:
        _at(data, end - 1)
    return data[position:end].decode("utf-8", "replace"), end


def _blob(data: bytes, position: int, size: int, _depth: int) -> _Taken:
    return None, _text(data, position, size)[1]


def _extension(data: bytes, position: int, size: int, depth: int) -> _Taken:
    return _blob(data, position + 1, size, depth)


def _list(data: bytes, position: int, count: int, depth: int) -> _Taken:
    values = []
    for _ in range(count):
        value, position = _take(data, position, depth + 1)
        values.append(value)
    return values, position


def _map(data: bytes, position: int, count: int, depth: int) -> _Taken:
    """Passed over: nothing within is asked for."""
    return None, _list(data, position, 2 * count, depth)[1]


_U8, _U16, _U32 = Struct(">B"), Struct(">H"), Struct(">I")
_MAPS = {0xDE: _U16, 0xDF: _U32}
_CONSTANTS: dict[int, object] = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCA: Struct(">f"),
    0xCB: Struct(">d"),
    0xCC: _U8,
    0xCD: _U16,
    0xCE: _U32,
    0xCF: Struct(">Q"),
    0xD0: Struct(">b"),
    0xD1: Struct(">h"),
    0xD2: Struct(">i"),
    0xD3: Struct(">q"),
}
_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_SIZED: tuple[tuple[dict[int, Struct], Callable[[bytes, int, int, int], _Taken]], ...] = (
    ({0xC4: _U8, 0xC5: _U16, 0xC6: _U32}, _blob),
    ({0xC7: _U8, 0xC8: _U16, 0xC9: _U32}, _extension),
    ({0xD9: _U8, 0xDA: _U16, 0xDB: _U32}, _text),
    ({0xDC: _U16, 0xDD: _U32}, _list),
    (_MAPS, _map),
)
