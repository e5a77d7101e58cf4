"""Base images: from a registry by digest where one answers, else bootstrapped from Debian packages.

A base is known by its key (suite, packages, options). One that is here under its tag is taken as it is;
only `refresh` asks a mirror or a registry again.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from builder.console import Console, size
from builder.engine import buildx
from builder.engine.client import Engine, ImageFacts, connect
from builder.engine.failures import hint_for
from builder.engine.install import ensure_bootstrapper
from builder.engine.packages import BOOTSTRAPPER
from builder.engine.process import stream
from builder.errors import EngineError, SourceError
from builder.paths import CACHE, IMAGES
from builder.sources import Sources, apt, private_folder
from builder.sources.apt import AptConfiguration, AptSource
from builder.sources.urls import redact
from builder.targets.images import BaseSpec
from builder.targets.naming import base_key, base_tag

KEY_LABEL = "gfxpack.base.key"
RECIPE_LABEL = "gfxpack.base.recipe"
PACKAGES_LABEL = "gfxpack.base.packages"
DIGEST_LABEL = "gfxpack.base.digest"
MIRRORS_LABEL = "gfxpack.base.mirrors"
BOOTSTRAPPED = "none"
_BETWEEN_MIRRORS = "; "

NEEDED_BYTES = 1_000_000_000
_EPOCH = 1767225600
"""2026-01-01: the latest time that a file of a base may bear, so that two bootstraps are the same."""

_ENVIRONMENT = {
    "SOURCE_DATE_EPOCH": str(_EPOCH),
    "PYTHONHASHSEED": "0",
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}
_PASSED_VARIABLES = (*buildx.PROXY_VARIABLES, "TMPDIR")

_ROOM = IMAGES / "base"
_HOOKS = "/usr/share/mmdebstrap/hooks"
_OPTIONS = ("--variant=minbase", "--format=tar", "--skip=output/dev")
_SUITE_OPTIONS: Mapping[str, Sequence[str]] = {
    "bookworm": (f"--hook-dir={_HOOKS}/merged-usr", "--include=usr-is-merged,usrmerge-"),
}
"""Bookworm's packages would merge /usr by installing Perl; the hook does it before the first package."""

_LICENCES = "/usr/share/doc/*/copyright"
_CONFIG = ("ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 'CMD ["bash"]')
_EVIDENCE_LINES = 8


def ensure(
    engine: Engine,
    spec: BaseSpec,
    *,
    sources: Sources,
    console: Console,
    digest: str | None = None,
    refresh: bool = False,
    assume_yes: bool = False,
) -> ImageFacts:
    """The base that `spec` describes, made if it is not there. `digest` is the lock's ("none" is as None);
    `assume_yes` installs mmdebstrap without asking where it is needed and missing."""
    tag = base_tag(spec)
    locked = None if digest == BOOTSTRAPPED else digest
    present = engine.image(tag)
    if present is not None and not refresh and is_current(present, spec, locked):
        remember_mirrors(present, spec, sources.apt)
        return present
    engine.require_space(NEEDED_BYTES, f"the base {spec.suite}")
    pinned = locked or _digest_of_today(engine, spec, sources, console)
    if pinned and engine.registry_digest(f"{spec.image}@{pinned}"):
        _from_registry(spec, tag, pinned, sources=sources, console=console)
    else:
        ensure_bootstrapper(console, assume_yes=assume_yes)
        _bootstrapped(engine, spec, tag, sources=sources, console=console)
    made = engine.image(tag)
    if made is None:
        raise EngineError(f"the base {tag} is not there after it was made", hint="build again")
    if present is not None and present.id != made.id:
        engine.remove_image(present.id)
    return made


def remember_mirrors(image: ImageFacts, spec: BaseSpec, known: AptConfiguration) -> None:
    """Where this machine has no mirror for a base's suite, builds use the base's own, by its label."""
    lines = image.labels.get(MIRRORS_LABEL, "").replace(_BETWEEN_MIRRORS, "\n")
    if lines and not known.carries(spec.suite):
        known.remember(spec.suite, apt.parse_one_line(lines))


def _digest_of_today(engine: Engine, spec: BaseSpec, sources: Sources, console: Console) -> str | None:
    """Where nothing is pinned and no mirror carries the suite, a registry's word of today is the way left."""
    if sources.apt.carries(spec.suite):
        return None
    digest = engine.registry_digest(spec.image)
    if digest:
        console.warn(
            f"no apt source here carries {spec.suite} and the lock pins no {spec.image}: taking {digest}, "
            "which the registry has today; `build.py lock --only bases` pins it"
        )
    return digest


def is_current(image: ImageFacts, spec: BaseSpec, digest: str | None) -> bool:
    """Whether the image's labels say that it is what `spec` and the lock ask for. One that was bootstrapped
    because no registry answered stays good when one does."""
    origin = image.labels.get(DIGEST_LABEL, "")
    return (
        image.labels.get(KEY_LABEL) == base_key(spec)
        and image.labels.get(RECIPE_LABEL) == recipe_key(spec)
        and (digest is None or origin in (digest, BOOTSTRAPPED))
    )


def recipe_key(spec: BaseSpec) -> str:
    """What this module does to make a base, as a hash: a base made in another way is made again."""
    files = "".join((_ROOM / name).read_text(encoding="utf-8") for name in ("Dockerfile", "clean.sh"))
    facts = (_ENVIRONMENT, _OPTIONS, _SUITE_OPTIONS.get(spec.suite, ()), _CONFIG, _LICENCES, files)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def resolve_digest(image: str) -> str | None:
    """The digest that a registry has for `image` now, for the lock; None where no registry answers."""
    return connect().registry_digest(image)


def dpkg_config(spec: BaseSpec) -> str:
    """dpkg's own configuration in the base, which packages installed later obey too. The licences stay."""
    return "".join(f"path-exclude={path}\n" for path in spec.exclude) + f"path-include={_LICENCES}\n"


def labels(spec: BaseSpec, digest: str, packages: str, mirrors: Sequence[AptSource] = ()) -> dict[str, str]:
    """`mirrors` are those that an image from a registry came with."""
    known = {MIRRORS_LABEL: _BETWEEN_MIRRORS.join(mirror.line for mirror in mirrors)} if mirrors else {}
    return known | {
        "org.opencontainers.image.title": "gfxpack base",
        "org.opencontainers.image.description": f"{spec.suite} with Python {spec.python}",
        KEY_LABEL: base_key(spec),
        RECIPE_LABEL: recipe_key(spec),
        DIGEST_LABEL: digest,
        PACKAGES_LABEL: packages,
    }


def installed_packages(status: str) -> str:
    """dpkg's status file as "name=version name=version …"."""
    fields = [
        dict(re.findall(r"^(Package|Status|Version): (.+)$", stanza, re.M)) for stanza in status.split("\n\n")
    ]
    return " ".join(
        sorted(
            f"{each['Package']}={each['Version']}"
            for each in fields
            if each.get("Status", "").endswith(" installed")
        )
    )


def _bootstrapped(
    engine: Engine,
    spec: BaseSpec,
    tag: str,
    *,
    sources: Sources,
    console: Console,
) -> None:
    mirrors = [sources.apt.authorised(mirror) for mirror in sources.apt.for_suite(spec.suite)]
    with console.step(f"bootstrap {tag} from the distribution's packages") as step, _workroom() as room:
        (room / "sources.list").write_text(
            "".join(f"{mirror.line}\n" for mirror in mirrors), encoding="utf-8"
        )
        said: list[str] = []

        def on_line(line: str) -> None:
            said.append(redact(line.rstrip()))
            step.update(said[-1].removeprefix("I: "))

        status = stream(_mmdebstrap(spec, room), on_line, env=_environment(sources.apt.proxies))
        if status != 0:
            raise _bootstrap_failed(spec, said)
        packages = installed_packages((room / "status").read_text(encoding="utf-8"))
        found = labels(spec, BOOTSTRAPPED, packages)
        changes = [*_CONFIG, *(f'LABEL {name}="{value}"' for name, value in found.items())]
        step.update("handing it to the engine")
        engine.import_rootfs(room / "root.tar", tag, changes)
        step.finish(size((room / "root.tar").stat().st_size))


def _mmdebstrap(spec: BaseSpec, room: Path) -> list[str]:
    """What is to be read while it works is in its arguments: without root it works as another user, who
    may not see this one's folders."""
    dpkg = "$1/etc/dpkg/dpkg.cfg.d"
    return [
        BOOTSTRAPPER,
        *_OPTIONS,
        *_SUITE_OPTIONS.get(spec.suite, ()),
        f"--include={','.join(spec.packages)}",
        *(f"--dpkgopt={line}" for line in dpkg_config(spec).splitlines()),
        f"--customize-hook=download /var/lib/dpkg/status {room / 'status'}",
        f'--customize-hook=mv "{dpkg}/99mmdebstrap" "{dpkg}/gfxpack"',
        f"--customize-hook={(_ROOM / 'clean.sh').read_text(encoding='utf-8')}",
        spec.suite,
        str(room / "root.tar"),
        str(room / "sources.list"),
    ]


def _environment(proxies: Mapping[str, str]) -> dict[str, str]:
    """What the packages' own scripts see: the same on every machine, but for the way to the mirror. apt's own
    proxies go before those of the environment, as they do for this machine's apt."""
    passed = {name: os.environ.get(name, "") for name in _PASSED_VARIABLES} | dict(proxies)
    return {**{name: value for name, value in passed.items() if value}, **_ENVIRONMENT}


def _bootstrap_failed(spec: BaseSpec, said: Sequence[str]) -> SourceError:
    trouble = [line for line in said if re.match(r"(E|W|Err|dpkg|gpgv?):?\d* ", line)] or list(said)
    cause = next(
        (line for line in trouble if line.startswith("E: ")), trouble[-1] if trouble else "no output"
    )
    return SourceError(
        f"the base {spec.suite} could not be bootstrapped: {cause.removeprefix('E: ')}",
        hint=hint_for("\n".join(trouble), on_host=True) or "check the mirror in this machine's apt sources",
        evidence=trouble[-_EVIDENCE_LINES:],
    )


def _from_registry(spec: BaseSpec, tag: str, digest: str, *, sources: Sources, console: Console) -> None:
    """Two builds, of which the second adds the label that needs the result of the first."""
    with _workroom() as room, private_folder() as private:
        for name in ("Dockerfile", "clean.sh"):
            shutil.copy(_ROOM / name, room / name)
        (room / "dpkg.cfg").write_text(dpkg_config(spec), encoding="utf-8")
        suite = spec.suite if sources.apt.carries(spec.suite) else None
        secrets = sources.secrets(private, suite=suite)
        arguments = {
            "IMAGE": f"{spec.image}@{digest}",
            "SUITE": spec.suite,
            "PACKAGES": " ".join(spec.packages),
        }
        facts = room / "facts"
        make = partial(buildx.build, room, tag, console=console, secrets=secrets, build_args=arguments)
        make(target="facts", output=f"type=local,dest={facts}", title=f"make {tag} from {spec.image}")
        packages = installed_packages((facts / "status").read_text(encoding="utf-8"))
        mirrors = apt.read_folder(facts / "apt")
        sources.apt.remember(spec.suite, mirrors)
        make(labels=labels(spec, digest, packages, mirrors), title=f"label {tag}")


@contextmanager
def _workroom() -> Iterator[Path]:
    """A folder for one base in the making, on the disk that holds the other caches."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="base-", dir=CACHE) as folder:
        yield Path(folder)
