"""What a form of kernel folder is to the rest: one object in a module of its own."""

import re
from collections.abc import Collection

from pruner.archs import Gfx, Sm, Wanted
from pruner.folders import code
from pruner.folders.names import Name, names_in
from pruner.view import View


class Form:
    """One kind of kernel folder. A module of this package that has a `FORM` takes part by being there.

    What is written here is what most forms do: a place in the tree, AMD chips in names, code objects inside.
    """

    name: str
    place: re.Pattern[str]
    """The folder's end within an absolute path, from slash to slash."""
    endings = frozenset({".co", ".hsaco"})
    """Files with these endings are looked into."""
    anywhere = False
    """Takes files wherever they lie, where no form with a place of its own does. What is inside counts, and
    all that a chip can run stays. Elsewhere names count, a chip's own files replace those of a generic chip,
    and a file that names no chip stays: it is opened by that name on every chip."""

    def chips(self, wanted: Wanted) -> tuple[Gfx, ...] | tuple[Sm, ...]:
        """Those that are asked for and that this form has files for."""
        return wanted.gfx

    def home(self, path: str) -> str | None:
        """The folder that the file at this absolute path belongs to, absolute; None: no such folder."""
        found = self.place.search(path)
        return path[: found.end() - 1] if found else None

    def names(self, home: str, path: str) -> tuple[Name, ...]:
        """The chips that a file is called after, by its path within its folder, innermost first.

        AITER has a gfx942/flatmm_gfx9.co: a family counts only where no chip is named.
        """
        inner = path.removeprefix(home).split("/")
        named = tuple(name for part in reversed(inner) for name in names_in(part))
        return tuple(name for name in named if not name.family) or named

    def inside(self, view: View) -> tuple[str, ...] | None:
        """The labels of the code in a file; None: nothing that can be judged. Raises `Malformed`."""
        return code.labels(view)

    def lacks(self, files: Collection[str], label: str) -> str:  # noqa: ARG002 - what few forms need
        """What code with this label cannot be found without and is not among these names; or nothing."""
        return ""
