"""Loose code objects for NVIDIA's chips: `.cubin`, and `.fatbin` with code for several."""

from pruner.archs import Sm, Wanted
from pruner.folders.form import Form
from pruner.folders.loose import Loose


class Cubin(Loose):
    name = "cubin"
    endings = frozenset({".cubin", ".fatbin"})

    def chips(self, wanted: Wanted) -> tuple[Sm, ...]:
        return wanted.sm


FORM: Form = Cubin()
