"""TheRock's archives: `.kpack/blas_lib_gfx1100.kpack`, in hidden folders, one for each library and chip.

A library loads the archive that is called after it and the chip, so the archives of one library are a folder
to this room. Each begins with a head, and ends with a table of contents in MessagePack that names its chips.
"""

from struct import Struct

from pruner.errors import Malformed
from pruner.folders import msgpack
from pruner.folders.form import Form
from pruner.folders.names import Name, cut_before_name, names_in
from pruner.view import View

_MAGIC = b"KPAK"
_HEAD = Struct("<4sIQ")
_VERSION = 1
_CHIPS = "gfx_arches"
_ENOUGH = 1 << 20
"""The chips stand before the list of kernels, which is long."""


class Kpack(Form):
    name = "kpack"
    endings = frozenset({".kpack"})

    def home(self, path: str) -> str | None:
        folder, _, file = path.rpartition("/")
        if not file.endswith(".kpack"):
            return None
        library = cut_before_name(file) or file.removesuffix(".kpack")
        return f"{folder}/{library.rstrip('_-')}"

    def names(self, home: str, path: str) -> tuple[Name, ...]:  # noqa: ARG002 - the file's own name says all
        return names_in(path.rpartition("/")[2])

    def inside(self, view: View) -> tuple[str, ...] | None:
        if view.read(0, min(view.size, 4)) != _MAGIC:
            return None
        _, version, offset = view.unpack(_HEAD, 0)
        if version != _VERSION:
            return None
        if not _HEAD.size <= offset < view.size:
            raise Malformed(f"truncated: its table at {offset:#x} is not within the file's {view.size:#x}")
        return _chips(view.read(offset, min(view.size - offset, _ENOUGH)))


def _chips(table: bytes) -> tuple[str, ...] | None:
    try:
        chips = msgpack.value_of(table, _CHIPS)
    except msgpack.CutOff:
        if len(table) < _ENOUGH:
            raise
        return None
    if chips is None:
        return None
    if not isinstance(chips, list) or not all(isinstance(chip, str) for chip in chips):
        raise Malformed(f"its {_CHIPS} is no list of names")
    return tuple(chips) or None


FORM: Form = Kpack()
