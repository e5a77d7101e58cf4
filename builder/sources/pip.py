"""What pip on this machine is configured to do, as pip itself tells it."""

import ast
import netrc
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from builder.errors import SourceError
from builder.sources.urls import credential, local_path, redact, with_credential

_SECTIONS = ("global", "install", ":env:")
"""In the order in which pip lets one override the other."""

_DEFAULT_INDEX = re.compile(r"\(default\s+(?P<url>https?://[^\s)]+)\)")
_ERROR = re.compile(r"^ERROR:|Configuration file could not be loaded")
_ASK_SECONDS = 60


@dataclass(frozen=True)
class PipConfiguration:
    """Where packages come from. `folders` are indexes on disk; an index of None is pip's own default."""

    index: str | None = None
    extra_indexes: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    certificate: str | None = None
    trusted_hosts: tuple[str, ...] = ()
    proxy: str | None = None
    timeout: str | None = None
    no_index: bool = False

    @property
    def remote_links(self) -> tuple[str, ...]:
        """The find-links that a build inside a container can reach too."""
        return tuple(link for link in self.find_links if local_path(link) is None)


def read() -> PipConfiguration:
    """Ask pip for its configuration: files of all levels and the environment, merged by pip's rules. Logins
    that pip would take from the user's netrc stand in the addresses."""
    found = parse(_ask("config", "list"))
    logins = _netrc()
    return replace(
        found,
        index=_authorised(found.index, logins) if found.index else None,
        extra_indexes=tuple(_authorised(url, logins) for url in found.extra_indexes),
        find_links=tuple(_authorised(link, logins) for link in found.find_links),
    )


def parse(listing: str) -> PipConfiguration:
    """The configuration out of `pip config list`."""
    settings = _settings(listing)
    indexes = [settings["index-url"].strip()] if settings.get("index-url", "").strip() else []
    extras = settings.get("extra-index-url", "").split()
    on_disk = [url for url in (*indexes, *extras) if local_path(url) is not None]
    return PipConfiguration(
        index=next((url for url in indexes if url not in on_disk), None),
        extra_indexes=tuple(url for url in extras if url not in on_disk),
        folders=tuple(on_disk),
        find_links=tuple(settings.get("find-links", "").split()),
        certificate=settings.get("cert") or None,
        trusted_hosts=tuple(settings.get("trusted-host", "").split()),
        proxy=settings.get("proxy") or None,
        timeout=settings.get("timeout") or settings.get("default-timeout") or None,
        no_index=_flag(settings.get("no-index", "")) or bool(indexes and indexes[0] in on_disk),
    )


def _netrc() -> netrc.netrc | None:
    """The file that pip reads too; one that is broken or not for our eyes is as if it were not there."""
    named = os.environ.get("NETRC")
    for path in (named,) if named else ("~/.netrc", "~/_netrc"):
        try:
            return netrc.netrc(Path(path).expanduser())
        except (OSError, RuntimeError, UnicodeDecodeError, netrc.NetrcParseError):
            continue
    return None


def _authorised(url: str, logins: netrc.netrc | None) -> str:
    """The address with the login for its host; one that has its own keeps it."""
    if logins is None or local_path(url) is not None:
        return url
    try:
        found = logins.authenticators(urlsplit(url).hostname or "")
        if found is None or credential(url) is not None:
            return url
    except ValueError:
        return url
    user, _, password = found
    return with_credential(url, (user, password or ""))


@cache
def default_index() -> str | None:
    """The index that pip asks when nothing is configured, out of pip's own help."""
    match = _DEFAULT_INDEX.search(_ask("install", "--help"))
    return match["url"] if match else None


def _settings(listing: str) -> dict[str, str]:
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in listing.splitlines():
        name, separator, value = line.partition("=")
        section, _, key = name.partition(".")
        if separator and section in found:
            found[section][key.strip().replace("_", "-")] = _unquote(value)
    return _merged(found[section] for section in _SECTIONS)


_NO_PIP = "No module named pip"
"""What a Python without pip says; one that has pip knows better what is wrong."""


def _merged(layers: Iterable[Mapping[str, str]]) -> dict[str, str]:
    result: dict[str, str] = {}
    for layer in layers:
        result |= layer
    return result


def _unquote(value: str) -> str:
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return value.strip()


def _flag(value: str) -> bool:
    return value.strip().lower() in ("1", "y", "yes", "true", "t", "on")


def _ask(*arguments: str) -> str:
    """Run pip: this environment's own, or else the one of the Python that made it."""
    interpreters = dict.fromkeys(
        (sys.executable, getattr(sys, "_base_executable", sys.executable), "python3")
    )
    environment = {**os.environ, "COLUMNS": "200", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    complaints: list[str] = []
    for interpreter in interpreters:
        argv = [interpreter, "-m", "pip", *arguments]
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, env=environment, timeout=_ASK_SECONDS, check=False
            )
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            complaints.append(str(error))
            continue
        if done.returncode == 0:
            return done.stdout
        complaints.append(_complaint(done.stderr))
    telling = [each for each in complaints if _NO_PIP not in each] or complaints
    raise SourceError(
        f"pip cannot tell its configuration: {telling[0]}",
        hint="`python3 -m pip config list` must work; check pip's configuration files and PIP_CONFIG_FILE",
    )


def _complaint(stderr: str) -> str:
    """pip's own error as one line, or else the last thing that it said."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    starts = [number for number, line in enumerate(lines) if _ERROR.search(line)]
    return redact(" ".join(lines[starts[-1] if starts else -1 :]).removeprefix("ERROR: ")) or "no output"
