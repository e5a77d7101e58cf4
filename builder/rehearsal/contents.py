"""What stand-ins hold: listings of upstream's wheels (`rehearsal/contents`) and small Python packages."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from builder.errors import ConfigError
from builder.paths import ROOT
from builder.rehearsal import kpack
from builder.rehearsal.compiled import Compilers

_ROOM = ROOT / "rehearsal"
_ARCH = "{arch}"
_VERSION = b"@VERSION@"
_PROCESSOR = re.compile(r"gfx[0-9a-f]+[-x0-9]*(:xnack[+-])?")
_NOTHING = b'"""Nothing: a stand-in."""\n'


@dataclass(frozen=True)
class Listing:
    """A distribution: what its wheel is for, and what lies where."""

    tag: str
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    requires: Sequence[str] = ()
    archs: tuple[str, ...] = ()
    """Of one that is there for several chips."""
    arch: str = ""

    def places(self) -> Iterator[tuple[str, str]]:
        """What lies there, and where."""
        for kind, paths in self.files.items():
            for path in paths:
                yield kind.replace(_ARCH, self.arch), path.replace(_ARCH, self.arch)


def read_listings() -> dict[str, Listing]:
    """Every distribution that is told of, by name; those for a chip once for each chip."""
    found: dict[str, Listing] = {}
    for path in sorted((_ROOM / "contents").glob("*.toml")):
        for name, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
            listing = Listing(**{**table, "archs": tuple(table.get("archs", ()))})
            found |= _of_each_chip(name, listing)
    return found


def _of_each_chip(name: str, listing: Listing) -> dict[str, Listing]:
    if _ARCH not in name:
        return {name: listing}
    return {name.replace(_ARCH, arch): replace(listing, archs=(), arch=arch) for arch in listing.archs}


def files_of(name: str, version: str, listing: Listing, compilers: Compilers) -> dict[str, bytes]:
    """The files of a distribution's stand-in; its Python package goes before the listing."""
    files = {path: _content(kind, path, compilers) for kind, path in listing.places()}
    package = _ROOM / "packages" / name
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            files[path.relative_to(package).as_posix()] = path.read_bytes().replace(
                _VERSION, version.encode()
            )
    return files or {f"{name.replace('-', '_')}/__init__.py": _NOTHING}


def _content(kind: str, path: str, compilers: Compilers) -> bytes:
    if kind == "text":
        return _NOTHING if path.endswith((".py", ".pyi")) else f"A stand-in for {path}.\n".encode()
    if kind == "kpack":
        return _kpack(path, compilers.standins() / "code")
    if kind == "compiler":
        return (compilers.devel() / "_devel.tar").read_bytes()
    try:
        return (compilers.standins() / kind).read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"rehearsal/contents puts {kind} at {path}, which is not compiled",
            hint="rehearsal/sources/Makefile lists what is",
        ) from None


def _kpack(path: str, code: Path) -> bytes:
    """An archive is called after its library and its chip, or after a family of chips (`gfx115x`)."""
    library, _, chip = path.rpartition("/")[2].removesuffix(".kpack").rpartition("_")
    if not _PROCESSOR.fullmatch(chip):
        raise ConfigError(f"rehearsal/contents: {path} names no chip", hint="as in torch_gfx1151.kpack")
    compiled = sorted(each.stem.replace("_", ":") for each in code.glob("*.co"))
    family = chip.removesuffix("x") if chip.endswith("x") else None
    held = [each for each in compiled if each == chip or (family and each.startswith(family))]
    if not held:
        raise ConfigError(
            f"no code is compiled for {chip}", hint="rehearsal/sources/Makefile lists the chips"
        )
    return kpack.write(
        library, chip, {each: (code / f"{each.replace(':', '_')}.co").read_bytes() for each in held}
    )
