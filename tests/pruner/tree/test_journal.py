"""The journal: what a run that was killed leaves to the next one."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from pruner import marker
from pruner.report import FileReport, Outcome
from pruner.tree.journal import Journal, journal_of
from tests.pruner.tree.trees import contents, fat, prune, put, request, rocblas, wheel

GONE = "rocblas/library/Kernels.so-000-gfx906.hsaco"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    put(root / "libx.so", fat())
    rocblas(root / "rocblas/library", "gfx906", "gfx1100")
    wheel(root, "foo", "libx.so", *(name for name in contents(root) if name.startswith("rocblas")))
    return root


def removed(path: str, size: int) -> FileReport:
    return FileReport(path, "rocblas", Outcome.REMOVED, size, 0, dropped={"gfx906": size})


def test_a_removed_file_that_nobody_told_of(tree: Path) -> None:
    journal = Journal(journal_of(tree))
    journal.open({"": (1000, 2000)}, {})
    journal.removing(removed(GONE, 1234))
    journal.removing(removed("rocblas/library/TensileLibrary_lazy_gfx906.dat", 600))
    (tree / GONE).unlink()
    journal.close(whole=False)
    prune(request(tree, marker=tree / "marker.json"))
    assert "gfx906" not in (tree / "foo-1.0.dist-info/RECORD").read_text(encoding="utf-8")
    found = marker.load(tree / "marker.json")
    assert found is not None
    assert {name: file.before for name, file in found.removed.items()} == {
        GONE: 1234,
        "rocblas/library/TensileLibrary_lazy_gfx906.dat": 600,
    }
    assert tree.stat().st_mtime_ns == 2000
    assert not journal_of(tree).exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"begun": "libx.so", "size": 5, "names": ["libx.so"], "ident',
        b"\n\n[]\nnull\n7\n",
        b'{"done": {"path": "x"}}\n{"begun": "x"}\n{"dates": {"": [1]}}\n',
        b"\xff\xfe\n",
        b"[" * 100_000,
        b'{"begun": "libx.so", "size": "5", "names": ["libx.so"], "identity": [1, 2]}\n',
        b'{"begun": "libx.so", "size": 5, "names": [1], "identity": [1, 2]}\n',
        b'{"begun": "libx.so", "size": 5, "names": ["libx.so", "a\\u0000b"], "identity": [1, 2]}\n',
        b'{"dates": {"": ["a", "b"]}, "policies": {}}\n{"dates": {"": [0, 1e999]}, "policies": {"a": 1}}\n',
        b'{"dates": {"": [0, 123456789012345678901234567890]}, "policies": {}}\n',
    ],
)
def test_what_is_no_journal_is_passed_over(content: bytes, tree: Path) -> None:
    put(journal_of(tree), content)
    result = prune(request(tree))
    assert result.exit_code == 0
    assert not journal_of(tree).exists()


@pytest.mark.parametrize(
    "lie",
    [
        {"sha256": "no hash"},
        {"sha256": "0" * 64},
        {"sha256": "0" * 64, "kept": {"gfx906": "many"}},
        {"sha256": "0" * 64, "notes": [1]},
        {"sha256": "0" * 64, "layout": {"a": 1}},
        {"sha256": "0" * 64, "serves": {"gfx1100": 1}},
        {"sha256": "0" * 64, "path": "gone.so"},
    ],
)
def test_what_a_journal_says_was_done_is_looked_at(lie: dict[str, object], tree: Path) -> None:
    prune(request(tree))
    record = tree / "foo-1.0.dist-info/RECORD"
    before = record.read_bytes()
    size = (tree / "libx.so").stat().st_size
    done = asdict(FileReport("libx.so", "elf", Outcome.PRUNED, 10**6, size)) | lie
    put(journal_of(tree), json.dumps({"done": done}).encode() + b"\n")
    result = prune(request(tree))
    assert (result.exit_code, result.changed) == (0, ())
    assert record.read_bytes() == before


@pytest.mark.parametrize("name", ["../outside.so", "sub/../../outside.so", "{outside}"])
def test_a_journal_leads_nowhere_else(name: str, tree: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside.so", b"outside")
    status = outside.stat()
    name = name.format(outside=outside)
    begun = {"begun": "libx.so", "size": 10**9, "names": ["libx.so", name]}
    entries = [
        {**begun, "identity": [status.st_dev, status.st_ino]},
        {"dates": {name: [1, 1]}, "policies": {}},
    ]
    put(journal_of(tree), "".join(json.dumps(entry) + "\n" for entry in entries).encode())
    prune(request(tree))
    assert outside.read_bytes() == b"outside"
    assert (outside.stat().st_ino, outside.stat().st_mtime_ns) == (status.st_ino, status.st_mtime_ns)


def test_another_file_under_the_journals_name_is_not_written_through(tree: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside.txt", b"outside")
    journal_of(tree).symlink_to(outside)
    assert prune(request(tree)).exit_code == 0
    assert outside.read_bytes() == b"outside"
    (tree / "libx.so").write_bytes(fat())
    journal_of(tree).unlink(missing_ok=True)
    os.mkfifo(journal_of(tree))
    assert prune(request(tree)).exit_code == 0
