"""What rocBLAS, hipBLASLt and hipSPARSELt have in common: kernels that Tensile generates, found by way of an
index per chip. Newer releases put each chip's files into a folder of its own, `library/gfx1100/`."""

import re
from collections.abc import Collection

from pruner.folders.form import Form
from pruner.folders.names import names_in

_INDEX = re.compile(r"TensileLibrary(?:_lazy)?(?:_(?P<chip>gfx[^._]+))?\.(?:dat|yaml)(?:\.zlib)?")
_FOR_ALL = ""


class Tensile(Form):
    def __init__(self, name: str) -> None:
        self.name = name
        self.place = re.compile(rf"/{name}/(?:[0-9][^/]*/)?library/")

    def lacks(self, files: Collection[str], label: str) -> str:
        """A library that finds no index for its chip ends the process. One for all chips serves each."""
        processor = _processor(label)
        indexes = {
            _processor(found["chip"] or _FOR_ALL) for file in files if (found := _INDEX.fullmatch(file))
        }
        return "" if {processor, _FOR_ALL} & indexes else f"TensileLibrary_lazy_{processor}.dat"


def _processor(text: str) -> str:
    return next((name.label.partition(":")[0] for name in names_in(text)), text)
