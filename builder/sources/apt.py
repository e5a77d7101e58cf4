"""The distribution's packages: which mirrors this machine's apt is configured to use.

Both forms of apt's lists are read, `deb URI suite component…` and deb822 stanzas.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from builder.errors import SourceError
from builder.files import replace_text
from builder.paths import CACHE
from builder.sources import apt_access
from builder.sources.apt_access import Login
from builder.sources.urls import local_path

DEBIAN_SUITES = ("bullseye", "bookworm", "trixie", "forky", "sid")
_DEBIAN_ALIASES = ("oldstable", "stable", "testing", "unstable")
_POCKETS = ("", "-updates", "-security")
_ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<components>.*)"
)
_MIRROR_LIST = re.compile(r"mirror\+(file|copy):(?://)?(?P<path>/.*)")
_PRIORITY = re.compile(r"\bpriority:(\d+)")
_NO_PRIORITY = 1 << 31
_PASSED_OPTIONS = ("trusted", "check-valid-until", "arch")


@dataclass(frozen=True)
class AptSource:
    """One mirror and suite. Options are spelled as in the one-line form (`signed-by`)."""

    uri: str
    suite: str
    components: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def line(self) -> str:
        options = " ".join(f"{key}={value}" for key, value in sorted(self.options.items()))
        return " ".join(
            ["deb", *([f"[{options}]"] if options else []), self.uri, self.suite, *self.components]
        )

    def inside(self) -> "AptSource":
        """The source as an image may use it: the distribution's keys are trusted there for every source,
        and the files that hold them are named differently from release to release."""
        kept = {key: value for key, value in self.options.items() if key in _PASSED_OPTIONS}
        return replace(self, options=kept)


@dataclass(frozen=True)
class AptConfiguration:
    """`origins` is a folder with the mirrors that base images from a registry brought, by suite; `proxies` is
    the way to mirrors as apt is configured, see `apt_access.proxies`."""

    sources: tuple[AptSource, ...] = ()
    codename: str = ""
    origins: Path = CACHE / "apt"
    logins: tuple[Login, ...] = ()
    proxies: Mapping[str, str] = field(default_factory=dict, hash=False)

    def for_suite(self, suite: str) -> list[AptSource]:
        """The sources that carry `suite`, its updates and its security fixes; SourceError where none does.

        A mirror of Debian carries every suite of Debian, so on Debian the configured one is asked for
        another suite too. Elsewhere the suite must be configured.
        """
        found = self._configured(suite) or self._derived(suite)
        if not found:
            configured = ", ".join(sorted({source.suite for source in self.sources})) or "none"
            raise SourceError(
                f"no apt source of this machine carries the suite {suite} (configured: {configured})",
                hint=f"add a mirror of {suite} below /etc/apt/sources.list.d, or pin the base's image "
                "with `build.py lock --only bases`",
            )
        return found

    def carries(self, suite: str) -> bool:
        return bool(self._configured(suite) or self._derived(suite))

    def for_builds(self, suite: str) -> list[AptSource]:
        """The same, as a build inside a container can use them. Where this machine has none, those that the
        base image itself came with will do."""
        remembered = () if self.carries(suite) else _read_file(self._origin(suite))
        reachable = (source for source in remembered or self.for_suite(suite) if not _on_disk(source))
        found = [self.authorised(source.inside()) for source in reachable]
        if not found:
            raise SourceError(
                f"the apt mirror of {suite} is a folder of this machine, which a build cannot see",
                hint="serve the folder over HTTP and name that address in apt's sources",
            )
        return found

    def authorised(self, source: AptSource) -> AptSource:
        """The source with the login that this machine's apt has for it, for an apt elsewhere."""
        return replace(source, uri=apt_access.authorised(source.uri, self.logins))

    def remember(self, suite: str, sources: Iterable[AptSource]) -> None:
        """Keep the mirrors that a base image came with."""
        replace_text(self._origin(suite), "".join(f"{source.line}\n" for source in sources))

    def _origin(self, suite: str) -> Path:
        return self.origins / f"{suite}.list"

    def _configured(self, suite: str) -> list[AptSource]:
        wanted = {suite + pocket for pocket in _POCKETS} | {f"{suite}/updates"}
        return [source for source in self.sources if source.suite in wanted]

    def _derived(self, suite: str) -> list[AptSource]:
        if suite not in DEBIAN_SUITES or self.codename not in DEBIAN_SUITES:
            return []
        own = (self.codename, *_DEBIAN_ALIASES)
        bases = [source for source in self.sources if source.suite in own]
        if not bases:
            return []
        pockets = _POCKETS[1:] if suite != "sid" else ()
        rest = [
            replace(source, suite=suite + pocket)
            for pocket in pockets
            for source in self.sources
            if source.suite in {name + pocket for name in own}
        ]
        return _unique([replace(bases[0], suite=suite), *rest])


def read(root: Path = Path("/")) -> AptConfiguration:
    """What is configured below `root`, and which suite it runs."""
    folder = root / "etc/apt"
    return AptConfiguration(
        tuple(read_folder(folder)),
        os_release(root).get("VERSION_CODENAME", ""),
        logins=tuple(apt_access.logins(folder)),
        proxies=apt_access.proxies(),
    )


def read_folder(folder: Path) -> list[AptSource]:
    """The lists in a folder such as /etc/apt; an unreadable file is as if it were not there."""
    names = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return _unique(_from_mirror_list(source, folder) for name in names for source in _read_file(name))


def os_release(root: Path = Path("/")) -> dict[str, str]:
    """/etc/os-release as a mapping; empty where there is none."""
    for name in ("etc/os-release", "usr/lib/os-release"):
        try:
            text = (root / name).read_text(encoding="utf-8")
        except OSError:
            continue
        pairs = (
            line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#")
        )
        return {key: value.strip().strip("\"'") for key, _, value in pairs}
    return {}


def parse_one_line(text: str) -> list[AptSource]:
    """The sources of a `sources.list`."""
    sources = []
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if match:
            options = dict(_option(word) for word in (match["options"] or "").split() if "=" in word)
            components = tuple(match["components"].split())
            sources.append(AptSource(match["uri"], match["suite"], components, options))
    return sources


def parse_deb822(text: str) -> list[AptSource]:
    """The sources of a `*.sources` file: stanzas of `Key: value`."""
    sources = []
    for stanza in _stanzas(text):
        if "deb" not in stanza.get("types", "").split() or stanza.get("enabled", "yes").lower() in (
            "no",
            "false",
        ):
            continue
        options = {key: value for key, value in stanza.items() if key in (*_PASSED_OPTIONS, "signed-by")}
        if "architectures" in stanza:
            options["arch"] = ",".join(stanza["architectures"].split())
        if "BEGIN PGP" in options.get("signed-by", ""):
            del options["signed-by"]
        components = tuple(stanza.get("components", "").split())
        sources += [
            AptSource(uri, suite, components, options)
            for uri in stanza.get("uris", "").split()
            for suite in stanza.get("suites", "").split()
        ]
    return sources


def _from_mirror_list(source: AptSource, folder: Path) -> AptSource:
    """A source whose address is a list of mirrors on disk, with the list's best address in its place."""
    match = _MIRROR_LIST.fullmatch(source.uri)
    if match is None:
        return source
    path = folder / os.path.relpath(match["path"], "/etc/apt")
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return source
    entries = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return replace(source, uri=min(entries, key=_priority).split()[0]) if entries else source


def _priority(entry: str) -> int:
    """The lower the better; an entry without one comes last."""
    match = _PRIORITY.search(entry)
    return int(match[1]) if match else _NO_PRIORITY


def _read_file(path: Path) -> Sequence[AptSource]:
    parsers = {".list": parse_one_line, ".sources": parse_deb822}
    parser = parsers.get(path.suffix)
    if parser is None:
        return ()
    try:
        return parser(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ()


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """Stanzas with lower-case keys; a continuation line belongs to the key above it, a comment to none."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for block in re.split(r"\n[ \t]*\n", "\n".join(lines)):
        stanza: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line[:1] in (" ", "\t"):
                if key:
                    stanza[key] += "\n" + line.strip()
            elif ":" in line:
                name, _, value = line.partition(":")
                key = name.strip().lower()
                stanza[key] = value.strip()
        if stanza:
            yield stanza


def _option(word: str) -> tuple[str, str]:
    key, _, value = word.partition("=")
    return key.lower(), value


def _on_disk(source: AptSource) -> bool:
    uri = source.uri.removeprefix("mirror+")
    return uri.startswith(("file:", "copy:", "cdrom:")) or local_path(uri) is not None


def _unique(sources: Iterable[AptSource]) -> list[AptSource]:
    return list(dict.fromkeys(sources))
