"""RECORD files, in which wheels list what they installed: rows of changed files get the new hash and size,
rows of removed files go, and every other byte stays as it is, however it is quoted and ended."""

import base64
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pruner.replace import replacement

_FIELD = rb'"(?:[^"]|"")*"|[^",\r\n]*'
_ROW = re.compile(
    rb"^(?P<path>" + _FIELD + rb"),(?P<hash>" + _FIELD + rb"),(?P<size>" + _FIELD + rb")(?P<rest>[^\r\n]*)"
    rb"(?P<end>\r\n|\r|\n|\Z)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Fresh:
    """What a changed file is now."""

    sha256: str
    """In hexadecimal."""
    size: int


Fates = Mapping[str, Fresh | None]
"""Name below the root -> what the file is now; None where it is gone."""


def amend(root: Path, record: str, fates: Fates) -> bool:
    """Bring the RECORD of this name up to date. Whether a byte of it had to change.

    Its dates stay, as those of libraries do: the tree is as old as before, and the same input gives the same.
    """
    path = root / record
    state = path.lstat()
    before, after = _before_and_after(root, path, fates)
    if after == before:
        return False
    with replacement(path, state) as descriptor, open(descriptor, "wb", closefd=False) as stream:
        stream.write(after)
    return True


def outside(root: Path, fates: Fates) -> list[Path]:
    """RECORD files around the tree that list what has changed in it: a run writes to none of them."""
    around = (record for folder in root.parents for record in sorted(folder.glob("*.dist-info/RECORD")))
    return [record for record in around if _is_out_of_date(root, record, fates)]


def _is_out_of_date(root: Path, record: Path, fates: Fates) -> bool:
    try:
        before, after = _before_and_after(root, record, fates)
    except OSError:
        return False
    return before != after


def _before_and_after(root: Path, record: Path, fates: Fates) -> tuple[bytes, bytes]:
    before = record.read_bytes()
    return before, b"".join(_pieces(before, _Rows(root, record.parent.parent, fates), fates))


class _Rows:
    """From what a row calls a file to its name below the root."""

    def __init__(self, root: Path, base: Path, fates: Fates) -> None:
        self._root = root
        self._base = base
        self._last_parts = {name.rpartition("/")[2] for name in fates}

    def name(self, path: str) -> str | None:
        """None for most rows, quickly. A path may lead up and through links to folders."""
        folder, _, last = path.rpartition("/")
        if last not in self._last_parts:
            return None
        place = Path(os.path.realpath(self._base / folder), last)
        return os.path.relpath(place, self._root)


def _pieces(content: bytes, rows: _Rows, fates: Fates) -> Iterator[bytes]:
    position = 0
    for row in _ROW.finditer(content):
        name = rows.name(os.fsdecode(_bare(row["path"])))
        if name is None or name not in fates:
            continue
        yield content[position : row.start()]
        position = row.end()
        fresh = fates[name]
        if fresh is not None:
            yield _rewritten(row, fresh)
    yield content[position:]


def _rewritten(row: re.Match[bytes], fresh: Fresh) -> bytes:
    digest = b"sha256=" + base64.urlsafe_b64encode(bytes.fromhex(fresh.sha256)).rstrip(b"=")
    fields = [row["path"], _instead(row["hash"], digest), _instead(row["size"], b"%d" % fresh.size)]
    return b",".join(fields) + row["rest"] + row["end"]


def _instead(field: bytes, value: bytes) -> bytes:
    """The new value in the old one's quotes; an empty field says nothing, and goes on saying nothing."""
    if not _bare(field):
        return field
    return b'"' + value + b'"' if field.startswith(b'"') else value


def _bare(field: bytes) -> bytes:
    return field[1:-1].replace(b'""', b'"') if field.startswith(b'"') else field
