"""`build.py report`: where the bytes of images are, as a table, as JSON and as a page with pictures."""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from builder import paths
from builder.bundle import given_place
from builder.console import Console, size
from builder.engine import Engine, ImageFacts, connect
from builder.errors import VerifyError
from builder.files import replace_text
from builder.report.page import render_page
from builder.report.weights import NOT_COUNTED, ImageWeights, Layer, mark_shared, on_disk
from builder.targets import Catalog, load_catalog
from builder.verify.checks import MEGABYTE
from builder.verify.facts import named_image, probe

_PAGE = "report.html"
_LARGEST = 8
_INSTRUCTION = 70


def run_report(args: argparse.Namespace, console: Console) -> int:
    engine = connect()
    images = weigh(engine, args.image)
    if args.json:
        console.line(json.dumps([image.as_json() for image in images], indent=2))
    else:
        _print_table(images, console)
    if args.out is not None:
        with given_place(args.out) as folder:
            page = folder / _PAGE
            replace_text(page, render_page(images))
        beside = Console.for_stream(sys.stderr) if args.json else console
        beside.line(f"page: {page}")
    return 0


def write_page(engine: Engine, tags: Iterable[str], page: Path) -> str:
    """Draw the images that are there; a line that sums them up."""
    images = weigh(engine, [tag for tag in tags if engine.image(tag)])
    replace_text(page, render_page(images))
    return f"{size(on_disk(images))} on disk together, drawn in {page}"


def weigh(engine: Engine, tags: Iterable[str]) -> list[ImageWeights]:
    catalog = load_catalog(paths.TARGETS)
    found = [(tag, named_image(engine, tag)) for tag in tags]
    return mark_shared(
        [
            ImageWeights(tag, _budget(facts, catalog), _layers(facts), _groups(engine, tag))
            for tag, facts in found
        ]
    )


def _groups(engine: Engine, tag: str) -> dict[str, int] | None:
    """Bytes by what files belong to; None for an image that has no interpreter to ask."""
    try:
        groups = probe(engine, tag, "").groups
    except VerifyError:
        return None
    return dict(sorted(groups.items(), key=lambda item: -item[1]))


def _layers(facts: ImageFacts) -> tuple[Layer, ...]:
    """Layers that hold something; an empty one has a digest but no size."""
    sized = [layer for layer in facts.layers if layer.size]
    digests = (
        facts.diff_ids
        if len(facts.diff_ids) == len(sized)
        else [f"{facts.id}:{n}" for n in range(len(sized))]
    )
    return tuple(
        Layer(digest, _instruction(layer.made_by), layer.size)
        for digest, layer in zip(_chain(digests), sized, strict=True)
    )


def _chain(digests: Iterable[str]) -> Iterator[str]:
    """For each layer, what it and those below it make together."""
    whole = hashlib.sha256()
    for digest in digests:
        whole.update(digest.encode())
        yield whole.hexdigest()


def _instruction(made_by: str) -> str:
    """What made a layer: ours by their name, others by their instruction without BuildKit's remarks."""
    named = re.match(r"COPY /layers/([\w-]+)/ /", made_by)
    if named or not made_by:
        return named[1] if named else "base"
    text = re.sub(r"\s*# buildkit$", "", made_by)
    text = re.sub(r"--mount=\S+\s*", "", re.sub(r"^RUN /bin/sh -c", "RUN", text))
    return text if len(text) <= _INSTRUCTION else text[: _INSTRUCTION - 1] + "\u2026"


def _budget(facts: ImageFacts, catalog: Catalog) -> int | None:
    """What targets.yaml allows an image of ours; another's has no budget."""
    name = facts.labels.get("gfxpack.image", "")
    target = facts.labels.get("gfxpack.target", next(iter(catalog.targets)))
    if name not in ("vllm", *catalog.images) or target not in catalog.targets:
        return None
    return catalog.image_spec(name, target).budget.total_mb * MEGABYTE


def _print_table(images: list[ImageWeights], console: Console) -> None:
    for image in images:
        budget = f" of {size(image.budget)}" if image.budget else ""
        parts = f", {size(image.shared)} shared and {size(image.own)} its own" if len(images) > 1 else ""
        console.line(f"{image.tag}: {size(image.total)}{budget}{parts}")
        for layer in image.layers:
            shared = f"  (shared with {', '.join(layer.shared_with)})" if layer.shared_with else ""
            console.line(f"  {size(layer.size):>10}  {layer.made_by}{shared}")
        _print_files(image, console)
    if len(images) > 1:
        console.line(f"together on disk: {size(on_disk(images))}")


def _print_files(image: ImageWeights, console: Console) -> None:
    if image.groups is None:
        console.line(f"  {NOT_COUNTED}")
        return
    console.line("  largest:")
    for name, count in list(image.groups.items())[:_LARGEST]:
        console.line(f"  {size(count):>10}  {name}")
