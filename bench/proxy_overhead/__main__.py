"""What the proxy costs for each streamed token, beside nginx, LiteLLM's proxy and no proxy at all.

    python -m bench.proxy_overhead [cpu] [first-token] [memory] [--seconds N] [--json FILE]

cpu          user and system time of all processes of a server for each token that came through it, while 64
             streams flow at 50 tokens a second; the servers take turns, N seconds each in all
first-token  how much later the first token comes under that load, asked for in turn with and without it
memory       what 100,000 streamed answers leave behind

nginx must be on PATH. LiteLLM goes into an environment in the cache, which stays (700 MB, from pip's sources
as they are configured). The exit status is 1 where a limit does not hold.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench.proxy_overhead import claims, first_token, load, servers
from bench.proxy_overhead.claims import Claim

_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "proxy_overhead"
_STREAMS = 64
_INTERVAL_SECONDS = 1 / 50
_LENGTH = 512
_TURN_SECONDS = 15
_ANSWERS, _SHORT = 100_000, 4


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """How long each part takes, where things lie, and a process of its own for those who ask."""

    seconds: float
    answers: int
    folder: Path
    cache: Path
    clients: ProcessPoolExecutor


def cpu(run: Run) -> tuple[list[Claim], Mapping[str, Any]]:
    with ExitStack() as started:
        direct = started.enter_context(servers.an_engine(_INTERVAL_SECONDS))
        targets = {
            "direct": direct,
            "ours": started.enter_context(servers.our_proxy(run.folder, direct)),
            "nginx": started.enter_context(servers.nginx(run.folder, direct)),
            "LiteLLM": started.enter_context(servers.litellm(run.folder, run.cache, direct)),
        }
        costs = dict.fromkeys(targets, load.Cost(0, 0, 0, 0))
        turns = max(1, round(run.seconds / _TURN_SECONDS))
        for _ in range(turns):
            for name, target in targets.items():
                asked = run.clients.submit(load.cost, target, _STREAMS, _LENGTH, run.seconds / turns)
                costs[name] += asked.result()
    _print_costs(costs)
    return claims.of_costs(costs), {name: dataclasses.asdict(cost) for name, cost in costs.items()}


def _print_costs(costs: Mapping[str, load.Cost]) -> None:
    """Of the direct way, the engine's own cost is shown: it is in no other row."""
    print(f"{'':<10} {'µs/token':>9} {'of nginx':>9} {'of LiteLLM':>11} {'tokens/s':>9} {'answers':>8}")
    nginx, litellm = (claims.micros(costs[name]) for name in ("nginx", "LiteLLM"))
    for name, cost in costs.items():
        each = claims.micros(cost)
        rate = cost.tokens / cost.wall_seconds
        shares = f"{each / nginx:>9.2f} {each / litellm:>11.3f}" if name != "direct" else f"{'':>9} {'':>11}"
        print(f"{name:<10} {each:>9.1f} {shares} {rate:>9.0f} {cost.answers:>8}")


def first_tokens(run: Run) -> tuple[list[Claim], Mapping[str, Any]]:
    with (
        servers.an_engine(_INTERVAL_SECONDS) as direct,
        servers.our_proxy(run.folder, direct) as ours,
    ):
        loaded = run.clients.submit(load.cost, ours, _STREAMS, _LENGTH, run.seconds)
        waits = first_token.measure(direct, ours, run.seconds)
        loaded.result()
    for percentile in (50, 99):
        figures = " ".join(f"{1e3 * value:8.2f}" for value in waits.at(percentile))
        print(f"first token, p{percentile}: direct and through the proxy {figures} ms")
    return claims.of_waits(waits), dataclasses.asdict(waits)


def memory(run: Run) -> tuple[list[Claim], Mapping[str, Any]]:
    with servers.an_engine(0) as engine, servers.our_proxy(run.folder, engine) as ours:
        samples = run.clients.submit(load.memory, ours, run.answers, _SHORT).result()
    for count, size in samples[:: len(samples) // 10]:
        print(f"after {count:>7} answers: {size / 2**20:.2f} MiB")
    return claims.of_memory(samples), {"samples": samples}


PARTS: Mapping[str, Callable[[Run], tuple[list[Claim], Mapping[str, Any]]]] = {
    "cpu": cpu,
    "first-token": first_tokens,
    "memory": memory,
}


def measure(run: Run, names: list[str]) -> Iterator[tuple[str, list[Claim], Mapping[str, Any]]]:
    for name in names:
        found, figures = PARTS[name](run)
        for claim in found:
            print(claim, flush=True)
        yield name, found, figures


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help="default: all")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each server (default: 60)")
    parser.add_argument("--answers", type=int, default=_ANSWERS, help=f"for memory (default: {_ANSWERS})")
    parser.add_argument("--cache", type=Path, default=_CACHE, help="default: .cache/proxy_overhead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as clients,
    ):
        run = Run(args.seconds, args.answers, Path(folder), args.cache.resolve(), clients)
        try:
            parts = list(measure(run, args.parts or list(PARTS)))
        except servers.UnreadyError as missing:
            print(f"error: {missing}", file=sys.stderr)
            return 2
    if args.json:
        found = {
            name: {"claims": [dataclasses.asdict(each) | {"holds": each.holds} for each in of], **figures}
            for name, of, figures in parts
        }
        args.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0 if all(claim.holds for _, of, _ in parts for claim in of) else 1


if __name__ == "__main__":
    sys.exit(main())
