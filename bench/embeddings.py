"""What making the embeddings image small costs: answers and speed beside the same wheels as pip has them.

    python bench/embeddings.py CACHE [--rounds N]

CACHE gets 1.1 GB of packages, which stay. Both run in containers of the image, one over the untouched
packages, and are asked the same questions in turn. The image and the models must be there (`build.py build`).
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, os.fspath(ROOT))

from builder import paths  # noqa: E402 - found by the line above
from builder.targets import load_catalog  # noqa: E402
from builder.targets.naming import MODELS_VOLUME, image_tag  # noqa: E402

SITE = "/opt/venv/lib/python3.11/site-packages"
SLOWEST = 0.95
FURTHEST = 1e-6
BATCH, BATCHES = 32, 8
READY_SECONDS = 120


def as_installed(cache: Path) -> Path:
    """The locked wheels as pip unpacks them, and our own package beside."""
    site = cache / "embeddings-as-installed"
    if not (site / "infinity_emb").is_dir():
        lock = paths.LOCKS / "embeddings.txt"
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*argv, "--target", os.fspath(site), "--requirement", os.fspath(lock)], check=True)
    shutil.copytree(ROOT / "runner", site / "runner", dirs_exist_ok=True)
    return site


@contextmanager
def serving(tag: str, model: str, *options: str) -> Iterator[str]:
    """A container of the image; the address that it answers at."""
    run = [
        "docker",
        "run",
        "--rm",
        "--detach",
        "--read-only",
        "--tmpfs",
        "/tmp",  # noqa: S108 - a mount in the container
        "--publish",
        "127.0.0.1::7997",
    ]
    run += ["--volume", f"{MODELS_VOLUME}:/models:ro", *options, tag, f"--model-id=/models/{model}"]
    container = _said(run)
    try:
        yield f"http://{_said(['docker', 'port', container, '7997'])}"
    finally:
        subprocess.run(["docker", "rm", "--force", container], check=True, stdout=subprocess.DEVNULL)


def _said(argv: Sequence[str]) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def wait(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health", timeout=2).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise TimeoutError(f"{url} does not answer within {READY_SECONDS} s")


def texts(batch: int) -> list[str]:
    words = ["river", "engine", "small", "kernel", "answers", "quietly", "seven", "under", "glass", "north"]
    return [
        " ".join(words[(batch * 7 + n * k) % 10] for k in range(4, 4 + 12 + n)) for n in range(1, BATCH + 1)
    ]


def embed(url: str, batch: int) -> list[list[float]]:
    answer = httpx.post(f"{url}/v1/embeddings", json={"model": "bench", "input": texts(batch)}, timeout=120)
    answer.raise_for_status()
    return [each["embedding"] for each in answer.json()["data"]]


def seconds(url: str) -> float:
    begun = time.perf_counter()
    for batch in range(BATCHES):
        embed(url, batch)
    return time.perf_counter() - begun


def measure(cache: Path, rounds: int) -> bool:
    catalog = load_catalog(paths.TARGETS)
    tag = image_tag("embeddings", catalog.images["embeddings"], None)
    model = catalog.models.embedding.slug
    named = "--env=INFINITY_SERVED_MODEL_NAME=bench"
    over = f"--volume={as_installed(cache)}:{SITE}:ro"
    with serving(tag, model, named) as small, serving(tag, model, named, over) as whole:
        for url in (small, whole):
            wait(url)
            seconds(url)
        pairs = [(seconds(small), seconds(whole)) for _ in range(rounds)]
        answers = zip(embed(small, 0), embed(whole, 0), strict=True)
        far = max(abs(a - b) for one, other in answers for a, b in zip(one, other, strict=True))
    speed = statistics.median(whole / small for small, whole in pairs)
    print(
        f"answers  furthest apart {far:.1e}, limit {FURTHEST:.0e}: {'holds' if far <= FURTHEST else 'FAILS'}"
    )
    print(
        f"speed    {speed:.2f} of the untouched, limit {SLOWEST}: {'holds' if speed >= SLOWEST else 'FAILS'}"
    )
    return far <= FURTHEST and speed >= SLOWEST


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cache", type=Path, metavar="CACHE")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    return 0 if measure(args.cache.absolute(), args.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
