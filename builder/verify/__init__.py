"""An image against what its target promises. No check needs a GPU; a build ends at the first that fails."""

import argparse

from builder import paths
from builder.bundle import render_target
from builder.console import Console, size
from builder.engine import Engine, ImageFacts, connect
from builder.errors import UsageError, VerifyError
from builder.render import IMAGE_LABEL, INPUTS_LABEL, RenderedImage, StackOptions
from builder.requirements import read
from builder.targets import AnyImage, Choice, ImageSpec, chosen, load_catalog
from builder.verify.checks import CHECKS, MEGABYTE, Subject
from builder.verify.facts import named_image, probe

__all__ = ["run_verify", "verify_image"]


def run_verify(args: argparse.Namespace, console: Console) -> int:
    engine = connect()
    facts = named_image(engine, args.image)
    choice = Choice.of(args)
    catalog = chosen(load_catalog(paths.TARGETS), choice)
    rendered = _rendered(facts, args.image, choice)
    _require_todays_inputs(facts, args.image, choice, rendered)
    verify_image(engine, rendered, catalog.image_spec(rendered.name, args.target), args.image, console)
    return 0


def _rendered(facts: ImageFacts, tag: str, choice: Choice) -> RenderedImage:
    """What the image would be made from today."""
    target, bundle = choice.target, render_target(choice, StackOptions())
    name = facts.labels.get(IMAGE_LABEL, "")
    if facts.labels.get("gfxpack.target", target) == target:
        for image in bundle.images:
            if image.tag and image.name == name:
                return image
    tags = ", ".join(image.tag for image in bundle.images if image.tag)
    raise UsageError(f"{tag!r} is no image of target {target}", hint=f"its images are {tags}")


def _require_todays_inputs(facts: ImageFacts, tag: str, choice: Choice, rendered: RenderedImage) -> None:
    """Checks are those of today's inputs: what they say of an image of others would mislead."""
    inputs = facts.labels.get(INPUTS_LABEL, "")
    if inputs != rendered.inputs:
        raise VerifyError(
            f"{tag} was built from other inputs ({inputs[:12] or 'not named'}) than there are now "
            f"({rendered.inputs[:12]})",
            hint=f"build again: `build.py build {_said(choice)} --image {rendered.name}`",
        )


def _said(choice: Choice) -> str:
    """As a command line says it."""
    route = [f"--route {choice.route}"] if choice.route else []
    return " ".join((f"--target {choice.target}", *route, *(f"--with {extra}" for extra in choice.extras)))


def verify_image(engine: Engine, rendered: RenderedImage, spec: AnyImage, tag: str, console: Console) -> None:
    """Check the image that `tag` names; VerifyError lists all that is wrong with it."""
    with console.step(f"verify {rendered.tag}") as step:
        image = engine.image(tag)
        if image is None:
            raise VerifyError(f"there is no image {tag} to verify", hint="build it with `build.py build`")
        subject = Subject(
            spec=spec,
            lock=[pin for name in spec.locks for pin in read(paths.LOCKS / f"{name}.txt")]
            if isinstance(spec, ImageSpec)
            else (),
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
