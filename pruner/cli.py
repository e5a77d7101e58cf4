"""The command line of the pruner."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from pruner.archs import Ptx, Wanted, parse_archs
from pruner.errors import PrunerError
from pruner.library import Layout, Options
from pruner.marker import IN_FOLDER, IN_IMAGE, default_place
from pruner.picture import check_form, draw
from pruner.tree.check import faults
from pruner.tree.globs import Globs
from pruner.tree.machine import as_json
from pruner.tree.people import summary, table
from pruner.tree.place import check_place, put
from pruner.tree.pool import MOST, default_jobs
from pruner.tree.progress import progress_for
from pruner.tree.result import DONE, FAILED, INTERRUPTED, REFUSED, Request, Result
from pruner.tree.run import prune_tree
from pruner.tree.walk import place_of
from pruner.tree.words import count, printable

_DEFECT, USAGE, _READER_GONE = 1, 2, 141
_ARCH = re.compile(r"[^,;]+")
_NOT_WITH_CHECK = ("--arch", "--dry-run", "--json", "--picture", "--weight")
_TRY_AGAIN = "no file is half-written; the same command goes on from there"
_EPILOG = """exit status:
  0    done, or nothing to do
  2    wrong usage, or a tree that no run can begin on
  3    something was refused, and --accept does not name it
  4    the system refused something
  130  interrupted between files; the same command goes on from there"""


class _UsageError(PrunerError):
    pass


class _Parser(argparse.ArgumentParser):
    """Wrong usage is an error like every other: one line and a hint."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(message, hint=f"{self.prog} PATH --arch gfx1151; see {self.prog} --help")


def main(argv: Sequence[str], program: str = "python -m pruner") -> int:
    try:
        return _run(_parser(program).parse_args(argv))
    except PrunerError as error:
        _fail(error.message, error.hint)
        return USAGE
    except KeyboardInterrupt:
        _fail("interrupted", _TRY_AGAIN)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    except OSError as error:
        # Of a file, its report tells; this is about the terminal, the report's file, or new processes.
        _fail(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""), _TRY_AGAIN)
        return FAILED
    except Exception as error:
        if os.environ.get("GFXPACK_DEBUG") == "1":
            raise
        _fail(f"unexpected {type(error).__name__}: {error}", "this is a defect; GFXPACK_DEBUG=1 shows where")
        return _DEFECT


def _fail(message: str, hint: str) -> None:
    print(f"error: {message}" + (f"\nhint:  {hint}" if hint else ""), file=sys.stderr)


def _run(args: argparse.Namespace) -> int:
    if args.check:
        return _check(args)
    if args.picture:
        check_form(args.picture)
    for place in _reports(args):
        check_place(place)
    people = sys.stderr if args.json == "-" else sys.stdout
    result = prune_tree(_request(args), progress_for(people, lines=not args.dry_run))
    try:
        _tell(result, people)
    finally:  # also where nobody reads on
        written = _write_reports(args, result)
    return result.exit_code if written else FAILED


def _check(args: argparse.Namespace) -> int:
    beside = [
        option for option in _NOT_WITH_CHECK if getattr(args, option.removeprefix("--").replace("-", "_"))
    ]
    if beside:
        raise _UsageError(
            f"{beside[0]} means nothing beside --check", hint="the marker says what to look for"
        )
    tree = place_of(args.path)
    place = args.marker or default_place(tree)
    if place is None:
        raise _UsageError(f"{args.path} is a file, and has no marker", hint="name the marker with --marker")
    found = 0
    for fault in faults(tree, place, args.jobs or default_jobs(), progress_for(sys.stdout, lines=False)):
        print(printable(fault))
        found += 1
    print(f"{place}: {count(found, 'fault') if found else 'the tree is as it says'}")
    return REFUSED if found else DONE


def _tell(result: Result, stream: TextIO) -> None:
    lines = [*(table(result) if result.request.options.dry_run else ()), *summary(result)]
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()


def _reports(args: argparse.Namespace) -> Mapping[Path, Callable[[Result], bytes]]:
    """Files that the run is to be told in."""
    reports: dict[Path, Callable[[Result], bytes]] = {}
    if args.json and args.json != "-":
        reports[Path(args.json)] = lambda result: as_json(result).encode()
    if args.picture:
        reports[args.picture] = lambda result: draw(result, args.picture.suffix).encode(errors="replace")
    return reports


def _write_reports(args: argparse.Namespace, result: Result) -> bool:
    """Whether all were written; what was done to the tree stands in any case."""
    if args.json == "-":
        sys.stdout.write(as_json(result))
        sys.stdout.flush()
    written = True
    for place, report in _reports(args).items():
        try:
            put(place, report(result))
        except PrunerError as error:
            _fail(error.message, error.hint)
            written = False
    return written


def _request(args: argparse.Namespace) -> Request:
    gfx, sm = parse_archs([arch for words in args.arch for word in words for arch in _ARCH.findall(word)])
    place = place_of(args.path)
    return Request(
        path=place,
        wanted=Wanted(gfx, sm, Ptx(args.ptx), args.embedded),
        options=Options(layout=Layout(args.layout), strip=args.strip, dry_run=args.dry_run),
        jobs=args.jobs or default_jobs(),
        accept=Globs(args.accept),
        keep=Globs(args.keep),
        weight=tuple(args.weight),
        marker=_marker(args, place),
    )


def _marker(args: argparse.Namespace, tree: Path) -> Path | None:
    named: Path | None = args.marker
    return None if args.no_marker else named or default_place(tree)


def _jobs(text: str) -> int:
    jobs = int(text) if text.isdecimal() else 0
    if not 0 < jobs <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers (1 to {MOST})")
    return jobs


def _parser(program: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program,
        usage="%(prog)s PATH --arch ARCH [ARCH ...] [options]\n       %(prog)s PATH --check [options]",
        description="Take device code for other chips out of a tree of files: a ROCm install, a "
        "site-packages folder, an image's root, or a single library.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("path", type=Path, metavar="PATH", help="a folder, or one file")
    add("--arch", nargs="+", action="append", default=[], metavar="ARCH", help="gfx1151, sm_90, ...")
    add(
        "--ptx",
        choices=[*Ptx],
        default=Ptx.NEEDED,
        help="PTX that stays: where there is no other code (needed, the default), everywhere, the newest too",
    )
    add("--embedded", action="store_true", help="empty foreign fat binaries inside other data, too")
    add(
        "--layout",
        choices=[*Layout],
        default=Layout.AUTO,
        help="auto (the default): compact where that is proven to be safe, else keep",
    )
    add("--no-strip", dest="strip", action="store_false", help="leave symbols and debug data in")
    add("--jobs", type=_jobs, metavar="N", help=f"so many files at once (1 to {MOST}; default: processors)")
    add("--dry-run", action="store_true", help="show what would be done; write nothing")
    add(
        "--accept",
        action="append",
        default=[],
        metavar="GLOB",
        help="files that may be without code for the chip",
    )
    add("--keep", action="append", default=[], metavar="GLOB", help="files to leave alone")
    weight = "take out first what a policy calls dead weight"
    add("--weight", type=Path, action="append", default=[], metavar="POLICY", help=weight)
    add("--json", metavar="FILE", help="write the report for programs; - is standard output")
    add("--picture", type=Path, metavar="FILE", help="draw where the bytes are; .svg or .html")
    add(
        "--marker",
        type=Path,
        metavar="FILE",
        help=f"what tells of the run (PATH/{IN_FOLDER}, or in an image {IN_IMAGE})",
    )
    add("--no-marker", action="store_true", help="write no marker")
    add("--check", action="store_true", help="change nothing; see whether the tree is what its marker says")
    return parser
