"""What this machine's configuration says of packages, and how a build gets it without keeping a trace.

pip and apt are configured once, by whoever runs the machine: a company's index and certificate, a mirror,
folders of wheels where there is no network. Builds use the same. What may be private (addresses with a
password, the certificate) travels as BuildKit secrets; wheels on disk travel as a build context.
"""

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPResponse
from pathlib import Path

from builder.errors import SourceError
from builder.paths import CACHE
from builder.requirements import Requirement
from builder.sources import apt, apt_access, certificates, pip, probe, wheels
from builder.sources.apt import AptConfiguration
from builder.sources.pip import PipConfiguration
from builder.sources.urls import host_of, redact
from builder.sources.wheels import Wheelhouse

CERTIFICATE_IN_BUILDS = "/etc/ssl/certs/ca-certificates.crt"
PROXIES = "proxies"
"""What this file holds becomes build arguments: see `buildx.build`."""

_MODE = 0o600


@dataclass(frozen=True)
class Sources:
    """The sources of one machine. `certificate` is the bundle to hand to builds, if there is one."""

    pip: PipConfiguration
    apt: AptConfiguration
    certificate: Path | None = None

    @classmethod
    def load(cls) -> "Sources":
        """Read pip's and apt's configuration and find the certificates; half a second, asks no network."""
        packages = pip.read()
        return cls(packages, apt.read(), certificates.find(packages.certificate))

    @property
    def index_urls(self) -> tuple[str, ...]:
        """The package indexes that builds ask over the network, the main one first."""
        if self.pip.no_index:
            return ()
        main = self.pip.index or pip.default_index()
        return (*((main,) if main else ()), *self.pip.extra_indexes)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Places on this machine that hold wheels: find-links and indexes on disk."""
        places = self._places()
        return (*places.links, *places.indexes)

    def wheelhouse(self, requirements: Iterable[Requirement], folder: Path) -> Wheelhouse:
        """Lay out in `folder` every file on disk that the lock allows; says what is left to fetch."""
        cache = wheels.HashCache(CACHE / "hashes.json")
        return wheels.gather(requirements, self._places(), folder, cache)

    def answering(self, required: Sequence[str] = ()) -> "Sources":
        """Ask every index once, ten seconds at most. The main one and the `required` ones must answer
        (SourceError); a silent extra one is left out, for pip would try it again and again."""
        must = (*self.index_urls[:1], *required)
        complaints = probe.complaints(
            list(dict.fromkeys((*must, *self.index_urls))),
            certificate=self.certificate,
            trusted_hosts=self.pip.trusted_hosts,
            proxy=self.pip.proxy,
        )
        for url in must:
            if url in complaints:
                raise SourceError(
                    f"the package index {redact(url)} cannot be used: {redact(complaints[url])}",
                    hint="check the network and its proxy, or set index-url in pip's configuration",
                )
        kept = tuple(url for url in self.pip.extra_indexes if url not in complaints)
        return replace(self, pip=replace(self.pip, extra_indexes=kept))

    def opened(self, url: str) -> HTTPResponse:
        """What lies at an index's URL, by the way that builds go there; one of probe.FAILURES otherwise."""
        if self.pip.no_index:
            raise OSError(errno.ENETDOWN, "pip's configuration says no-index")
        return probe.opened(
            url,
            certificate=self.certificate,
            trusted_hosts=self.pip.trusted_hosts,
            proxy=self.pip.proxy,
        )

    def secrets(
        self,
        folder: Path,
        *,
        suite: str | None = None,
        upstream_indexes: Sequence[str] = (),
        offline: bool = False,
    ) -> dict[str, Path]:
        """Write the secrets of a build below `folder` (use `private_folder`): `pip` and, without any index,
        `pip-alone`, with a suite `apt`, with a certificate `ca`, and `proxies` where apt has some of its own.

        `upstream_indexes` are a target's own; `offline` means that the wheelhouse is complete and no index
        is to be asked.
        """
        texts = {
            "pip": self._pip_conf(upstream_indexes, offline=offline),
            "pip-alone": self._pip_conf((), alone=True),
        }
        if suite is not None:
            mirrors = self.apt.for_builds(suite)
            texts["apt"] = "".join(f"{source.line}\n" for source in mirrors)
            proxies = self._proxies([source.uri for source in mirrors])
            if proxies:
                texts[PROXIES] = "".join(f"{name}={value}\n" for name, value in proxies.items())
        files = {name: _write_private(folder / name, text.encode()) for name, text in texts.items()}
        if self.certificate is not None:
            files["ca"] = _write_private(folder / "ca", self.certificate.read_bytes())
        return files

    def _proxies(self, mirrors: Sequence[str]) -> dict[str, str]:
        """apt's own proxies, where the environment names none. pip goes to its indexes as it does here."""
        found = {
            name: value
            for name, value in apt_access.for_mirrors(self.apt.proxies, mirrors).items()
            if name == "no_proxy" or not (os.environ.get(name) or os.environ.get(name.upper()))
        }
        if not found.keys() - {"no_proxy"}:
            return {}
        named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
        hosts = [named, found.get("no_proxy", ""), *(host_of(url) for url in self.index_urls)]
        return found | {"no_proxy": ",".join(host for host in hosts if host)}

    def _places(self) -> wheels.Places:
        return wheels.Places(wheels.on_disk(self.pip.find_links), wheels.on_disk(self.pip.folders))

    def _pip_conf(
        self, upstream_indexes: Sequence[str], *, offline: bool = False, alone: bool = False
    ) -> str:
        """pip's configuration as a build sees it: no path of this machine, no index where none is needed.
        `alone`, the build names the one index to ask, and only the way there is said."""
        asked = not offline and not self.pip.no_index
        settings: dict[str, Sequence[str]] = {"disable-pip-version-check": ["1"], "no-input": ["1"]}
        if asked and not alone:
            settings["index-url"] = [self.pip.index] if self.pip.index else []
            settings["extra-index-url"] = [*self.pip.extra_indexes, *upstream_indexes]
            settings["trusted-host"] = self.pip.trusted_hosts
            settings["find-links"] = self.pip.remote_links
        if asked:
            settings["proxy"] = [self.pip.proxy] if self.pip.proxy else []
            settings["timeout"] = [self.pip.timeout] if self.pip.timeout else []
        else:
            settings["no-index"] = ["1"]
        if self.certificate is not None:
            settings["cert"] = [CERTIFICATE_IN_BUILDS]
        lines = (f"{key} = {_value(values)}" for key, values in settings.items() if values)
        return "[global]\n" + "".join(f"{line}\n" for line in lines)


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that nobody else can read, for the secrets of a build; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gfxpack-secrets-") as folder:
        yield Path(folder)


def _value(values: Sequence[str]) -> str:
    """One value stands behind its key, several stand below it."""
    return values[0] if len(values) == 1 else "".join(f"\n    {value}" for value in values)


def _write_private(path: Path, data: bytes) -> Path:
    path.touch(mode=_MODE, exist_ok=False)
    path.write_bytes(data)
    return path
