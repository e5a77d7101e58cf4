"""Whether what is installed is what the target pins, is new enough to be safe, and fits together."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from checks.child import Trouble, probe
from checks.distributions import installed, normalise
from checks.subject import Fault, Finding, Subject

_LOCK = (
    "the lock and targets.yaml differ, or a later layer brought it along: write the lock again, then build"
)
_CODE = (".py", ".so")


def pinned(subject: Subject) -> Finding:
    faults = []
    found = {}
    for name, version in subject.expect.versions.items():
        there = subject.distributions.get(normalise(name))
        found[name] = there.version if there else ""
        if there is None:
            faults.append(Fault(f"{name} is not installed, {version} is expected", _LOCK))
        elif there.version != version:
            faults.append(Fault(f"{name} is {there.version}, {version} is expected", _LOCK))
    return Finding([*faults, *_twice(subject)], found)


def _twice(subject: Subject) -> Iterator[Fault]:
    """One that was installed over another: which of the two a program sees is chance."""
    versions: dict[str, list[str]] = {}
    for each in installed(subject.sites):
        versions.setdefault(normalise(each.name), []).append(each.version)
    for name, found in versions.items():
        if len(found) > 1:
            yield Fault(f"{name} is there {len(found)} times: {', '.join(found)}", _LOCK)


def safe(subject: Subject) -> Finding:
    faults = []
    for name, least in subject.expect.least.items():
        there = subject.distributions.get(normalise(name))
        if there is None or _numbers(there.version) < _numbers(least):
            version = there.version if there else "not installed"
            faults.append(
                Fault(
                    f"{name} is {version}, below {least}",
                    "older ones have a known hole; move the target to a newer release",
                )
            )
    return Finding(faults, dict(subject.expect.least))


def _numbers(version: str) -> tuple[int, ...]:
    release = version.partition("+")[0].rpartition("!")[2]
    return tuple(int(number) for number in re.findall(r"\d+", release)[:3])


def fingerprint(subject: Subject) -> Finding:
    """Of Triton's code: a version does not tell the builds of one commit apart from each other."""
    digest = _digest(subject)
    expected = subject.expect.fingerprint
    faults = []
    if not digest:
        faults.append(Fault("there is no triton below site-packages", _LOCK))
    elif expected and digest != expected:
        faults.append(
            Fault(
                f"Triton's code is sha256 {digest}, {expected} is expected",
                "another build of Triton is installed; if it is the right one, say so in targets.yaml",
            )
        )
    return Finding(faults, {"triton": digest})


def _digest(subject: Subject) -> str:
    whole = hashlib.sha256()
    homes = [site / "triton" for site in subject.sites if (site / "triton").is_dir()]
    for home in homes:
        for path in sorted(_code_of(home)):
            name = path.relative_to(home).as_posix()
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            whole.update(f"{name}\0{content}\n".encode())
    return whole.hexdigest() if homes else ""


def _code_of(home: Path) -> Iterator[Path]:
    """What the compiler is made of; its backends' data is not."""
    for path in home.rglob("*"):
        if path.suffix in _CODE and (path.suffix == ".py" or path.parent.name == "_C") and path.is_file():
            yield path


def fitting(subject: Subject) -> Finding:
    """As `pip check` has it, by the image's own reader of requirements."""
    spared = {normalise(name) for name in subject.expect.without}
    try:
        answer = probe(subject, "requirements", [str(site) for site in subject.sites])
    except Trouble as trouble:
        return Finding(
            [Fault(f"requirements cannot be compared: {trouble}", "packaging has to be installed")]
        )
    wrong = [row for row in answer if normalise(row["needs"]) not in spared]
    return Finding(
        [
            Fault(
                f"{row['distribution']} requires {row['requirement']}, there is {row['there'] or 'none'}",
                "write the lock again, or name the distribution in `without` with the reason",
            )
            for row in wrong
        ],
        {"distributions": len(subject.distributions)},
    )
