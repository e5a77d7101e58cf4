"""Writing a bundle: a folder is there whole or not at all, and `bundle/current` names the last one."""

import argparse
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from builder import paths
from builder.console import Console
from builder.errors import UsageError
from builder.render import Bundle, StackOptions, read_inputs, render
from builder.targets import load_catalog
from builder.targets.naming import DEFAULT_STACK

_MARK = "docker-bake.json"
"""A folder that holds this was written by us and may be replaced."""


def run_render(args: argparse.Namespace, console: Console) -> int:
    bundle = render_target(args.target, StackOptions())
    out = Path(args.out)
    write_folder(out, bundle.files)
    console.line(f"{len(bundle.files)} files in {out}")
    return 0


def render_target(target: str, options: StackOptions) -> Bundle:
    catalog = load_catalog(paths.TARGETS)
    return render(catalog, target, read_inputs(paths.ROOT, catalog), options)


def write_bundle(bundle: Bundle) -> Path:
    """Write to bundle/<target> and point `bundle/current`, which compose.yaml includes, at it. A stack with
    a name of its own gets a folder and a link of its own."""
    usual = bundle.stack == DEFAULT_STACK
    folder = paths.BUNDLE / (bundle.target if usual else f"{bundle.target}@{bundle.stack}")
    write_folder(folder, bundle.files)
    link = paths.BUNDLE / f".link-{os.getpid()}"
    link.symlink_to(folder.name)
    link.replace(current(bundle.stack))
    return folder


def current(stack: str) -> Path:
    """The link to the bundle that a stack was last made from."""
    return paths.BUNDLE / ("current" if stack == DEFAULT_STACK else stack)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    _refuse_foreign(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for path, content in files.items():
            write_file(fresh / path, content)
        fresh.chmod(0o755)
        _swap(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _refuse_foreign(folder: Path) -> None:
    if folder.is_dir() and (not any(folder.iterdir()) or (folder / _MARK).is_file()):
        return
    if folder.exists():
        raise UsageError(
            f"{folder} exists and is no bundle",
            hint="give --out a folder that is absent, empty or an older bundle",
        )


def write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _swap(fresh: Path, folder: Path) -> None:
    """Put `fresh` in the place of `folder`; what was there goes away only once it is replaced."""
    old = fresh.with_name(fresh.name + "-old")
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
