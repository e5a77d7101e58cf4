"""Writing what a run says into files: whole or not at all, or straight into what is no plain file."""

import os
import tempfile
from pathlib import Path

from pruner.errors import PrunerError
from pruner.replace import LEFTOVER


def put(path: Path, content: bytes) -> None:
    """Its folder is made where it is not there."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            _put_whole(path, content)
    except OSError as error:
        raise PrunerError(
            f"cannot write {path}: {error.strerror}", hint="name a file that your user may write"
        ) from None


def _put_whole(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=LEFTOVER)
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
