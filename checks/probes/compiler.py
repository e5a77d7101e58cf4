"""Compile and load what Triton compiles at its start, in Triton's own way: `compiler.py nvidia|amd`."""

import json
import os
import sys
import tempfile
from contextlib import suppress
from importlib import import_module

_UTILITIES = {"nvidia": "CudaUtils", "amd": "HIPUtils"}

with tempfile.TemporaryDirectory() as cache:
    os.environ["TRITON_CACHE_DIR"] = cache
    backend = sys.argv[1]
    with suppress(ModuleNotFoundError):
        import_module("torch")  # as in the server: Triton looks for AMD's runtime among what is loaded
    driver = import_module(f"triton.backends.{backend}.driver")
    utilities = getattr(driver, _UTILITIES[backend])()
    print(json.dumps({"loads": callable(utilities.load_binary)}))
