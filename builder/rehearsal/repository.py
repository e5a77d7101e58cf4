"""A folder that stands in for vLLM's repository on the source route."""

import shutil
from pathlib import Path

from builder.paths import ROOT

_ROOM = ROOT / "rehearsal"
_IGNORED = shutil.ignore_patterns("__pycache__")
_COMPILED = ("kernels.hip", "module.cpp", "torch.h")


def lay_out(folder: Path, version: str) -> Path:
    """The build context `source`: setup.py, what it compiles, and the stand-in wheel's Python package."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_ROOM / "repository", folder, ignore=_IGNORED)
    shutil.copytree(_ROOM / "packages/vllm", folder, ignore=_IGNORED, dirs_exist_ok=True)
    (folder / "csrc").mkdir(exist_ok=True)
    for name in _COMPILED:
        shutil.copy(_ROOM / "sources" / name, folder / "csrc")
    package = folder / "vllm/__init__.py"
    package.write_text(package.read_text(encoding="utf-8").replace("@VERSION@", version), encoding="utf-8")
    return folder
