"""`python -m pruner.deadweight --family cuda LAYER POLICY...`"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pruner.deadweight.carry import carry_out
from pruner.deadweight.plan import Step, files_below, open_tree, plan, weight
from pruner.deadweight.policy import Action, Family, read_policy
from pruner.errors import PrunerError


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        _run(args.layer, args.policy, args.family, dry_run=args.dry_run)
    except PrunerError as error:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        print(f"error: {error.message}{hint}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or args.layer}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pruner.deadweight",
        description="Take out of an installation what nothing in it needs.",
    )
    parser.add_argument("layer", type=Path, metavar="LAYER", help="where wheels are installed")
    parser.add_argument("policy", type=Path, nargs="+", metavar="POLICY", help="tables of what goes, and why")
    parser.add_argument("--family", type=Family, choices=list(Family), required=True, help="what runs it")
    parser.add_argument("--dry-run", action="store_true", help="show the table, change nothing")
    return parser


def _run(layer: Path, policies: Sequence[Path], family: Family, *, dry_run: bool) -> None:
    tree = open_tree(layer)
    rows = [row for policy in policies for row in read_policy(policy)]
    before = weight(files_below(tree.root))
    steps = plan(tree, rows, family)
    print(f"{'':6} {'MB':>9}")
    for step in steps:
        print(_line(step))
    if not dry_run:
        carry_out(tree, steps)
    after = before - sum(step.freed for step in steps)
    print(f"{layer}: {before / 1e6:,.1f} MB -> {after / 1e6:,.1f} MB{' in a dry run' if dry_run else ''}")


def _line(step: Step) -> str:
    row = step.row
    freed = "-" if row.action is Action.KEEP else f"{step.freed / 1e6:,.2f}"
    doubt = "" if row.is_near(step.freed) else f"  [its row says {row.megabytes} MB]"
    return f"{row.action:<6} {freed:>9}  {row.pattern}  ({row.reason}){doubt}"


if __name__ == "__main__":
    sys.exit(main())
