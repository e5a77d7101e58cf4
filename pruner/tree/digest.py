"""What a file is, in one figure and one hash."""

import hashlib
import os
import stat
from pathlib import Path


def size_and_hash(path: Path) -> tuple[int, str]:
    """Of a plain file; anything else is an OSError: no link is followed, and no pipe waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileExistsError(0, "it is no plain file")
        return os.fstat(descriptor).st_size, hashlib.file_digest(stream, "sha256").hexdigest()
