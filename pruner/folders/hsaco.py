"""Loose code objects for AMD's chips: `.hsaco` and `.co`, where what is inside is one."""

from pruner.folders.form import Form
from pruner.folders.loose import Loose


class Hsaco(Loose):
    name = "hsaco"


FORM: Form = Hsaco()
