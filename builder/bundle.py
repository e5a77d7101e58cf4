"""Writing a bundle: a folder is there whole or not at all, and `bundle/current` names the last one."""

import argparse
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from builder import __version__, paths
from builder.choices import stack_options
from builder.console import Console
from builder.errors import UsageError
from builder.render import ENV, ENV_EXAMPLE, Bundle, StackOptions, read_inputs, render
from builder.targets import Choice, chosen, load_catalog
from builder.targets.naming import DEFAULT_STACK

MARK = ".gfxpack-bundle"
"""Lists the files of a bundle, which alone may be replaced."""

_SHOWN = 3
_PLACE_AT_FAULT = {
    errno.EBUSY,
    errno.EEXIST,
    errno.EINVAL,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
}
"""What the system says of a place where nothing can be written, whoever tries."""


def run_render(args: argparse.Namespace, console: Console) -> int:
    if args.all == (args.target is not None):
        raise UsageError("render one target or all", hint="give --target with its name, or --all")
    files = _render_all(args) if args.all else render_target(Choice.of(args), stack_options(args)).files
    write_given_folder(args.out, files)
    console.line(f"{len(files)} files in {args.out}")
    return 0


def _render_all(args: argparse.Namespace) -> dict[str, bytes]:
    """A folder for each target, as it is by itself."""
    if args.route or args.extras or args.gpus > 1:
        raise UsageError(
            "--route, --with and --gpus are for one target", hint="leave them out, or name one with --target"
        )
    catalog, options = load_catalog(paths.TARGETS), stack_options(args)
    inputs = read_inputs(paths.ROOT, catalog)
    bundles = {name: render(catalog, name, inputs, options) for name in catalog.targets}
    return {
        f"{name}/{path}": content for name, each in bundles.items() for path, content in each.files.items()
    }


def render_target(choice: Choice, options: StackOptions) -> Bundle:
    catalog = chosen(load_catalog(paths.TARGETS), choice)
    return render(catalog, choice.target, read_inputs(paths.ROOT, catalog), options)


def write_bundle(bundle: Bundle) -> Path:
    """Write to bundle/<target> and point `bundle/current`, which compose.yaml includes, at it. A stack with
    a name of its own gets a folder and a link of its own."""
    folder = bundle_folder(bundle.target, bundle.stack)
    write_folder(folder, bundle.files)
    link = paths.BUNDLE / f".link-{os.getpid()}"
    link.symlink_to(folder.name)
    link.replace(current(bundle.stack))
    return folder


def bundle_folder(target: str, stack: str) -> Path:
    return paths.BUNDLE / (target if stack == DEFAULT_STACK else f"{target}@{stack}")


def current(stack: str) -> Path:
    """The link to the bundle that a stack was last made from."""
    return paths.BUNDLE / ("current" if stack == DEFAULT_STACK else stack)


def write_given_folder(name: str, files: Mapping[str, bytes]) -> None:
    """Write to a folder that a person named; UsageError where it holds anything but an older bundle."""
    with given_place(name) as folder:
        if Path.cwd().is_relative_to(folder):
            raise UsageError(
                f"{name!r} is the folder that you are in, and a bundle replaces its folder",
                hint="name a folder inside it, for example `--out bundle-of-mine`",
            )
        _refuse_foreign(folder)
        write_folder(folder, files)


@contextmanager
def given_place(name: str) -> Iterator[Path]:
    """The place behind `--out`; UsageError where the system cannot have one there."""
    if not name:
        raise UsageError(f"{name!r} is no folder", hint="give --out the name of a folder to write")
    try:
        yield Path(os.path.realpath(name))
    except OSError as error:
        if error.errno not in _PLACE_AT_FAULT:
            raise
        raise UsageError(
            f"cannot write to {name!r}: {error.strerror}",
            hint="every part of that path must be a folder, and one in which new ones can be made",
        ) from None


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put `files` in the place of all that the folder holds, but for the settings of a person."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        written: dict[bytes, Path] = {}
        for path, content in {**files, MARK: _mark(files)}.items():
            first = written.setdefault(content, fresh / path)
            if first == fresh / path:
                write_file(first, content)
            else:
                _write_again(fresh / path, first)
        _settle_env(folder, fresh, files)
        fresh.chmod(0o755)
        _swap(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _settle_env(folder: Path, fresh: Path, files: Mapping[str, bytes]) -> None:
    """Settings that nobody touched follow the example; all others go along as they are."""
    for place in {PurePosixPath(path).parent for path in files}:
        if _was_changed(folder / place):
            shutil.copy2(folder / place / ENV, fresh / place / ENV, follow_symlinks=False)
        elif example := files.get(str(place / ENV_EXAMPLE)):
            write_file(fresh / place / ENV, example)


def _was_changed(folder: Path) -> bool:
    env, example = folder / ENV, folder / ENV_EXAMPLE
    if env.is_symlink() or not env.is_file():
        return env.is_symlink()
    return not example.is_file() or env.read_bytes() != example.read_bytes()


def _mark(files: Mapping[str, bytes]) -> bytes:
    header = f"# Files of a bundle by gfxpack {__version__}, which replaces them; add none of your own here."
    return "".join(f"{line}\n" for line in (header, *sorted(files))).encode()


def _refuse_foreign(folder: Path) -> None:
    try:
        marked = (folder / MARK).read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        _refuse_filled(folder)
        return
    ours = {*marked, MARK, *(str(PurePosixPath(path).with_name(ENV)) for path in marked if path)}
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    foreign = sorted({path.relative_to(folder).as_posix() for path in found} - ours)
    if foreign:
        more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
        raise UsageError(
            f"{folder} holds files that are not of its bundle: {', '.join(foreign[:_SHOWN])}{more}",
            hint="move them elsewhere, or give --out another folder: a bundle replaces all of its folder",
        )


def _refuse_filled(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
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


def _write_again(path: Path, first: Path) -> None:
    """A file whose content is written already, under a second name where the file system has such."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(first, path)
    except OSError:
        write_file(path, first.read_bytes())


def _swap(fresh: Path, folder: Path) -> None:
    """Put `fresh` in the place of `folder`; what was there goes away only once it is replaced."""
    old = fresh.with_name(fresh.name + "-old")
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
