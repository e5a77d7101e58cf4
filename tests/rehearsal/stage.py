"""Rehearsals of targets as they are, or with one thing changed."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from builder.console import Console
from builder.engine import Engine
from builder.errors import GfxpackError
from builder.rehearsal.compiled import Compilers
from builder.rehearsal.run import Script, perform
from builder.rehearsal.standins import Change
from builder.rehearsal.transform import BASE
from builder.rehearsal.wheel import Wheel
from builder.render import Inputs
from builder.sources import Sources
from builder.targets import Catalog
from builder.targets.choose import with_engine


@dataclass(frozen=True)
class Stage:
    engine: Engine
    catalog: Catalog
    inputs: Inputs
    console: Console
    tags: set[str] = field(default_factory=set)

    def play(
        self,
        target: str,
        *,
        catalog: Catalog | None = None,
        inputs: Inputs | None = None,
        script: Script | None = None,
    ) -> str:
        tag = perform(
            self.engine,
            catalog or self.catalog,
            target,
            inputs or self.inputs,
            console=self.console,
            script=script,
        )
        self.tags.add(tag)
        return tag

    def fails(self, target: str, **otherwise: Any) -> GfxpackError:  # noqa: ANN401 - as play takes it
        with pytest.raises(GfxpackError) as caught:
            self.play(target, **otherwise)
        error = caught.value
        assert "\n" not in error.message
        assert error.hint
        return error

    def compiled(self, path: str) -> bytes:
        """One of the files that stand-ins are made of."""
        spec = self.catalog.bases[BASE]
        return (Compilers(self.engine, spec, Sources.load(), self.console).standins() / path).read_bytes()

    def with_target(self, target: str, **changes: object) -> Catalog:
        whole = self.catalog.targets[target].model_copy(update=changes)
        return self.catalog.model_copy(update={"targets": {**self.catalog.targets, target: whole}})

    def with_engine(self, target: str, **changes: object) -> Catalog:
        engine = self.catalog.targets[target].engine.model_copy(update=changes)
        return with_engine(self.catalog, target, engine)


def other(name: str, change: Change) -> Script:
    """Another stand-in of one distribution."""
    return Script(changes={name: change})


def with_files(files: Callable[[Wheel], dict[str, bytes | None]]) -> Change:
    """Files that a wheel has more, or (None) lacks."""

    def changed(wheel: Wheel) -> Wheel:
        whole = {**wheel.files, **files(wheel)}
        return replace(wheel, files={path: content for path, content in whole.items() if content is not None})

    return changed


def tagged_for(tag: str) -> Change:
    return lambda wheel: replace(wheel, tag=tag)


def moved(layer: str, name: str, to: str | None = None) -> Script:
    """A distribution is not in the index of its layer, but with another layer's wheels, or nowhere."""

    def arrange(contexts: Mapping[str, Path]) -> None:
        wheels = contexts["wheels"]
        home = wheels / layer / "simple" / name
        if to:
            for wheel in home.glob("*.whl"):
                shutil.copy(wheel, wheels / to)
        shutil.rmtree(home)

    return Script(arrange=arrange)
