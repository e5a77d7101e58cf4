"""Resolving requirements with uv: which versions fit together, and the hashes of their files.

uv does not read pip's configuration, so the sources that it may ask are handed to it here.
"""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.errors import ConfigError, SourceError
from builder.requirements import Requirement, normalise
from builder.sources import Sources
from builder.sources.urls import host_of, local_path, redact

_NO_SOLUTION = 1
_FETCHED = re.compile(r"Failed to fetch: `?(?P<url>[^`\s]+)")
_EVIDENCE_LINES = 6


@dataclass(frozen=True)
class Question:
    """What to resolve, for one Python on x86-64 Linux; a universal answer holds from that Python on."""

    requirements: Sequence[str]
    python: str
    glibc: str = "2.36"
    """The C library of the base: wheels for a newer one would not load."""
    universal: bool = False
    constraints: Sequence[str] = ()
    overrides: Sequence[str] = ()
    """Requirements that win over what any distribution asks for."""
    without: Sequence[str] = ()
    """Distributions that are left out, with all that only they bring."""
    dependencies: bool = True
    upstream_index: str | None = None


class _NoSolutionError(SourceError):
    pass


def asking_everywhere(sources: Sources) -> Mapping[str, str]:
    """The environment in which uv may ask all that pip may. For locks, whose hashes say what may come."""
    return _asking_at(_attempts(None, sources)[-1], sources)


def resolve(question: Question, sources: Sources, *, uv: Path, workdir: Path) -> list[Requirement]:
    """Every distribution that the requirements bring, each with the hashes of all its wheels that fit.

    Folder indexes and upstream indexes hold copies of single files, and a lock made from them would know
    one hash of several. They are asked only where the package index has no answer.
    """
    failures: list[SourceError] = []
    for places in _attempts(question.upstream_index, sources):
        try:
            return _read_pylock(
                _compile(question, places, sources, uv=uv, workdir=workdir),
                markers=question.universal,
            )
        except _NoSolutionError as error:
            failures.append(error)
        except SourceError as error:
            if not failures:
                raise
            failures.append(error)
    first, last = failures[0], failures[-1]
    if not isinstance(last, _NoSolutionError):
        hint = f"an index that may have them could not be asked: {last.message}"
        raise SourceError(first.message, hint=hint, evidence=first.evidence)
    raise first


def _attempts(upstream_index: str | None, sources: Sources) -> list[Mapping[str, str]]:
    """The places to ask, as uv's own variables: an address may hold a password, and every user of a machine
    can read the arguments of its programs."""
    pip = sources.pip
    upstream = [upstream_index] if upstream_index and not pip.no_index else []
    links = ",".join(map(_without_comma, pip.find_links))
    if pip.no_index:
        nothing_else = _asking(pip.folders[0], pip.folders[1:]) if pip.folders else {"UV_NO_INDEX": "1"}
        return [{**nothing_else, "UV_FIND_LINKS": links}]
    stages = [pip.extra_indexes]
    for more in (pip.folders, upstream):
        if more:
            stages.append((*stages[-1], *more))
    return [{**_asking(pip.index, indexes), "UV_FIND_LINKS": links} for indexes in stages]


def _without_comma(link: str) -> str:
    """uv's list of links is parted by commas, which an address may have escaped and a path may not."""
    path = local_path(link) if "," in link else None
    return (path.absolute().as_uri() if path else link).replace(",", "%2C")


def _asking(default: str | None, indexes: Sequence[str]) -> Mapping[str, str]:
    return {"UV_DEFAULT_INDEX": default or "", "UV_INDEX": " ".join(indexes)}


def _compile(
    question: Question, places: Mapping[str, str], sources: Sources, *, uv: Path, workdir: Path
) -> str:
    inputs = {
        "requirements.in": question.requirements,
        "constraints.txt": question.constraints,
        "overrides.txt": question.overrides,
        "excludes.txt": question.without,
    }
    for name, lines in inputs.items():
        (workdir / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [
        *(str(uv), "pip", "compile", "requirements.in"),
        *("--constraints", "constraints.txt", "--overrides", "overrides.txt", "--excludes", "excludes.txt"),
        *("--format", "pylock.toml", "--only-binary", ":all:", "--index-strategy", "unsafe-best-match"),
        *("--no-config", "--no-progress", "--color", "never", "--no-python-downloads", "--system-certs"),
        *("--no-header", "--python", sys.executable, "--python-version", question.python),
        *(("--universal",) if question.universal else ("--python-platform", _platform(question))),
        *(() if question.dependencies else ("--no-deps",)),
        *(word for host in sources.pip.trusted_hosts for word in ("--allow-insecure-host", host)),
    ]
    done = subprocess.run(
        command,
        cwd=workdir,
        env=_asking_at(places, sources),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise _explain(done.returncode, done.stderr)
    return done.stdout


def _platform(question: Question) -> str:
    return f"x86_64-manylinux_{question.glibc.replace('.', '_')}"


def _asking_at(places: Mapping[str, str], sources: Sources) -> Mapping[str, str]:
    return {**_environment(sources), **{name: value for name, value in places.items() if value}}


def _environment(sources: Sources) -> Mapping[str, str]:
    """This process's environment, with pip's settings in the place of uv's own, which nobody would see."""
    kept = ("UV_CACHE_DIR", "UV_HTTP_RETRIES")
    environment = {name: value for name, value in os.environ.items() if name in kept or name[:3] != "UV_"}
    settings = {
        "SSL_CERT_FILE": os.fspath(sources.certificate) if sources.certificate else None,
        "ALL_PROXY": sources.pip.proxy,
        "UV_HTTP_TIMEOUT": sources.pip.timeout,
    }
    return environment | {name: value for name, value in settings.items() if value}


def _explain(code: int, stderr: str) -> SourceError:
    lines = [redact(line.strip()) for line in stderr.splitlines() if line.strip()]
    causes = [line.removeprefix("cause: ").removeprefix("error: ") for line in lines]
    if code == _NO_SOLUTION:
        return _NoSolutionError(
            "no versions of the requirements fit together",
            hint="change the requirements, or wait until the package index has what they ask for",
            evidence=causes[1 : 1 + _EVIDENCE_LINES],
        )
    fetched = _FETCHED.search(stderr)
    if fetched:
        host = host_of(fetched["url"])
        return SourceError(
            f"the package index at {host} does not answer: {causes[-1]}",
            hint="`pip config list` shows which index is in force; check the network, proxy and certificate",
        )
    return SourceError("uv cannot resolve the requirements", evidence=causes[:_EVIDENCE_LINES])


def _read_pylock(text: str, *, markers: bool) -> list[Requirement]:
    """The names, versions, markers and hashes of uv's answer, without the places they came from."""
    requirements = []
    for package in tomllib.loads(text).get("packages", []):
        name, version = package["name"], package.get("version")
        hashes = {wheel["hashes"]["sha256"] for wheel in package.get("wheels", [])}
        if not (version and hashes):
            raise ConfigError(
                f"{name} has no wheel in any configured source", hint="only wheels with a hash can be locked"
            )
        marker = package.get("marker", "") if markers else ""
        requirements.append(Requirement(normalise(name), version, marker, tuple(sorted(hashes))))
    return requirements
