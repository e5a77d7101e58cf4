"""AITER: `aiter_meta/hsa/gfx942/.../*.co`, code written by hand, with tables of it beside it."""

import re

from pruner.folders.form import Form


class Aiter(Form):
    name = "aiter"
    place = re.compile(r"/aiter(?:_meta)?/hsa/")


FORM: Form = Aiter()
