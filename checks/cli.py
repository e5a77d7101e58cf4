"""The command line: every check, then a verdict or what is wrong."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from checks.errors import ChecksError
from checks.expectation import FORMAT, Expectation, load
from checks.subject import Check, Fault, Finding, Subject
from checks.table import CHECKS
from pruner.errors import PrunerError
from pruner.tree.words import printable

PASSED, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
_SHOWN = 3
_DEFECT = "the image's files are damaged, or this is a defect; GFXPACK_DEBUG=1 shows where"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ChecksError(message, hint=f"{self.prog} EXPECT.json --root / --verdict OUT")


def main(argv: Sequence[str]) -> int:
    try:
        args = _parser().parse_args(argv)
        return _run(load(args.expect), args.root, args.verdict)
    except (ChecksError, PrunerError) as error:
        _tell(error.message, error.hint)
    except KeyboardInterrupt:
        _tell("interrupted", "nothing was written; the same command begins anew")
        return INTERRUPTED
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        _tell(f"{error.strerror or error}{where}", "the checks run as root and write the verdict")
    return USAGE


def _run(expect: Expectation, root: Path, verdict: Path | None) -> int:
    if not root.is_dir():
        raise ChecksError(f"{root} is no folder", hint="--root names the root of the image's files")
    findings = {}
    with tempfile.TemporaryDirectory(prefix="checks-") as scratch:
        Path(scratch).chmod(0o755)
        subject = Subject(root, expect, Path(scratch))
        for check in CHECKS:
            if check.applies(expect):
                findings[check.name] = _looked(check, subject)
                _report(check.name, findings[check.name].faults)
    if any(finding.faults for finding in findings.values()):
        return FAILED
    if verdict:
        _put(verdict, as_json(expect, findings))
    return PASSED


def _looked(check: Check, subject: Subject) -> Finding:
    """A check that cannot be carried out has failed, and the others go on."""
    try:
        return check.look(subject)
    except PrunerError as error:
        return Finding([Fault(f"cannot be carried out: {error.message}", error.hint)])
    except Exception as error:
        if os.environ.get("GFXPACK_DEBUG") == "1":
            raise
        return Finding([Fault(f"cannot be carried out: {type(error).__name__}: {error}", _DEFECT)])


def _report(name: str, faults: Sequence[Fault]) -> None:
    if not faults:
        print(f"ok      {name}", flush=True)
        return
    shown = [fault.text for fault in faults[:_SHOWN]]
    rest = [f"and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
    _tell(f"check {name}: {'; '.join([*shown, *rest])}", faults[0].hint)


def _tell(message: str, hint: str) -> None:
    print(f"error: {printable(message)}" + (f"\nhint:  {hint}" if hint else ""), file=sys.stderr, flush=True)


def as_json(expect: Expectation, findings: Mapping[str, Finding]) -> bytes:
    """The same for the same image: no clock and no machine is in it."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "image": expect.image,
        "target": expect.target,
        "archs": list(expect.archs),
        "checks": {name: finding.found for name, finding in findings.items()},
    }
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def _put(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ChecksError(
            f"cannot write {path}: {error.strerror}", hint="--verdict names a file in a folder that is there"
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m checks",
        description="See whether an image is what its target says, without a GPU.",
        epilog="exit status: 0 it is; 1 it is not; 2 wrong usage, or nothing that can be checked",
        allow_abbrev=False,
    )
    parser.add_argument("expect", type=Path, metavar="EXPECT.json", help="what the image is to be")
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="(default: %(default)s)")
    parser.add_argument("--verdict", type=Path, metavar="OUT", help="write down here what was found")
    return parser
