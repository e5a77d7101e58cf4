"""Locks of the distribution's packages: which version of each is to be installed, one `name=version` a line.

What a package depends on comes as the mirror has it: a distribution of one day fits together.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from builder.engine.packages import parse_policy
from builder.errors import ConfigError, SourceError
from builder.sources.apt import AptConfiguration
from builder.sources.urls import redact

_LINE = re.compile(r"(?P<name>[a-z0-9][a-z0-9+.-]+)=(?P<version>[A-Za-z0-9.+:~-]+)")
_SECONDS = 300


def read(path: Path) -> dict[str, str]:
    """Versions by package; ConfigError where the file is none of ours."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read locks/{path.name}: {error}", hint=_again(path)) from None
    pins: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match:
            pins[match["name"]] = match["version"]
        elif line and not line.startswith("#"):
            raise ConfigError(
                f"locks/{path.name}:{number}: {line!r} is no package=version", hint=_again(path)
            )
    return pins


def emit(pins: Mapping[str, str], name: str, suite: str) -> str:
    header = f"# {name}: packages of {suite} on amd64. Written by `build.py lock --only {name}`; do not edit."
    return "".join(f"{line}\n" for line in (header, *(f"{key}={pins[key]}" for key in sorted(pins))))


def upstream_version(version: str) -> str:
    """What upstream calls it: without epoch, revision, and what the packager took out."""
    return re.sub(r"\+dfsg.*|-[^-]*$", "", version.partition(":")[2] or version)


def candidates(packages: Sequence[str], suite: str, apt: AptConfiguration) -> dict[str, str]:
    """The versions that the mirror of `suite` has now, asked by this machine's apt in a folder of its own."""
    mirrors = [apt.authorised(mirror) for mirror in apt.for_suite(suite)]
    with tempfile.TemporaryDirectory(prefix="gfxpack-apt-") as folder:
        room = Path(folder)
        room.chmod(0o755)
        (room / "sources.list").write_text("".join(f"{mirror.line}\n" for mirror in mirrors))
        (room / "status").touch()
        (room / "lists/partial").mkdir(parents=True)
        environment = {**os.environ, **apt.proxies, "LC_ALL": "C.UTF-8"}
        _apt(["apt-get", "update", "-qq"], room, suite, environment)
        text = _apt(["apt-cache", "policy", *packages], room, suite, environment)
    found = parse_policy(text)
    missing = [name for name in packages if name not in found]
    if missing:
        raise SourceError(
            f"{suite} has no package {', '.join(missing)}",
            hint="correct its name in targets.yaml, or name another suite in `bases`",
        )
    return {name: found[name] for name in packages}


def _apt(command: Sequence[str], room: Path, suite: str, environment: Mapping[str, str]) -> str:
    options = {
        "Dir::State::lists": room / "lists",
        "Dir::State::status": room / "status",
        "Dir::Cache": room,
        "Dir::Etc::sourcelist": room / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Architecture": "amd64",
        "Acquire::Languages": "none",
    }
    argv = [*command, *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, env=environment, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise SourceError(
            f"there is no {command[0]} here, which knows the packages of {suite}",
            hint="write this lock on Debian or Ubuntu",
        ) from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"the mirror of {suite} did not answer within {_SECONDS} s") from None
    if done.returncode != 0:
        said = [redact(line) for line in done.stderr.splitlines() if line.startswith("E: ")]
        raise SourceError(
            f"the packages of {suite} cannot be asked for: {(said or ['no output'])[0].removeprefix('E: ')}",
            hint="check the mirror in this machine's apt sources",
        )
    return done.stdout


def _again(path: Path) -> str:
    return f"write it with `build.py lock --only {path.stem}`"
