"""hipSPARSELt: `hipsparselt/library`."""

from pruner.folders.form import Form
from pruner.folders.tensile import Tensile

FORM: Form = Tensile("hipsparselt")
