"""One file of a kernel folder as it was found: what it is called after, and what is in it."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pruner.errors import Refused
from pruner.folders.base import SHARED
from pruner.folders.form import Form
from pruner.folders.names import Name, known
from pruner.view import View


@dataclass(frozen=True)
class Seen:
    path: str
    size: int
    link: bool
    names: tuple[Name, ...]
    """The chips it is called after, innermost first."""
    inside: tuple[Name, ...] = ()
    """The chips that its code is for, where all of them are known here."""
    trouble: str = ""
    """Why it is not to be judged."""
    anywhere: bool = False

    @property
    def claims(self) -> tuple[Name, ...]:
        """The chips it counts as being for."""
        return self.inside if self.anywhere else self.names

    @property
    def label(self) -> str:
        return self.claims[0].label if self.claims else SHARED


def see(root: Path, form: Form, path: str, *, look_inside: bool) -> Seen:
    absolute = (root.absolute() / path).as_posix()
    names = form.names(form.home(absolute) or "", absolute)
    seen = Seen(path, 0, False, names, anywhere=form.anywhere)
    try:
        found = os.lstat(absolute)
        link = stat.S_ISLNK(found.st_mode)
        seen = replace(seen, size=0 if link else found.st_size, link=link)
        if link and not Path(absolute).exists():
            return replace(seen, trouble="a link that leads nowhere")
        if look_inside and Path(path).suffix in form.endings:
            return _judged(replace(seen, inside=_inside(form, absolute)))
    except Refused as trouble:
        return replace(seen, trouble=f"cannot be judged: {trouble}")
    except OSError as trouble:
        return replace(seen, trouble=f"cannot be read: {trouble.strerror}")
    return seen


def _inside(form: Form, path: str) -> tuple[Name, ...]:
    with _opened(path) as view:
        labels = form.inside(view) if view else None
    names = [known(label) for label in labels or ()]
    return tuple(name for name in names if name) if all(names) else ()


@contextmanager
def _opened(path: str) -> Iterator[View | None]:
    """A view of a plain file; None for a pipe or the like, which opening must not wait for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        yield View(descriptor) if plain else None
    finally:
        os.close(descriptor)


def _judged(seen: Seen) -> Seen:
    """With a word of trouble where its name and its inside contradict each other."""
    if not seen.names or not seen.inside:
        return seen
    if any(name.agrees(inside) for name in seen.names for inside in seen.inside):
        return seen
    held = ", ".join(name.label for name in seen.inside)
    return replace(seen, trouble=f"is called after {seen.names[0].label}, but holds code for {held}")
