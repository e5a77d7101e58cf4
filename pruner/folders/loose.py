"""Code objects that lie anywhere, one chip's code each: caches of Triton and FlashInfer, files of extensions.

Files that a program may choose between lie together, or in folders called after chips or after hashes; so the
folder is the nearest one above a file with a name of its own.
"""

import re
from pathlib import PurePosixPath

from pruner.folders.form import Form
from pruner.folders.names import names_in

_HASH = re.compile(r"[0-9a-f]{16,}|(?=\D*\d)[0-9a-z]{26,}|(?=\D*\d)[0-9A-Z]{26,}")
_SM = re.compile(r"(?:sm|compute|cc)_?[0-9]{2,3}[af]?", re.IGNORECASE)


class Loose(Form):
    anywhere = True

    def home(self, path: str) -> str | None:
        file = PurePosixPath(path)
        if file.suffix not in self.endings:
            return None
        return str(next(folder for folder in file.parents if not _tells_apart(folder.name)))


def _tells_apart(folder: str) -> bool:
    return bool(names_in(folder) or _HASH.fullmatch(folder) or _SM.fullmatch(folder))
