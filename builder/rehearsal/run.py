"""A rehearsal from end to end: `build.py build --rehearse`."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from builder import paths
from builder.bundle import write_folder
from builder.console import Console
from builder.engine import Engine, base, buildx
from builder.engine.install import ensure_engine
from builder.errors import UsageError
from builder.files import one_at_a_time
from builder.rehearsal import repository
from builder.rehearsal.prepare import Rehearsal, prepare
from builder.rehearsal.standins import Change
from builder.rehearsal.transform import BASE, LABEL, tagged
from builder.render import Inputs, StackOptions, read_inputs, render
from builder.sources import Sources, private_folder
from builder.targets import Choice, chosen, load_catalog
from builder.targets.model import Catalog
from builder.verify import verify_image

_ROOM = paths.CACHE / "rehearsal"
_ENGINE = "vllm"
_UNVERIFIED = "-unverified"
_NEEDED_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Script:
    """What one rehearsal does otherwise: how faults are planted."""

    changes: Mapping[str, Change] | None = None
    """Other stand-ins, by distribution."""
    arrange: Callable[[Mapping[str, Path]], None] = lambda _: None
    """Gets the build's contexts before the build does: `wheels`, and `source` where there is one."""


def run_rehearsal(args: argparse.Namespace, console: Console) -> int:
    if set(args.image or ()) - {_ENGINE}:
        raise UsageError(
            f"only the image {_ENGINE} is rehearsed, not {', '.join(args.image)}",
            hint="the others are made of public packages: build them without --rehearse",
        )
    _refuse_what_goes_unheeded(args)
    catalog = chosen(load_catalog(paths.TARGETS), Choice.of(args))
    _require_something_to_rehearse(catalog, args.target)
    inputs = read_inputs(paths.ROOT, catalog)
    engine = ensure_engine(console, assume_yes=args.yes)
    waiting = partial(console.line, "another rehearsal is running here; waiting for it")
    with one_at_a_time(_ROOM / "lock", waiting):
        tag = perform(engine, catalog, args.target, inputs, console=console, no_cache=args.no_cache)
    console.line(f"{tag} is a rehearsal: it serves nothing, and cannot be pushed")
    return 0


def _refuse_what_goes_unheeded(args: argparse.Namespace) -> None:
    """What is about the stack, or about what an earlier build left, means nothing here."""
    said = {
        "--embeddings": args.embeddings != "infinity",
        "--gpus": args.gpus != 1,
        "--refresh": args.refresh,
        "--force": args.force,
    }
    unheeded = [option for option, is_said in said.items() if is_said]
    if unheeded:
        raise UsageError(
            f"a rehearsal takes no {', '.join(unheeded)}",
            hint="it always builds, and one image alone; --no-cache runs every step again",
        )


def perform(
    engine: Engine,
    catalog: Catalog,
    target: str,
    inputs: Inputs,
    *,
    console: Console,
    script: Script | None = None,
    no_cache: bool = False,
) -> str:
    """The rehearsal of a target as this catalog and these inputs have it."""
    script, sources = script or Script(), Sources.load()
    rehearsal = prepare(
        engine, catalog, target, inputs, sources=sources, console=console, changes=script.changes
    )
    image = tagged(render(rehearsal.catalog, target, rehearsal.inputs, StackOptions()).image(_ENGINE))
    folder = _ROOM / "bundle" / target
    write_folder(folder, image.files)
    engine.require_buildkit()
    engine.require_space(_NEEDED_BYTES, "a rehearsal")
    base_spec = rehearsal.catalog.bases[BASE]
    base.ensure(engine, base_spec, sources=sources, console=console, assume_yes=True)
    contexts = _contexts(rehearsal)
    script.arrange(contexts)
    unverified = image.tag + _UNVERIFIED
    with private_folder() as private:
        buildx.build(
            folder,
            unverified,
            console=console,
            secrets=sources.secrets(private, suite=base_spec.suite, offline=True),
            contexts=contexts,
            labels={LABEL: "true"},
            no_cache=no_cache,
            title=f"rehearse {target}",
        )
    try:
        verify_image(engine, image, rehearsal.catalog.image_spec(_ENGINE, target), unverified, console)
        engine.tag(unverified, image.tag)
    finally:
        engine.remove_image(unverified)
    return image.tag


def _require_something_to_rehearse(catalog: Catalog, target: str) -> None:
    if not catalog.targets[target].engine.upstream:
        raise UsageError(
            f"there is nothing to rehearse for target {target}: all of its packages are public",
            hint="build it without --rehearse",
        )


def _contexts(rehearsal: Rehearsal) -> dict[str, Path]:
    """What takes the place of indexes and repositories."""
    room = _ROOM / "contexts" / rehearsal.target
    rehearsal.lay_out(room / "wheels")
    contexts = {"wheels": room / "wheels"}
    compiled = rehearsal.catalog.targets[rehearsal.target].engine.compiled
    if compiled:
        contexts["source"] = repository.lay_out(room / "source", compiled.version)
    return contexts
