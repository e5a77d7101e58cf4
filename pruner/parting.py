"""Part an installation into what every chip needs and what differs by chip, so that images share the former.

    python -m pruner.parting list  ROOT LIST --vendor amd|nvidia
    python -m pruner.parting share ROOT LIST REQUIREMENTS
    python -m pruner.parting chip  ROOT LIST [REQUIREMENTS]

`list` writes down which files hold device code, whatever the chip, before anything is pruned, and every
RECORD that lists some, as it differs by chip too. On a tree that is as it was then, `share` leaves what the
named distributions hold besides those, without symbols; on one that was pruned since, `chip` leaves those,
and distributions that are the chip's own.
Files only ever go or become smaller, so in an image build a view costs what it rewrites, not a copy.
"""

import argparse
import csv
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from pruner.archs import Gfx, Sm, Wanted
from pruner.choice import choose
from pruner.elf.read import read_elf
from pruner.errors import NotOurs, PrunerError, Refused
from pruner.library import Options, prune_library
from pruner.marker import IN_IMAGE
from pruner.report import FileReport, Outcome
from pruner.tree.records import Fresh, amend
from pruner.tree.walk import survey
from pruner.view import Scratch, View

_RECORD = ".dist-info/RECORD"
_ASKED = {
    "amd": Wanted(gfx=(Gfx("gfx1100"),)),
    "nvidia": Wanted(sm=(Sm(90),), embedded=True),
}
"""A chip of each vendor, to be told of all code for that vendor's chips."""


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except PrunerError as error:
        hint = f"\nhint:  {error.hint}" if error.hint else ""
        print(f"error: {error.message}{hint}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or args.root}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pruner.parting", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, run in (("list", _list), ("share", _share), ("chip", _chip)):
        verb = verbs.add_parser(name)
        verb.add_argument("root", type=Path, metavar="ROOT")
        verb.add_argument("list", type=Path, metavar="LIST")
        verb.set_defaults(run=run)
        if name == "list":
            verb.add_argument("--vendor", choices=list(_ASKED), required=True)
        if name != "list":
            optional = "?" if name == "chip" else None
            verb.add_argument("requirements", type=Path, metavar="REQUIREMENTS", nargs=optional)
    return parser


def _list(args: argparse.Namespace) -> None:
    names = set(with_device_code(args.root, args.vendor))
    records = {owner + _RECORD for name, owner in _owners(args.root).items() if name in names}
    args.list.write_text("".join(f"{name}\n" for name in sorted(names | records)), encoding="utf-8")
    size = sum((args.root / name).lstat().st_size for name in names)
    print(f"{len(names)} files with device code, {size / 1e6:,.1f} MB")


def _share(args: argparse.Namespace) -> None:
    of_chip = _read_list(args.list)
    wanted = set(_distributions(args.requirements))
    owners = _owners(args.root)
    _must_be_whole(args.root, owners, wanted)
    stays = {name for name, owner in owners.items() if _distribution(owner) in wanted and name not in of_chip}
    _leave(args.root, stays)
    stripped = {name: report for name in sorted(stays) if (report := _stripped(args.root / name))}
    _amend(args.root, (name for name in stays if name.endswith(_RECORD)), stripped)
    saved = sum(report.before - report.after for report in stripped.values())
    print(f"{len(stays)} files stay, {saved / 1e6:,.1f} MB of symbols went")


def _chip(args: argparse.Namespace) -> None:
    wanted = set(_distributions(args.requirements)) if args.requirements else set()
    own = {name for name, owner in _owners(args.root).items() if _distribution(owner) in wanted}
    _leave(args.root, {*_read_list(args.list), *own, IN_IMAGE})


def with_device_code(root: Path, vendor: str) -> Iterator[str]:
    """Kernel folders' files and libraries with code in them, for whatever chips of the vendor."""
    tree = survey(root, lambda _name: False)
    if tree.unreadable:
        name, reason = next(iter(tree.unreadable.items()))
        raise PrunerError(f"{root / name} cannot be read: {reason}")
    for folder in tree.kernels:
        yield from folder.members
    for library in tree.libraries:
        if _holds_code(root / library.name, _ASKED[vendor]):
            yield from library.names


def _holds_code(path: Path, wanted: Wanted) -> bool:
    with path.open("rb") as stream, closing(Scratch()) as scratch:
        try:
            tally = choose(read_elf(View(stream.fileno())), wanted, scratch).tally
        except NotOurs:
            return False
        except Refused:  # It cannot be judged, or has code for other chips alone.
            return True
    return bool(tally.kept or tally.dropped or tally.unknown)


def _read_list(path: Path) -> frozenset[str]:
    return frozenset(path.read_text(encoding="utf-8").splitlines())


def _distributions(requirements: Path) -> Iterator[str]:
    for line in requirements.read_text(encoding="utf-8").splitlines():
        name, separator, _ = line.partition("==")
        if separator and not line.startswith(("#", " ")):
            yield _normalised(name)


def _distribution(owner: str) -> str:
    """The name in `site-packages/Name-1.0`."""
    return _normalised(owner.rpartition("/")[2].partition("-")[0])


def _normalised(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(".", "-")


def _owners(root: Path) -> Mapping[str, str]:
    """Every file of a distribution -> the path of that distribution's .dist-info, without its suffix. One
    that lies within another, which brought a copy along, is the other's."""
    owners: dict[str, str] = {}
    for record in sorted(root.rglob(f"*{_RECORD}"), key=lambda path: (len(path.parts), path)):
        owner = record.relative_to(root).as_posix().removesuffix(_RECORD)
        base = record.parent.parent
        with record.open(encoding="utf-8", newline="") as stream:
            rows = [row[0] for row in csv.reader(stream) if row]
        for path in (*(base / row for row in rows), *record.parent.rglob("*")):
            owners.setdefault(os.path.relpath(path, root), owner)
    return owners


def _must_be_whole(root: Path, owners: Mapping[str, str], wanted: set[str]) -> None:
    absent = wanted.difference(map(_distribution, owners.values()))
    if absent:
        raise PrunerError(f"{min(absent)} is not installed in {root}", hint="install all layers first")
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name not in owners and (path.is_symlink() or not path.is_dir()):
            raise PrunerError(
                f"{name} belongs to no distribution", hint="only what a RECORD lists can be given to a layer"
            )


def _leave(root: Path, stays: Iterable[str]) -> None:
    """Take everything else out, and the folders that are empty then."""
    kept = frozenset(stays)
    for folder, folders, files in os.walk(root, topdown=False):
        below = Path(folder).relative_to(root)
        links = (name for name in folders if Path(folder, name).is_symlink())
        for name in (*files, *links):
            if (below / name).as_posix() not in kept:
                Path(folder, name).unlink()
        if below.parts and not any(Path(folder).iterdir()):
            Path(folder).rmdir()


def _stripped(path: Path) -> FileReport | None:
    """What became of a library without its symbols; nothing where it had none, and of what is no library."""
    if path.is_symlink() or not path.is_file():
        return None
    report = prune_library(path, Wanted(), Options(), name=path.name)
    if report.outcome is Outcome.FAILED:
        raise PrunerError(f"{path} cannot be stripped: {report.reason}")
    return report if report.outcome is Outcome.PRUNED else None


def _amend(root: Path, records: Iterable[str], stripped: Mapping[str, FileReport]) -> None:
    fates = {name: Fresh(report.sha256, report.after) for name, report in stripped.items()}
    for record in sorted(records):
        amend(root, record, fates)


if __name__ == "__main__":
    sys.exit(main())
