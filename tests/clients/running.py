"""Running other people's programs against the proxy, and what came of it."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from xml.etree import ElementTree

from tests.fakes.fake_brain import FakeBrain

MODELS = {"CHAT_MODEL": "gemma4", "THINKING_MODEL": "qwen3", "EMBEDDING_MODEL": "llama3.2"}

_PATIENCE = 600
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


class Reachable(Protocol):
    """What a client is led to."""

    @property
    def url(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Served:
    """Where the proxy listens, and the engine behind it."""

    url: str
    engine: FakeBrain


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended."""

    code: int
    told: str
    complained: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a suite's cases ended: `left_out` holds why, `failed` what went wrong, by their names."""

    passed: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


def run(
    *command: str | Path,
    served: Reachable,
    folder: Path,
    stdin: str = "",
    more: Mapping[str, str] | None = None,
) -> Done:
    """A client finds the proxy where `OLLAMA_HOST` says. It stays on this machine, whatever else is set."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in _PROXIES}
    environment = kept | {
        "OLLAMA_HOST": served.url,
        "NO_PROXY": "127.0.0.1,localhost",
        "COLUMNS": "250",
        **(more or {}),
    }
    done = subprocess.run(
        [os.fspath(word) for word in command],
        cwd=folder,
        input=stdin,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def read_report(report: Path) -> Outcome:
    passed, left_out, failed = [], {}, {}
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - written by our own run
        name = case.get("name", "")
        trouble = next(
            (case.find(kind) for kind in ("failure", "error") if case.find(kind) is not None), None
        )
        skipped = case.find("skipped")
        if trouble is not None:
            failed[name] = trouble.text or ""
        elif skipped is not None:
            left_out[name] = skipped.get("message", "")
        else:
            passed.append(name)
    return Outcome(tuple(passed), left_out, failed)
