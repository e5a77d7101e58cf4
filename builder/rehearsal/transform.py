"""From a target as it is to the same target in rehearsal: another base, other indexes, locks of stand-ins.

Pure: the same catalog, inputs and pins give the same. What is rendered from it afterwards differs from the
real thing in the base, the indexes and the hashes, and in nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from builder.rehearsal import index
from builder.render import Inputs
from builder.render.recipe import RenderedImage
from builder.requirements import Requirement
from builder.targets.choose import with_engine
from builder.targets.images import EngineSpec
from builder.targets.model import Catalog

BASE = "rehearsal"
"""In `bases` of targets.yaml."""

LABEL = "gfxpack.rehearsal"
_NOWHERE = "rehearsal.invalid"
"""A registry of this name can never be (RFC 2606): nothing that is called so can be pushed."""

_SUFFIX = "-rehearsal"


@dataclass(frozen=True)
class Play:
    """What is rendered in a rehearsal."""

    catalog: Catalog
    inputs: Inputs


def locks_of(engine: EngineSpec) -> tuple[str, ...]:
    """The locks that a target's engine is made from, and what it is compiled with."""
    tools = engine.compiled.lock if engine.compiled else None
    return (*engine.locks, *([tools] if tools else []))


def transform(
    catalog: Catalog, inputs: Inputs, name: str, instead: Callable[[Requirement], Requirement]
) -> Play:
    """`instead` gives the pin of the stand-in for a pin."""
    engine = catalog.targets[name].engine
    locks = {lock: tuple(map(instead, inputs.locks[lock])) for lock in locks_of(engine)}
    staged = with_engine(catalog, name, engine.model_copy(update={"base": BASE}))
    staged = staged.model_copy(update={"indexes": dict.fromkeys(catalog.indexes, index.IN_BUILDS)})
    return Play(staged, replace(inputs, locks={**inputs.locks, **locks}))


def tagged(image: RenderedImage) -> RenderedImage:
    """The image under a name that says what it is."""
    return replace(image, tag=f"{_NOWHERE}/{image.tag}{_SUFFIX}")
