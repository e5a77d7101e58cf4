"""A fake apt: programs `apt-get` and `apt-cache` that answer from recordings, and remember their calls.

What a simulated installation says is chosen by the newer suite that its packages are asked from, or "own".
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

_PROGRAM = """#!{python}
import json, os, sys
script = json.load(open({script!r}))
name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
files = sorted(path for path in script["watched"] if os.path.exists(path))
with open(script["calls"], "a") as calls:
    calls.write(json.dumps([name, arguments, files]) + "\\n")
suites = [word.partition("/")[2] for word in arguments if "/" in word and not word.startswith("-")]
suite = suites[0] if suites else "own"
if name == "apt-cache":
    print(script["policy"])
elif "--simulate" in arguments:
    answer = script["simulations"].get(suite)
    if answer is None:
        sys.exit("E: The repository of " + suite + " does not answer.")
    print(answer)
elif "install" in arguments:
    print("Setting up docker.io ...")
    sys.exit(script["status"])
"""


@dataclass
class FakeApt:
    """Put `bin` first on PATH. `simulations` maps a suite to what is said of it; others cannot be had."""

    folder: Path
    policy: str
    simulations: dict[str, str]
    watched: list[Path] = field(default_factory=list)
    status: int = 0

    def __post_init__(self) -> None:
        self.bin.mkdir(parents=True)
        script = {
            "policy": self.policy,
            "simulations": self.simulations,
            "status": self.status,
            "calls": os.fspath(self._calls),
            "watched": [os.fspath(path) for path in self.watched],
        }
        (self.folder / "script.json").write_text(json.dumps(script), encoding="utf-8")
        for name in ("apt-get", "apt-cache"):
            program = self.bin / name
            text = _PROGRAM.format(python=sys.executable, script=os.fspath(self.folder / "script.json"))
            program.write_text(text, encoding="utf-8")
            program.chmod(0o755)

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def _calls(self) -> Path:
        return self.folder / "calls"

    @property
    def calls(self) -> list[tuple[str, list[str], list[str]]]:
        """Program, arguments, and which of the watched files were there."""
        if not self._calls.exists():
            return []
        return [tuple(json.loads(line)) for line in self._calls.read_text(encoding="utf-8").splitlines()]

    @property
    def installed(self) -> list[str]:
        """The packages of the installations that were not simulated."""
        return [
            word
            for name, arguments, _ in self.calls
            if name == "apt-get" and "install" in arguments and "--simulate" not in arguments
            for word in arguments[arguments.index("install") :]
            if not word.startswith("-") and word not in ("install", "Dpkg::Use-Pty=0")
        ]
