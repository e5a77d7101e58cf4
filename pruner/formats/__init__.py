"""The forms of device code, one module each. A module here with a `FORMAT` takes part by being there."""

import pkgutil
from functools import cache
from importlib import import_module

from pruner.archs import Wanted
from pruner.formats.base import Format


def formats_for(section: str, wanted: Wanted) -> list[Format]:
    """The forms of code that may lie in a section of this name, and that something is asked of."""
    return [form for form in every_format() if section in form.sections and form.applies(wanted)]


def every_format() -> tuple[Format, ...]:
    """All that there are, the strictest reader of what begins alike first."""
    return _found_in(tuple(__path__))


@cache
def _found_in(folders: tuple[str, ...]) -> tuple[Format, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(folders))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    forms: list[Format] = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return tuple(sorted(forms, key=lambda form: form.buried))
