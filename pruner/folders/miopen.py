"""MIOpen: `miopen/db` with compiled kernels (.kdb), what was found to be fast (.db, .db.txt, .fdb.txt) and
models that guess it (.tn.model, .ktn.model).

Names begin with the chip. Many go on with its compute units: `gfx906_60`; above 64 of them in hexadecimal and
without anything between: `gfx90878`, `gfx90a6e`, `gfx942130`.
"""

import re

from pruner.folders.form import Form
from pruner.folders.names import PROCESSOR, Name

_WITH_UNITS = re.compile(
    rf"(?:^|_)(?P<processor>gfx(?:{PROCESSOR.pattern}))(?P<units>[1-9a-f][0-9a-f]+)(?![0-9A-Za-z])"
)
_MOST_WITH_UNDERSCORE = 64


class MIOpen(Form):
    name = "miopen"
    place = re.compile(r"/miopen/(?:[0-9][^/]*/)?db/")

    def names(self, home: str, path: str) -> tuple[Name, ...]:
        return super().names(home, path) or _with_units(path.rpartition("/")[2])


def _with_units(file: str) -> tuple[Name, ...]:
    found = _WITH_UNITS.search(file)
    if found is None or int(found["units"], 16) <= _MOST_WITH_UNDERSCORE:
        return ()
    return (Name(found["processor"]),)


FORM: Form = MIOpen()
