"""Writing what a run says into files: whole or not at all, or straight into what is no plain file."""

import os
import tempfile
from pathlib import Path

from pruner.errors import PrunerError
from pruner.replace import LEFTOVER, prefix_for

_HINT = "name a file that your user may write"


def check_place(path: Path) -> None:
    """Raises where `put` could not write, as far as that can be seen beforehand."""
    around = next(folder for folder in path.absolute().parents if folder.exists())
    device = path.exists() and not path.is_file()
    if path.is_dir():
        trouble = "it is a folder"
    elif not around.is_dir():
        trouble = f"{around} is no folder"
    elif not os.access(path if device else around, os.W_OK):
        trouble = f"{path if device else around} may not be written to"
    else:
        return
    raise PrunerError(f"cannot write {path}: {trouble}", hint=_HINT)


def put(path: Path, content: bytes) -> None:
    """Its folder is made where it is not there."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            _put_whole(path, content)
    except OSError as error:
        raise PrunerError(f"cannot write {path}: {error.strerror}", hint=_HINT) from None


def _put_whole(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=prefix_for(path), suffix=LEFTOVER)
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        fresh.chmod(0o644)
        fresh.replace(path)
    except BaseException:
        fresh.unlink()
        raise
