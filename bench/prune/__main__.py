"""What the pruner promises, measured and proven on libraries as they are published.

    python -m bench.prune CACHE [hip] [cuda] [speed] [proof]

hip      how much smaller ROCm's libraries of Debian become for one chip
cuda     how much smaller a site-packages folder with vLLM becomes, as a tar and as a compressed layer
speed    seconds and memory beside `cp -a` of the same bytes
proof    what loads, imports and can be extracted before and after is the same

CACHE gets 15 GB of packages, which stay, and up to 10 GB of copies, which do not. Packages come from pip's
and apt's sources as they are configured. `proof` needs gcc, nm and a zstandard module.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bench.prune import proof, savings, speed
from bench.prune.claims import Claim

CLAIMS: Mapping[str, Callable[[Path], Iterable[Claim]]] = {
    "hip": savings.of_hip,
    "cuda": savings.of_cuda,
    "speed": speed.beside_cp,
    "proof": proof.of_everything,
}


def main(cache: Path, names: Iterable[str]) -> bool:
    holds = True
    for name in names:
        for claim in CLAIMS[name](cache):
            print(claim, flush=True)
            holds = holds and claim.holds
    return holds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cache", type=Path, help="a folder for packages and copies")
    parser.add_argument("claims", nargs="*", choices=[*CLAIMS, []], metavar="CLAIM", help="default: all")
    arguments = parser.parse_args()
    sys.exit(0 if main(arguments.cache.resolve(), arguments.claims or CLAIMS) else 1)
