"""Stacks of every target, and of made-up ones of each vendor, so that tests need no GPU's data."""

from typing import Any

import yaml

from builder import paths
from builder.render import RenderedImage, StackOptions, read_inputs
from builder.render.stack import render_stack
from builder.targets import Catalog, Target, load_catalog
from builder.targets.naming import image_tags

USUAL = StackOptions()
GPU_STACK = {
    "tmp_mb": 4096,
    "lock_memory": True,
    "caches": {"TRITON_CACHE_DIR": "triton", "VLLM_CACHE_ROOT": "vllm"},
    "pooling": {"args": {"gpu-memory-utilization": 0.1}, "beside": {"gpu-memory-utilization": 0.8}},
}
MADE_UP: dict[str, dict[str, Any]] = {
    "amd": {"vendor": "amd", "archs": ["gfx1100"], "rocm": {"version": "10.0.0", "rccl": True}},
    "amd-alone": {"vendor": "amd", "archs": ["gfx1150"], "rocm": {"version": "10.0.0", "rccl": False}},
    "nvidia": {"vendor": "nvidia", "archs": ["sm_90"], "cuda": {"version": "13.0", "min_driver": "580"}},
}


def _with_made_up(catalog: Catalog) -> Catalog:
    plain = catalog.targets["cpu"].model_dump(exclude_unset=True) | {"cpu_flags": [], "stack": GPU_STACK}
    made_up = {name: Target.model_validate(plain | facts) for name, facts in MADE_UP.items()}
    return catalog.model_copy(update={"targets": {**catalog.targets, **made_up}})


_REAL = load_catalog(paths.TARGETS)
_INPUTS = read_inputs(paths.ROOT, _REAL)
CATALOG = _with_made_up(_REAL)


_rendered: dict[str, dict[str, bytes]] = {}
_parsed: dict[str, dict[str, Any]] = {}


def files(name: str, options: StackOptions = USUAL) -> dict[str, bytes]:
    """The stack's files, with images named as real ones would be; rendered once for all tests."""
    key = f"{name} {options}"
    if key not in _rendered:
        tags = image_tags(CATALOG, name, CATALOG.targets[name])
        images = [RenderedImage(image, tag, {}, {}) for image, tag in tags.items()]
        _rendered[key] = render_stack(CATALOG, name, images, _INPUTS, options)
    return _rendered[key]


def compose(name: str, options: StackOptions = USUAL) -> dict[str, Any]:
    key = f"{name} {options}"
    if key not in _parsed:
        _parsed[key] = yaml.safe_load(files(name, options)["compose.yaml"])
    return _parsed[key]
