"""Launches kernels, by a module that is compiled here from driver.c."""

import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from triton.runtime.build import _build


class HIPUtils:
    def __init__(self) -> None:
        source = Path(__file__).with_name("driver.c")
        with tempfile.TemporaryDirectory() as folder:
            built = _build("hip_utils", str(source), folder, [], [], [], [])
            spec = spec_from_file_location("hip_utils", built)
            if spec is None or spec.loader is None:
                raise ImportError(f"{built} cannot be loaded")
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
        self.load_binary = module.load_binary
