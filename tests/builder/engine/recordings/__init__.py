"""What real tools said: BuildKit's progress streams, pip's and apt's complaints, apt's policies and plans."""

from pathlib import Path

_HERE = Path(__file__).parent


def build(name: str) -> list[str]:
    """The lines of a build's `--progress rawjson`."""
    return (_HERE / "builds" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)


def log(name: str) -> str:
    """What a failed step said."""
    return (_HERE / "logs" / f"{name}.txt").read_text(encoding="utf-8")


def apt(name: str) -> str:
    """An answer of apt, or an os-release."""
    return (_HERE / "apt" / name).read_text(encoding="utf-8")
