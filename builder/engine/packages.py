"""Which of a distribution's packages make a container engine: a pure plan from what apt says."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from builder.engine.client import MINIMUM_BUILDX, MINIMUM_COMPOSE, MINIMUM_ENGINE, version_tuple
from builder.errors import EngineError, SourceError
from builder.sources.apt import AptConfiguration, AptSource

ENGINE_SOURCE = "etc/apt/sources.list.d/gfxpack-engine.sources"
ENGINE_PIN = "etc/apt/preferences.d/gfxpack-engine"
BOOTSTRAPPER = "mmdebstrap"
BY_HAND = (
    f"Docker {MINIMUM_ENGINE[0]} or newer with buildx and Compose {MINIMUM_COMPOSE[0]}.{MINIMUM_COMPOSE[1]} "
    "or newer"
)

_PIN_PRIORITY = 50
"""Below what is installed and what is configured: nothing comes from there unless it is asked for by name."""

_ACTION = re.compile(
    r"(?P<verb>Inst|Remv) (?P<name>\S+)(?: \[(?P<old>[^\]]+)\])?(?: \(\S+ (?P<origins>.+?) \[\w+\]\))?"
)
"""A line of `apt-get --simulate`."""


@dataclass(frozen=True)
class Distribution:
    """How a distribution packs the engine: package, lowest version, and whether it may be absent (the
    command line was once part of the engine's package)."""

    packages: Mapping[str, tuple[int, ...]]
    optional: frozenset[str] = frozenset()
    newer_suites: tuple[str, ...] = ()
    """Where to look when its own suite is too old, the best first: forky's buildx can lint."""


DISTRIBUTIONS = {
    "debian": Distribution(
        packages={
            "docker.io": MINIMUM_ENGINE,
            "docker-cli": MINIMUM_ENGINE,
            "docker-buildx": MINIMUM_BUILDX,
            "docker-compose": MINIMUM_COMPOSE,
        },
        newer_suites=("forky", "trixie"),
    ),
    "ubuntu": Distribution(
        packages={
            "docker.io": MINIMUM_ENGINE,
            "docker-cli": MINIMUM_ENGINE,
            "docker-buildx": MINIMUM_BUILDX,
            "docker-compose-v2": MINIMUM_COMPOSE,
        },
        optional=frozenset({"docker-cli"}),
    ),
}


@dataclass(frozen=True)
class Attempt:
    """One way to get an engine: `arguments` for apt-get, and files to write first (path below / to text)."""

    arguments: tuple[str, ...]
    files: Mapping[str, str]
    origin: str


def plan(distribution: str, apt: AptConfiguration, policy: Mapping[str, str]) -> list[Attempt]:
    """The ways to try in order; `policy` has each package's candidate version. EngineError if there is none.

    The system's own suites are taken when they are new enough, else a newer suite of the same distribution.
    """
    known = DISTRIBUTIONS.get(distribution)
    if known is None:
        raise EngineError(
            f"no container engine answers, and {distribution or 'this system'} is not Debian or Ubuntu",
            hint=f"install {BY_HAND}, and start it",
        )
    own = _own_suites(known, policy)
    if own is not None:
        return [own]
    attempts = [_newer_suite(known, apt, suite) for suite in known.newer_suites if suite != apt.codename]
    found = [attempt for attempt in attempts if attempt is not None]
    if not found:
        raise EngineError(
            f"the packages of {distribution} {apt.codename} hold no new enough container engine",
            hint=f"needed: {_requirements(known)}; add apt sources that hold them, or install Docker by hand",
        )
    return found


def parse_policy(text: str) -> dict[str, str]:
    """Candidate versions out of `apt-cache policy`; packages without one are left out."""
    found: dict[str, str] = {}
    package = ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            package = line.rstrip(":")
        elif (match := re.match(r"\s+Candidate: (\S+)", line)) and match[1] != "(none)":
            found[package] = match[1]
    return found


def objection(simulation: str, packages: Sequence[str]) -> str | None:
    """Why a simulated installation must not be done: it removes packages that are not the engine's, or puts
    those of a newer suite in their place. An update from the system's own suites is the system's business."""
    wanted = {name.partition("/")[0] for name in packages}
    actions = [match for line in simulation.splitlines() if (match := _ACTION.match(line))]
    newer = _newer_origins(actions, packages)
    changes = []
    for action in actions:
        if action["name"].partition(":")[0] in wanted:
            continue
        if action["verb"] == "Remv":
            changes.append(f"remove {action['name']}")
        elif action["old"] and action["origins"] in newer:
            changes.append(f"replace {action['name']} {action['old']}")
    return f"it would {', '.join(changes)}" if changes else None


def _newer_origins(actions: Sequence[re.Match[str]], packages: Sequence[str]) -> set[str]:
    """What apt calls the newer suite: where the packages come from that are asked from it by name."""
    asked = {name.partition("/")[0] for name in packages if "/" in name}
    return {action["origins"] for action in actions if action["name"] in asked and action["origins"]}


def _own_suites(known: Distribution, policy: Mapping[str, str]) -> Attempt | None:
    """Every package in a new enough version; one that may be absent counts only if it is there."""
    for package, minimum in known.packages.items():
        if package not in policy and package in known.optional:
            continue
        if upstream_version(policy.get(package, "0")) < minimum:
            return None
    names = tuple(package for package in known.packages if package in policy)
    return Attempt((*names, BOOTSTRAPPER), {}, "the configured suites")


def _newer_suite(known: Distribution, apt: AptConfiguration, suite: str) -> Attempt | None:
    try:
        mirror = apt.for_suite(suite)[0]
    except SourceError:
        return None
    names = tuple(f"{package}/{suite}" for package in known.packages)
    files = {ENGINE_SOURCE: source_text(mirror), ENGINE_PIN: pin_text(suite)}
    return Attempt((*names, BOOTSTRAPPER), files, f"the suite {suite}")


def source_text(mirror: AptSource) -> str:
    """A deb822 source; a mirror that lags behind holds a Release file that is out of date, and may."""
    fields = {
        "Types": "deb",
        "URIs": mirror.uri,
        "Suites": mirror.suite,
        "Components": "main",
        "Check-Valid-Until": "no",
        "Signed-By": mirror.options.get("signed-by", ""),
        "Trusted": mirror.options.get("trusted", ""),
    }
    return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)


def pin_text(suite: str) -> str:
    return f"Package: *\nPin: release n={suite}\nPin-Priority: {_PIN_PRIORITY}\n"


def upstream_version(version: str) -> tuple[int, ...]:
    """The numbers of a package's version, without its epoch."""
    return version_tuple(version.rpartition(":")[2])


def _requirements(known: Distribution) -> str:
    return ", ".join(f"{name} {'.'.join(map(str, minimum))}" for name, minimum in known.packages.items())
