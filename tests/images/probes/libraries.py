"""Runs in an image: load every shared library of the environment, each in a process of its own.

Prints the ones that fail as "PATH: what the loader says". libpython's symbols come with the interpreter;
torch is imported first, because what is built on it finds its libraries through it.
"""

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

if importlib.util.find_spec("torch"):
    import torch  # noqa: F401

VENV = Path(sys.prefix)


def problem(path: Path) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            ctypes.CDLL(str(path), mode=os.RTLD_NOW)
        except OSError as error:
            os.write(writer, str(error).encode()[:2000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return said or (f"the process ended with {code}" if code else "")


libraries = sorted(path for path in VENV.rglob("*.so*") if path.is_file() and not path.is_symlink())
sys.stderr.write(f"{len(libraries)} libraries\n")
for library in libraries:
    text = problem(library)
    if text:
        sys.stdout.write(f"{library.relative_to(VENV)}: {text}\n")
