"""The build verb: the base, the images, the models' volume. An image gets its name once it is verified."""

import argparse
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path, PurePosixPath

from builder import paths
from builder.bundle import write_bundle
from builder.choices import stack_options
from builder.console import Console, size
from builder.engine import Engine, base, buildx
from builder.engine.install import ensure_engine
from builder.errors import UsageError
from builder.files import one_at_a_time
from builder.host import require_processor
from builder.models import ModelsVolume
from builder.render import IMAGE_LABEL, INPUTS_LABEL, Bundle, RenderedImage, StackOptions, read_inputs, render
from builder.report import write_page
from builder.requirements import Requirement, parse
from builder.sources import Sources, private_folder
from builder.targets import AnyImage, Catalog, Choice, ImageSpec, chosen, load_catalog
from builder.targets.digests import base_digest
from builder.targets.images import EngineSpec
from builder.targets.naming import image_tag
from builder.verify import verify_image
from builder.verify.checks import MEGABYTE

_UNVERIFIED = "-unverified"
_COPIES, _COPIES_OF_A_RELATIVE = 5, 2
"""How often a build holds an image's bytes: downloaded, installed, which is more than stays, made small, and
as the image. Where another target of the same lock was built, most of that is there."""


@dataclass(frozen=True)
class BuildOptions:
    images: tuple[str, ...] = ()
    """Only these; empty means all, and the models."""
    force: bool = False
    no_cache: bool = False
    refresh: bool = False
    assume_yes: bool = False


def run_build(args: argparse.Namespace, console: Console) -> int:
    if args.rehearse:
        from builder.rehearsal.run import run_rehearsal

        return run_rehearsal(args, console)
    options = BuildOptions(
        images=tuple(args.image or ()),
        force=args.force,
        no_cache=args.no_cache,
        refresh=args.refresh,
        assume_yes=args.yes,
    )
    stack = stack_options(args, lambda: Sources.load().certificate)
    build_target(Choice.of(args), stack, options, console)
    return 0


def build_target(choice: Choice, stack: StackOptions, options: BuildOptions, console: Console) -> None:
    """Make whatever of a target's images and models is not there yet, from today's inputs."""
    catalog, target = chosen(load_catalog(paths.TARGETS), choice), choice.target
    bundle = render(catalog, target, read_inputs(paths.ROOT, catalog), stack)
    wanted = _wanted(bundle, options.images)
    engine = ensure_engine(console, assume_yes=options.assume_yes)
    require_processor(engine, target, catalog.targets[target])
    waiting = partial(console.line, "another build is running here; waiting for it")
    with one_at_a_time(paths.CACHE / "build.lock", waiting):
        job = _Job(engine, catalog, bundle, write_bundle(bundle), options, console)
        job.run(wanted)


def _wanted(bundle: Bundle, names: tuple[str, ...]) -> list[RenderedImage]:
    tagged = [image for image in bundle.images if image.tag]
    unknown = set(names) - {image.name for image in tagged}
    if unknown:
        raise UsageError(
            f"there is no image {', '.join(sorted(unknown))}",
            hint=f"images of {bundle.target}: {', '.join(image.name for image in tagged)}",
        )
    return [image for image in tagged if (image.name in names if names else image.by_default)]


def _is_current(engine: Engine, image: RenderedImage) -> bool:
    facts = engine.image(image.tag)
    return facts is not None and facts.labels.get(INPUTS_LABEL) == image.inputs


@dataclass(frozen=True)
class _Job:
    """One run of builds, and what all of them need."""

    engine: Engine
    catalog: Catalog
    bundle: Bundle
    folder: Path
    options: BuildOptions
    console: Console

    def run(self, wanted: list[RenderedImage]) -> None:
        anyway = self.options.force or self.options.refresh
        stale = [image for image in wanted if anyway or not _is_current(self.engine, image)]
        for image in wanted:
            if image not in stale:
                self.console.line(f"{image.tag} is up to date (inputs {image.inputs[:12]})")
        if stale:
            self.build(stale)
            self.engine.remove_replaced(IMAGE_LABEL)
            self.report()
        if not self.options.images:
            self.fill_models()

    def build(self, images: list[RenderedImage]) -> None:
        self.engine.require_buildkit()
        specs = {image.name: self.catalog.image_spec(image.name, self.bundle.target) for image in images}
        room = sum(self._copies(spec) * spec.budget.total_mb for spec in specs.values()) * MEGABYTE
        self.engine.require_space(room, "this build")
        for name in dict.fromkeys(spec.base for spec in specs.values()):
            self._ensure_base(name, refresh=self.options.refresh)
        for image in images:
            self._build_image(image)

    def _copies(self, spec: AnyImage) -> int:
        relatives = (
            image_tag("vllm", target.engine, name)
            for name, target in self.catalog.targets.items()
            if target.engine is not spec and isinstance(spec, EngineSpec) and target.engine.lock == spec.lock
        )
        return _COPIES_OF_A_RELATIVE if any(map(self.engine.image, relatives)) else _COPIES

    @cached_property
    def sources(self) -> Sources:
        """What this machine says of packages: asked once, and only where something is to be built."""
        return Sources.load()

    def _ensure_base(self, name: str, *, refresh: bool) -> None:
        base.ensure(
            self.engine,
            self.catalog.bases[name],
            sources=self.sources,
            console=self.console,
            digest=base_digest(paths.LOCKS / "bases.yaml", name),
            refresh=refresh,
            assume_yes=self.options.assume_yes,
        )

    def _build_image(self, image: RenderedImage) -> None:
        """Build under a name of its own; the real one moves only to an image that passes."""
        spec = self.catalog.image_spec(image.name, self.bundle.target)
        unverified = image.tag + _UNVERIFIED
        suite = self.catalog.bases[spec.base].suite
        if note := unhashed_note(image):
            self.console.line(note)
        alone = [self.catalog.indexes[name] for name in spec.upstream] if isinstance(spec, ImageSpec) else []
        with material(image, spec.index, suite, self.sources, alone) as (secrets, contexts):
            buildx.build(
                self.folder / image.name,
                unverified,
                console=self.console,
                secrets=secrets,
                contexts=contexts,
                no_cache=self.options.no_cache,
                title=f"build {image.tag}",
            )
        try:
            verify_image(self.engine, image, spec, unverified, self.console)
            self.engine.tag(unverified, image.tag)
        finally:
            self.engine.remove_image(unverified)

    def report(self) -> None:
        page = paths.BUNDLE / f"{self.bundle.target}-report.html"
        with self.console.step("report") as step:
            tags = [image.tag for image in self.bundle.images if image.tag]
            step.finish(write_page(self.engine, tags, Path(os.path.relpath(page))))

    def fill_models(self) -> None:
        rendered = self.bundle.image("models")
        volume = ModelsVolume(self.engine, helper_image=self.bundle.image("proxy").tag)
        if volume.holds(rendered.inputs) and not self.options.force:
            self.console.line(f"{volume.name} is up to date (inputs {rendered.inputs[:12]})")
            return
        base_name = self.catalog.targets[self.bundle.target].engine.base
        self._ensure_base(base_name, refresh=False)
        suite = self.catalog.bases[base_name].suite
        with material(rendered, None, suite, self.sources) as (secrets, contexts):
            archive = paths.CACHE / "models.tar"
            buildx.build(
                self.folder / rendered.name,
                "models",
                console=self.console,
                secrets=secrets,
                contexts=contexts,
                output=f"type=tar,dest={archive}",
                title="convert the models",
            )
        with self.console.step(f"fill {volume.name}") as step:
            step.finish(size(archive.stat().st_size))
            volume.fill(archive, rendered.inputs)
            archive.unlink()


def unhashed_note(image: RenderedImage) -> str:
    """What a person must know of an image whose lock lacks hashes; empty for all others."""
    pins = sorted(pin.name for pins in _layers(image).values() for pin in pins if not pin.hashes)
    if not pins:
        return ""
    return (
        f"{image.tag}: without a hash, by exact version from one index each: {', '.join(pins)}; "
        "`build.py lock` adds the hashes where those indexes answer"
    )


@contextmanager
def material(
    image: RenderedImage,
    upstream_index: str | None,
    suite: str,
    sources: Sources,
    alone: Sequence[str] = (),
) -> Iterator[tuple[dict[str, Path], dict[str, str | Path]]]:
    """Secrets and build contexts of one image's build: what the host's configuration says of packages. The
    indexes that layers ask `alone` must answer."""
    wheels = paths.CACHE / "wheels" / image.name
    shutil.rmtree(wheels, ignore_errors=True)
    houses = [sources.wheelhouse(locked, wheels / layer) for layer, locked in _layers(image).items()]
    offline = all(house.complete for house in houses)
    needs_upstream = any(house.needs_upstream for house in houses)
    upstream = [upstream_index] if upstream_index and needs_upstream else []
    answering = sources if offline else sources.answering([*upstream, *alone])
    with private_folder() as folder:
        secrets = answering.secrets(folder, suite=suite, upstream_indexes=upstream, offline=offline)
        yield secrets, {"wheels": wheels} if houses else {}


def _layers(image: RenderedImage) -> dict[str, list[Requirement]]:
    """What each layer of an image is locked to."""
    files = {PurePosixPath(path): content for path, content in image.files.items()}
    return {
        path.stem: parse(content.decode(), source=str(path))
        for path, content in files.items()
        if path.parts[0] == "requirements"
    }
