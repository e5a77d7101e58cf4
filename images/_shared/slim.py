"""Take out of an installed layer what its program does not need, row by row of a policy.

    slim.py LAYER POLICY

LAYER is a folder as `pip install --root` leaves it. A row of POLICY is an action, a pattern below
site-packages (below the virtual environment with a leading `/`) and the reason, parted by blanks:

    keep    torch/bin/torch_shm_manager   torch does not import without it
    delete  torch/bin/*                   test programs
    strip   torch/lib/libtorch_cpu.so     symbols; loaded and served with afterwards

`keep` shields from the rows below it. A row that finds nothing, or strips nothing off, is an error: a
policy says what is true of the files that it was written for. RECORD files are kept true.
"""

import base64
import csv
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ACTIONS = ("keep", "delete", "strip")
ELF = b"\x7fELF"
VENV = "opt/venv"


class PolicyError(Exception):
    pass


@dataclass(frozen=True)
class Row:
    line: int
    action: str
    pattern: str
    reason: str


def read_policy(path: Path) -> Iterator[Row]:
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not text.strip() or text.startswith("#"):
            continue
        fields = text.split(None, 2)
        if len(fields) != 3 or fields[0] not in ACTIONS:
            raise PolicyError(
                f"{path.name}:{number}: want '{'|'.join(ACTIONS)} PATTERN REASON', got {text!r}"
            )
        yield Row(number, *fields)


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            yield from (inner for inner in path.rglob("*") if inner.is_symlink() or not inner.is_dir())
        else:
            yield path


def weight(paths: Iterable[Path]) -> int:
    return sum(path.lstat().st_size for path in paths)


def strip(path: Path) -> int:
    before = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != ELF:
            raise PolicyError(f"{path} is no ELF file")
    subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)
    return before - path.stat().st_size


def delete(files: set[Path]) -> int:
    freed = weight(files)
    for file in files:
        file.unlink()
    return freed


def apply(row: Row, venv: Path, site: Path, kept: set[Path]) -> int:
    top, pattern = (venv, row.pattern[1:]) if row.pattern.startswith("/") else (site, row.pattern)
    found = set(files_below(sorted(top.glob(pattern)))) - kept
    if not found:
        raise PolicyError(f"nothing matches {row.pattern!r}")
    if row.action == "keep":
        kept |= found
        return 0
    if row.action == "delete":
        return delete(found)
    freed = [strip(file) for file in sorted(found)]
    if min(freed) <= 0:
        raise PolicyError(f"{row.pattern!r} names a file that has nothing to strip")
    return sum(freed)


def drop_empty_folders(top: Path) -> None:
    for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
        if not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()


def amend_record(record: Path) -> None:
    """Leave out the rows of files that are gone; write hash and size of those that changed anew."""
    site = record.parent.parent
    with record.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with record.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for name, digest, size in rows:
            path = site / name
            if path.exists():
                fresh = digest and path.stat().st_size != int(size)
                writer.writerow(describe(path, name) if fresh else (name, digest, size))


def describe(path: Path, name: str) -> tuple[str, str, int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return name, "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), path.stat().st_size


def main(layer: Path, policy: Path) -> None:
    venv = layer / VENV
    (site,) = venv.glob("lib/python3*/site-packages")
    kept: set[Path] = set()
    print(f"{policy.name}: {weight(files_below([layer])):>13,} bytes as installed")
    for row in read_policy(policy):
        try:
            freed = apply(row, venv, site, kept)
        except PolicyError as error:
            raise PolicyError(f"{policy.name}:{row.line}: {error}") from None
        print(f"{row.action:>6} {freed:>13,}  {row.pattern}  ({row.reason})")
    drop_empty_folders(layer)
    for record in sorted(site.glob("*.dist-info/RECORD")):
        amend_record(record)
    print(f"{policy.name}: {weight(files_below([layer])):>13,} bytes left")


if __name__ == "__main__":
    if len(sys.argv) != 3 or shutil.which("strip") is None:
        sys.exit("usage: slim.py LAYER POLICY  (and binutils' strip on PATH)")
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except PolicyError as error:
        sys.exit(f"error: {error}")
