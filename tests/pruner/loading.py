"""Loads libraries with the system's own loader, each in a process of its own, and says how it went.

python -m tests.pruner.loading FILE...      prints one JSON line for each
"""

import ctypes
import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.pruner.reading import Unreadable, unit

_ROOT = Path(__file__).parents[2]
_SECONDS = 1
_NOTHING = -1


def loaded(*paths: Path, wrappers: int = 0, labels: Sequence[str] = (), ask: bool = True) -> list[str]:
    """For each library `loaded`, what its function answers and, for its first so many wrappers, a digest of
    the code behind them that has one of these labels; or the loader's message, or the signal it died of.
    Without `ask`, only whether it loads."""
    wrappers = wrappers if ask else _NOTHING
    command = [
        sys.executable,
        "-m",
        "tests.pruner.loading",
        str(wrappers),
        ",".join(labels),
        *map(str, paths),
    ]
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    return [str(json.loads(line)) for line in run.stdout.splitlines()]


def _load(path: str, wrappers: int, labels: Sequence[str]) -> str:
    try:
        library = ctypes.CDLL(path, mode=os.RTLD_NOW)
    except OSError as error:
        return str(error).replace(path, "the library")
    if wrappers == _NOTHING:
        return "loaded"
    table = ctypes.addressof(ctypes.c_char.in_dll(library, "wrappers"))
    digests = [
        _digest(ctypes.c_uint64.from_address(table + 24 * n + 8).value, labels) for n in range(wrappers)
    ]
    return " ".join(["loaded", str(library.answer()), *digests])


def _digest(address: int, labels: Sequence[str]) -> str:
    """Of the wanted code in the unit at an address of this process."""
    try:
        objects = unit(ctypes.string_at, address).objects
    except Unreadable as error:
        return str(error)
    digest = hashlib.sha256()
    for label, body in objects:
        if label in labels:
            digest.update(body)
    return digest.hexdigest()[:16]


def _in_child(path: str, wrappers: int, labels: Sequence[str]) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
        os.write(writer, _load(path, wrappers, labels).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return said if status == 0 else f"died of {status}"


if __name__ == "__main__":
    for name in sys.argv[3:]:
        print(json.dumps(_in_child(name, int(sys.argv[1]), sys.argv[2].split(","))))
