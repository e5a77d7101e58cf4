"""Everything a render depends on, read once: templates, locks, and the files that go into images."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builder import debian
from builder.requirements import Requirement, read
from builder.targets.model import Catalog

SHARED = "_shared"
_TEMPLATE = ".j2"
_DRIVER = "driver"
_PACKAGES = ("runner", "proxy", "pruner", "checks")

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Inputs:
    templates: Mapping[str, str]
    """Jinja2 sources by their path: below images/ as `vllm/Dockerfile.j2`, the stack's as `compose/…`."""
    image_files: Mapping[str, Files]
    """By image (and `_shared`): the files of its folder that are no templates."""
    packages: Mapping[str, Files]
    """Python packages of this repository that go into images, or make them small."""
    locks: Mapping[str, tuple[Requirement, ...]]
    packages_locks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By lock: the distribution's packages and their versions."""


def read_inputs(root: Path, catalog: Catalog) -> Inputs:
    images = root / "images"
    folders = sorted(folder for folder in images.iterdir() if folder.is_dir() and folder.name[0] != ".")
    return Inputs(
        templates={**_templates(images, images), **_templates(root / "compose", root)},
        image_files={folder.name: _files(folder) for folder in folders},
        packages={name: _code(root / name) for name in _PACKAGES},
        locks={name: tuple(read(root / "locks" / f"{name}.txt")) for name in sorted(_lock_names(catalog))},
        packages_locks={name: debian.read(root / "locks" / f"{name}.txt") for name in _debian_locks(catalog)},
    )


def _lock_names(catalog: Catalog) -> set[str]:
    engines = {lock for target in catalog.targets.values() for lock in target.engine.known_locks}
    images = {spec.lock for spec in catalog.images.values()}
    return {_DRIVER, catalog.models.lock, *images, *engines}


def _debian_locks(catalog: Catalog) -> list[str]:
    return [catalog.llamacpp.lock] if catalog.llamacpp else []


def _templates(folder: Path, relative_to: Path) -> dict[str, str]:
    found = sorted(path for path in _walk(folder) if path.suffix == _TEMPLATE)
    return {path.relative_to(relative_to).as_posix(): path.read_text(encoding="utf-8") for path in found}


def _files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in _walk(folder) if path.suffix not in (_TEMPLATE, ".md"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _code(folder: Path) -> dict[str, bytes]:
    """A package goes in as its modules and the C of its stubs, so that nothing else that lies there does."""
    return {path: content for path, content in _files(folder).items() if path.endswith((".py", ".c"))}


def _walk(folder: Path) -> Iterator[Path]:
    """Files but those that editors and tools leave behind."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part[0] == "." or part == "__pycache__" for part in parts):
            yield path
