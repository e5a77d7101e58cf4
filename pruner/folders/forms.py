"""The forms of kernel folders, one module each, found by their being there."""

import pkgutil
from functools import cache
from importlib import import_module

import pruner.folders
from pruner.folders.form import Form


def every_form() -> tuple[Form, ...]:
    """Those with a place of their own first."""
    return _found_in(tuple(pruner.folders.__path__))


def form_named(name: str) -> Form:
    return next(form for form in every_form() if form.name == name)


@cache
def _found_in(folders: tuple[str, ...]) -> tuple[Form, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(folders))
    modules = [import_module(f"{pruner.folders.__name__}.{name}") for name in names]
    forms = [module.FORM for module in modules if hasattr(module, "FORM")]
    return tuple(sorted(forms, key=lambda form: (form.anywhere, form.name)))
