"""Putting a small file in place whole, with everything about it but its bytes as before."""

import os
import shutil
import tempfile
from pathlib import Path

from pruner.tree.guard import LEFTOVER


def replace_bytes(path: Path, content: bytes) -> None:
    """Mode, owner, dates and extended attributes of the file that is there stay; a new one is plain."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=LEFTOVER)
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        _dress(fresh, path)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _dress(fresh: Path, model: Path) -> None:
    if not model.exists():
        fresh.chmod(0o644)
        return
    status = model.stat()
    os.chown(fresh, status.st_uid, status.st_gid)
    shutil.copystat(model, fresh)
