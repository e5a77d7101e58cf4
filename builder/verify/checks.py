"""The checks, one function each: they get an image's facts and give back what is wrong with it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from builder.console import size
from builder.engine import ImageFacts
from builder.render import PACKAGES_LABEL
from builder.requirements import Requirement, normalise
from builder.targets import AnyImage, ImageSpec
from builder.verify.facts import ProbeFacts

MEGABYTE = 10**6
_SHOWN = 5
_COMPILERS = {"gcc": frozenset({"cc", "gcc", "ld"}), "g++": frozenset({"c++", "g++"})}
"""By package: the tools that come with it."""


@dataclass(frozen=True)
class Subject:
    """An image and what it was made from."""

    spec: AnyImage
    lock: Sequence[Requirement]
    labels: dict[str, str]
    image: ImageFacts
    base: ImageFacts | None
    inside: ProbeFacts


def total_budget(subject: Subject) -> Iterator[str]:
    budget = subject.spec.budget.total_mb * MEGABYTE
    if subject.image.size > budget:
        yield f"weighs {size(subject.image.size)}, its budget is {size(budget)}"


def added_budget(subject: Subject) -> Iterator[str]:
    budget = subject.spec.budget.added_mb
    if budget is None:
        return
    if subject.base is None:
        yield "cannot be compared with its base, which is not here; `build.py build --force` makes both"
        return
    added = subject.image.size - subject.base.size
    if added > budget * MEGABYTE:
        yield f"adds {size(added)} to its base, its budget is {size(budget * MEGABYTE)}"


def labels(subject: Subject) -> Iterator[str]:
    for name, value in subject.labels.items():
        found = subject.image.labels.get(name)
        if found != value:
            yield f"label {name} is {found!r}, expected {value!r}"


def user(subject: Subject) -> Iterator[str]:
    if subject.inside.uid == 0:
        yield "runs as root"


def privileged_files(subject: Subject) -> Iterator[str]:
    yield from _listed("setuid or setgid files", subject.inside.privileged)


def tools(subject: Subject) -> Iterator[str]:
    """A compiler is needed where targets.yaml asks for one: Triton compiles what starts its kernels."""
    asked = subject.spec.runtime_packages if isinstance(subject.spec, ImageSpec) else ()
    needed = frozenset[str]().union(*(_COMPILERS.get(package, ()) for package in asked))
    unneeded = [tool for tool in subject.inside.tools if tool.rpartition("/")[2] not in needed]
    yield from _listed("tools that its program does not need", unneeded)


def caches(subject: Subject) -> Iterator[str]:
    yield from _listed("package caches", subject.inside.caches)


def pinned_distributions(subject: Subject) -> Iterator[str]:
    locked = {requirement.name: requirement.version for requirement in subject.lock}
    present = {normalise(name): version for name, version in subject.inside.distributions.items()}
    wrong = [
        f"{name} {present.get(name, 'absent')} instead of {version}"
        for name, version in locked.items()
        if present.get(name) != version
    ]
    yield from _listed("distributions that differ from the lock", wrong)


def left_out_distributions(subject: Subject) -> Iterator[str]:
    present = {normalise(name) for name in subject.inside.distributions} | set(subject.inside.packages)
    wanted = {pin.name for pin in subject.lock}
    unwanted = [name for name in subject.spec.without if {name, normalise(name)} & (present - wanted)]
    yield from _listed("distributions that targets.yaml leaves out", unwanted)


def pinned_packages(subject: Subject) -> Iterator[str]:
    """The distribution's packages that a label names are there in the version that it names."""
    pins = dict(pin.split("=", 1) for pin in subject.labels.get(PACKAGES_LABEL, "").split())
    present = subject.inside.packages
    wrong = [
        f"{name} {present.get(name, 'absent')} instead of {version}"
        for name, version in pins.items()
        if present.get(name) != version
    ]
    yield from _listed("packages that differ from the lock", wrong)


def imports(subject: Subject) -> Iterator[str]:
    for module, problem in subject.inside.imports.items():
        if problem:
            yield f"cannot import {module}: {problem}"


CHECKS: tuple[Callable[[Subject], Iterator[str]], ...] = (
    total_budget,
    added_budget,
    labels,
    user,
    privileged_files,
    tools,
    caches,
    pinned_distributions,
    left_out_distributions,
    pinned_packages,
    imports,
)


def _listed(what: str, found: Sequence[str]) -> Iterator[str]:
    if found:
        rest = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield f"holds {what}: {', '.join(found[:_SHOWN])}{rest}"
