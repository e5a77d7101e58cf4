"""AOTriton: `aotriton.images/amd-gfx942/...`, with folders for families: `amd-gfx110x`, `amd-gfx11xx`.

The folder alone counts: a file below it may be called after the chip that it was tuned on.
"""

import re

from pruner.folders.form import Form
from pruner.folders.names import Name, names_in


class AOTriton(Form):
    name = "aotriton"
    place = re.compile(r"/aotriton\.images/")

    def names(self, home: str, path: str) -> tuple[Name, ...]:
        folder, _, file = path.removeprefix(f"{home}/").partition("/")
        return names_in(folder) if file else ()


FORM: Form = AOTriton()
