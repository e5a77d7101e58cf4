"""What a person chooses about a target beyond its name, as a catalog in which it is so."""

import argparse
from dataclasses import dataclass
from functools import reduce

from builder.errors import UsageError
from builder.targets.images import EngineSpec, Extra, ExtraName, Route
from builder.targets.model import Catalog
from builder.targets.pick import pick_target


@dataclass(frozen=True)
class Choice:
    """A target, and how it is to be made."""

    target: str
    route: Route | None = None
    """None is the target's own."""
    extras: tuple[ExtraName, ...] = ()

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Choice":
        """What a command line says."""
        return cls(args.target, args.route, tuple(args.extras or ()))


def chosen(catalog: Catalog, choice: Choice) -> Catalog:
    """The catalog with the engine's other route, and with extras in it."""
    engine = pick_target(catalog, choice.target).engine
    if choice.route:
        engine = _by_route(engine, choice.target, choice.route)
    if choice.extras:
        engine = _with(engine, choice.target, choice.extras)
    return with_engine(catalog, choice.target, engine)


def with_engine(catalog: Catalog, name: str, engine: EngineSpec) -> Catalog:
    target = catalog.targets[name].model_copy(update={"engine": engine})
    return catalog.model_copy(update={"targets": {**catalog.targets, name: target}})


def _by_route(engine: EngineSpec, name: str, route: Route) -> EngineSpec:
    if route == "source" and engine.source is None:
        raise UsageError(
            f"target {name} has no source route", hint="leave out --route: it is built from wheels"
        )
    if route == "wheels" and engine.route == "source":
        raise UsageError(
            f"target {name} has no wheels route", hint="nobody publishes vLLM for it; leave out --route"
        )
    return engine.model_copy(update={"route": route})


def _with(engine: EngineSpec, name: str, extras: tuple[ExtraName, ...]) -> EngineSpec:
    missing = [extra for extra in extras if extra not in engine.extras]
    if missing:
        offered = ", ".join(engine.extras) or "none"
        raise UsageError(
            f"target {name} has no {', '.join(missing)} to add", hint=f"--with takes here: {offered}"
        )
    added = [extra for extra in dict.fromkeys(extras) if extra not in engine.includes]
    engine = engine.model_copy(update={"includes": [*engine.includes, *added], "added": added})
    return reduce(_bringing, (engine.extras[extra] for extra in added), engine)


def _bringing(engine: EngineSpec, extra: Extra) -> EngineSpec:
    """The engine with what an extra needs besides its wheels."""
    checks, budget = engine.checks, engine.budget
    may_lack = checks.may_lack | extra.may_lack
    return engine.model_copy(
        update={
            "env": engine.env | extra.env,
            "links": engine.links | extra.links,
            "runtime_packages": [*dict.fromkeys([*engine.runtime_packages, *extra.runtime_packages])],
            "checks": checks.model_copy(update={"may_lack": may_lack}),
            "budget": budget.model_copy(update={"total_mb": budget.total_mb + extra.adds_mb}),
        }
    )
