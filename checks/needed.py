"""Whether every library finds those that it needs, without a GPU's driver and without one being loaded.

A library is found where the loader would look, or anywhere below the image's Python environment: wheels load
each other's libraries by hand, from nvidia/*/lib say, before they load their own.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from checks.linking import Library
from checks.subject import Fault, Finding, Subject

_SYSTEM = ("lib", "lib64", "usr/lib", "usr/lib64", "usr/local/lib")
_DAMAGED = "it is damaged: take the file from its wheel or package again"
_ADD = (
    "add its package to the runtime's, keep what a policy removes, or say in may_lack why it may be missing"
)
_CONF = "etc/ld.so.conf"
_ORIGIN = re.compile(r"\$ORIGIN|\$\{ORIGIN\}")


def closed(subject: Subject) -> Finding:
    expect = subject.expect
    search = _Search(subject)
    faults = []
    lacking = {}
    for library in subject.libraries:
        missing = sorted(search.missing(library))
        if library.trouble:
            faults.append(Fault(f"{library.name} cannot be read: {library.trouble}", _DAMAGED))
        elif missing and subject.is_excused(library.name, expect.may_lack):
            lacking[library.name] = missing
        elif missing:
            faults.append(Fault(f"{library.name} needs {', '.join(missing)}: nothing here brings that", _ADD))
    return Finding(faults, {"libraries": len(subject.libraries), "lacking": lacking})


class _Search:
    def __init__(self, subject: Subject) -> None:
        self._root = subject.root
        self._driver = frozenset(subject.expect.driver_libraries)
        self._known = set(_in_environment(subject)) | set(_in_system(subject))

    def missing(self, library: Library) -> Iterator[str]:
        for name in library.needed:
            if name in self._driver or name in self._known or self._at_own_place(library, name):
                continue
            yield name

    def _at_own_place(self, library: Library, name: str) -> bool:
        if "/" in name:
            return (self._root / name.lstrip("/")).exists()
        homes = {str(PurePosixPath(each).parent) for each in library.names}
        folders = [_ORIGIN.sub(home, folder) for home in homes for folder in library.folders]
        return any((self._root / folder.lstrip("/") / name).exists() for folder in folders)


def _in_environment(subject: Subject) -> Iterator[str]:
    """What lies below the environment, by its file's name, a link's, or the name that it gives itself."""
    if not subject.expect.venv:
        return
    for path in subject.venv.rglob("*.so*"):
        yield path.name
    for library in subject.libraries:
        if library.soname and library.name.startswith(f"{subject.expect.venv}/"):
            yield library.soname


def _in_system(subject: Subject) -> Iterator[str]:
    named = filter(None, subject.environ.get("LD_LIBRARY_PATH", "").split(":"))
    folders = [
        subject.root / folder.lstrip("/") for folder in (*_SYSTEM, *_configured(subject.root / _CONF), *named)
    ]
    folders += [multiarch for folder in _SYSTEM for multiarch in (subject.root / folder).glob("*-linux-gnu")]
    for folder in folders:
        if folder.is_dir():
            yield from (path.name for path in folder.iterdir())


def _configured(conf: Path) -> Iterator[str]:
    """The folders that ld.so.conf names, and the files that it includes."""
    if not conf.is_file():
        return
    for line in conf.read_text("utf-8", errors="replace").splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["include"]:
            for pattern in words[1:]:
                below = pattern.removeprefix("/etc/").lstrip("/")
                for included in sorted(conf.parent.glob(below)):
                    yield from _configured(included)
        else:
            yield from words
