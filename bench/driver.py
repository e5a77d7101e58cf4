"""What a person waits for when nothing is to be done: the start, a render, a build that is up to date.

    python bench/driver.py [--runs N]

Every command runs N times, in turn with a bare Python so that a slow moment of the machine hits all alike;
medians are compared with the limits that the project promises.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BARE = (sys.executable, "-c", "pass")


@dataclass(frozen=True)
class Claim:
    name: str
    argv: tuple[str, ...]
    limit: float
    """Seconds, above bare Python where `relative`."""
    relative: bool = False


def claims(folder: str) -> tuple[Claim, ...]:
    driver = (sys.executable, str(ROOT / "build.py"))
    return (
        Claim("start", (*driver, "--version"), 0.2, relative=True),
        Claim("render", (*driver, "render", "--target", "cpu", "--out", f"{folder}/bundle"), 1.0),
        Claim("render --all", (*driver, "render", "--all", "--out", f"{folder}/all"), 3.0),
        Claim("build, up to date", (*driver, "build", "--target", "cpu"), 2.0),
    )


def wall(argv: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def measure(runs: int) -> bool:
    """Print a row per claim; whether all of them hold."""
    holds = True
    with tempfile.TemporaryDirectory() as folder:
        for claim in claims(folder):
            wall(claim.argv)
            pairs = [(wall(BARE), wall(claim.argv)) for _ in range(runs)]
            bare, own = (statistics.median(column) for column in zip(*pairs, strict=True))
            figure = own - bare if claim.relative else own
            holds = holds and figure < claim.limit
            note = f" above bare Python ({bare:.3f} s)" if claim.relative else ""
            verdict = "holds" if figure < claim.limit else "FAILS"
            print(f"{claim.name:<18} {figure:.3f} s{note}, limit {claim.limit:.1f} s: {verdict}")
    return holds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=9)
    return 0 if measure(parser.parse_args().runs) else 1


if __name__ == "__main__":
    sys.exit(main())
