"""RECORD rows: those of changed and removed files, and not a byte beside them."""

import csv
import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruner.tree.records import Fates, Fresh, amend
from tests.pruner.tree.trees import put

FRESH = Fresh("00" * 31 + "ff", 4321)
HASH = b"sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8"


def amended(tmp_path: Path, before: bytes, fates: Fates) -> bytes:
    record = put(tmp_path / "site/foo-1.dist-info/RECORD", before)
    amend(tmp_path, "site/foo-1.dist-info/RECORD", {f"site/{name}": fate for name, fate in fates.items()})
    return record.read_bytes()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"x,sha256=old,1\n", b"x," + HASH + b",4321\n"),
        (b"x,sha256=old,1\r\ny,,\r\n", b"x," + HASH + b",4321\r\ny,,\r\n"),
        (b'"x","sha256=old","1"\n', b'"x","' + HASH + b'","4321"\n'),
        (b"x,sha256=old,1", b"x," + HASH + b",4321"),
        (b"y,a,1\nx,md5=old,1\nz,b,2\n", b"y,a,1\nx," + HASH + b",4321\nz,b,2\n"),
        (b"x,,\n", b"x,,\n"),
        (b"x,sha256=old,\n", b"x," + HASH + b",\n"),
        (b'x,"",""\n', b'x,"",""\n'),
        (b"./x,sha256=old,1\n", b"./x," + HASH + b",4321\n"),
        (b"sub/../x,sha256=old,1\n", b"sub/../x," + HASH + b",4321\n"),
        (b"x,sha256=old,1,more\n", b"x," + HASH + b",4321,more\n"),
        (b"x,a,1\nx,b,2\n", (b"x," + HASH + b",4321\n") * 2),
        (b'\xff\x00"broken\nx,sha256=old,1\n\n,,\nno row\n', None),
    ],
)
def test_only_the_changed_row_changes(before: bytes, after: bytes | None, tmp_path: Path) -> None:
    expected = before.replace(b"sha256=old,1", HASH + b",4321") if after is None else after
    assert amended(tmp_path, before, {"x": FRESH}) == expected


def test_rows_of_removed_files_go(tmp_path: Path) -> None:
    before = b'a,h,1\r\n"x","h","1"\r\nb,h,2\nx,,\n'
    assert amended(tmp_path, before, {"x": None}) == b"a,h,1\r\nb,h,2\n"


def test_names_are_whole(tmp_path: Path) -> None:
    before = b"a/x,h,1\nxx,h,1\nx/a,h,1\nx.so,h,1\n../x,h,1\n"
    assert amended(tmp_path, before, {"x": FRESH}) == before


@pytest.mark.parametrize("name", ["with,comma", 'with"quote', "with\nline", "with\xe4"])
def test_quoted_names_are_understood(name: str, tmp_path: Path) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    before = f"{quoted},sha256=old,1\n".encode()
    after = f"{quoted},".encode() + HASH + b",4321\n"
    assert amended(tmp_path, before, {name: FRESH}) == after


def test_rows_may_lead_up_and_through_links(tmp_path: Path) -> None:
    put(tmp_path / "lib/real/libx.so", b"")
    (tmp_path / "link").symlink_to("lib/real")
    record = put(tmp_path / "lib/python/site/foo-1.dist-info/RECORD", b"../../../link/libx.so,sha256=old,1\n")
    assert amend(tmp_path, "lib/python/site/foo-1.dist-info/RECORD", {"lib/real/libx.so": FRESH})
    assert record.read_bytes() == b"../../../link/libx.so," + HASH + b",4321\n"


def test_a_record_without_the_file_is_not_touched(tmp_path: Path) -> None:
    record = put(tmp_path / "site/foo-1.dist-info/RECORD", b"y,h,1\n")
    inode = record.stat().st_ino
    assert not amend(tmp_path, "site/foo-1.dist-info/RECORD", {"site/x": FRESH})
    assert record.stat().st_ino == inode


def test_mode_and_dates_stay(tmp_path: Path) -> None:
    record = put(tmp_path / "site/foo-1.dist-info/RECORD", b"x,h,1\n")
    record.chmod(0o640)
    os.utime(record, ns=(1_000, 2_000))
    assert amend(tmp_path, "site/foo-1.dist-info/RECORD", {"site/x": FRESH})
    status = record.stat()
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o640, 2_000)
    assert [path.name for path in record.parent.iterdir()] == ["RECORD"]


paths = st.text(st.characters(codec="utf-8", exclude_characters="\0/\r"), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
rows = st.lists(
    st.tuples(paths, st.sampled_from(["sha256=abc", ""]), st.sampled_from(["12", ""])), max_size=8
)


@settings(max_examples=40)
@given(
    rows=rows,
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_readers_of_csv_see_the_same_rows_but_for_the_changed_one(
    rows: list[tuple[str, str, str]], ending: str, quoting: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator=ending, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    changed = rows[0][0] if rows else "none"
    tmp_path = tmp_path_factory.mktemp("record")
    after = amended(tmp_path, text.getvalue().encode(), {changed: FRESH})
    expected = [
        [name, HASH.decode() if digest else "", "4321" if size else ""]
        if name == changed
        else [name, digest, size]
        for name, digest, size in rows
    ]
    assert list(csv.reader(io.StringIO(after.decode(), newline=""))) == expected
