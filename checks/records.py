"""Whether what every wheel's RECORD lists is there, byte for byte.

A file that was lost between two layers, or changed without its RECORD, is found so, whatever it is for.
"""

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks.distributions import Distribution, Listed
from checks.subject import Fault, Finding, Subject
from pruner.tree.pool import default_jobs

_LOST = "a layer or a policy lost it: only the pruner takes files out, and their rows with them"
_CHANGED = "something changed it after it was installed, and left its row as it was"


def true(subject: Subject) -> Finding:
    faults = [
        Fault(f"{each.name} {each.version} has no RECORD", _LOST)
        for each in subject.distributions.values()
        if not each.record.is_file()
    ]
    rows = list(_rows(subject.distributions.values()))
    with ThreadPoolExecutor(default_jobs()) as pool:
        found = pool.map(_wrong, (listed for _, listed in rows))
        faults += [
            Fault(f"{_name(subject, listed.path)} of {owner} {what}", hint)
            for (owner, listed), (what, hint) in zip(rows, found, strict=True)
            if what
        ]
    return Finding(faults, {"files": len(rows)})


def _rows(distributions: Iterable[Distribution]) -> Iterator[tuple[str, Listed]]:
    for each in distributions:
        for listed in each.files:
            yield each.name, listed


def _wrong(listed: Listed) -> tuple[str, str]:
    """What is wrong with a file, and what to do; nothing of one that is as its row says."""
    path, (algorithm, _, digest) = listed.path, listed.digest.partition("=")
    if not path.is_file():
        return "is not there", _LOST
    if not digest:
        return "", ""
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, algorithm).digest()
    if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != digest:
        return "is not what its RECORD says", _CHANGED
    return "", ""


def _name(subject: Subject, path: Path) -> str:
    return os.path.relpath(path, subject.root)
