"""rocBLAS: `rocblas/library`, Debian's `rocblas/4.4.1/library`."""

from pruner.folders.form import Form
from pruner.folders.tensile import Tensile

FORM: Form = Tensile("rocblas")
