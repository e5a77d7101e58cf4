"""hipBLASLt: `hipblaslt/library`. Its kernels are compressed bundles."""

from pruner.folders.form import Form
from pruner.folders.tensile import Tensile

FORM: Form = Tensile("hipblaslt")
