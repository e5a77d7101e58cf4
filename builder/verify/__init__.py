"""An image against what its target promises. No check needs a GPU; a build ends at the first that fails."""

import argparse

from builder import paths
from builder.bundle import render_target
from builder.console import Console, size
from builder.engine import Engine, connect
from builder.errors import UsageError, VerifyError
from builder.render import RenderedImage, StackOptions
from builder.requirements import read
from builder.targets import ImageSpec, load_catalog
from builder.verify.checks import CHECKS, MEGABYTE, Subject
from builder.verify.facts import probe

__all__ = ["run_verify", "verify_image"]


def run_verify(args: argparse.Namespace, console: Console) -> int:
    engine = connect()
    facts = engine.image(args.image)
    if facts is None:
        raise UsageError(f"there is no image {args.image!r}", hint="list them with `docker images`")
    name = facts.labels.get("gfxpack.image", "")
    bundle = render_target(args.target, StackOptions())
    rendered = next((image for image in bundle.images if image.name == name and image.tag), None)
    if rendered is None:
        raise UsageError(
            f"{args.image!r} is no image of target {args.target}",
            hint="name an image that `build.py build` made for this target",
        )
    spec = load_catalog(paths.TARGETS).image_spec(name, args.target)
    verify_image(engine, rendered, spec, args.image, console)
    return 0


def verify_image(
    engine: Engine, rendered: RenderedImage, spec: ImageSpec, tag: str, console: Console
) -> None:
    """Check the image that `tag` names; VerifyError lists all that is wrong with it."""
    with console.step(f"verify {rendered.tag}") as step:
        image = engine.image(tag)
        if image is None:
            raise VerifyError(f"there is no image {tag} to verify", hint="build it with `build.py build`")
        subject = Subject(
            spec=spec,
            lock=read(paths.LOCKS / f"{spec.lock}.txt"),
            labels=dict(rendered.labels),
            image=image,
            base=engine.image(rendered.labels["org.opencontainers.image.base.name"]),
            inside=probe(engine, tag, rendered.name),
        )
        problems = [problem for check in CHECKS for problem in check(subject)]
        if problems:
            raise _as_error(tag, problems)
        step.finish(f"{size(image.size)} of {size(spec.budget.total_mb * MEGABYTE)}")


def _as_error(tag: str, problems: list[str]) -> VerifyError:
    hint = "change the image under images/ or its entry in targets.yaml, then build again"
    if len(problems) == 1:
        return VerifyError(f"{tag} {problems[0]}", hint=hint)
    return VerifyError(f"{tag} fails {len(problems)} checks", hint=hint, evidence=problems)
