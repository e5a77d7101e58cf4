"""Installing a hashed lock with pip, and saying in one line why it did not work. Standard library only."""

import os
import re
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from builder.errors import GfxpackError, SourceError

_OPTIONS = (
    *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--retries", "2"),
    *("--no-input", "--disable-pip-version-check", "--no-warn-script-location", "--progress-bar", "off"),
)
_SECTIONS = ("install", "site", "user", "global")
_KEPT_LINES = 1000
_EVIDENCE_LINES = 3
_FETCHING = re.compile(r"Collecting (?P<index>[\w.-]+)|Processing \S*/(?P<disk>\w+)-")
_UNREACHABLE = re.compile(
    r"Retrying \(Retry|Could not fetch URL|Max retries exceeded|HTTP error 5\d\d|timed out"
)
_MISSING = re.compile(r"No matching distribution found for (\S+)")
_MISMATCH = re.compile(r"DO NOT MATCH THE HASHES")
_MISMATCHED = re.compile(r"^\s*(?P<pin>[A-Za-z0-9._-]+==[^\s;]+).*from ", re.MULTILINE)
_DISK_FULL = re.compile(r"No space left on device")
_MALFORMED = re.compile(r"^ValueError: (Port|Invalid IPv6|netloc|'.*' does not appear to be)", re.MULTILINE)
_DENIED = re.compile(r"OSError: \[Errno \d+\] (?P<reason>Permission denied|Read-only file system)")
_UNTRUSTED = re.compile(r"located at (\S+) is not a trusted or secure host")
_REASON = re.compile(
    r"(Connection refused|Connection reset by peer|No route to host|Network is unreachable|"
    r"Name or service not known|Temporary failure in name resolution|certificate verify failed|"
    r"[Tt]unnel connection failed[^'\")]*|timed out|HTTP error 5\d\d|too many 5\d\d error responses)"
)


def install(python: Path, lock: Path, report: Callable[[str], None]) -> None:
    """Install a lock for an interpreter; `report` hears what is being fetched."""
    command = [os.fspath(python), "-m", "pip", "install", *_OPTIONS, "-r", os.fspath(lock)]
    lines: deque[str] = deque(maxlen=_KEPT_LINES)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        for line in pip.stdout or ():
            lines.append(line.rstrip())
            if found := _FETCHING.match(line.strip()):
                report(found["index"] or found["disk"])
    if pip.returncode:
        raise explain(lines, lock.stem, index_in_force(python))


def explain(lines: Sequence[str], lock: str, index: str) -> GfxpackError:
    """The error that pip's output tells of."""
    text = "\n".join(lines)
    for pattern, tell in _FAILURES.items():
        if found := pattern.search(text):
            return tell(found, lock, index)
    errors = [line for line in lines if line.startswith("ERROR")] or [line for line in lines if line]
    return GfxpackError(f"pip could not install locks/{lock}.txt", evidence=errors[-_EVIDENCE_LINES:])


def _malformed(_: re.Match[str], _lock: str, index: str) -> GfxpackError:
    """Without evidence: what Python says of an address may quote a part of a password."""
    return SourceError(
        "the address of the package index is no valid URL",
        hint=f"{index}; correct it in pip's configuration or environment",
    )


def _denied(found: re.Match[str], _lock: str, _index: str) -> GfxpackError:
    return GfxpackError(
        f"the driver's environment cannot be written: {found['reason'].lower()}",
        hint="give the checkout with its .venv to your user, or work in a copy of your own",
    )


def _disk_full(_: re.Match[str], _lock: str, _index: str) -> GfxpackError:
    return GfxpackError("no disk space is left to install the driver's packages", hint="free some space")


def _mismatch(found: re.Match[str], lock: str, index: str) -> GfxpackError:
    pin = _MISMATCHED.search(found.string, found.end())
    return SourceError(
        f"{pin['pin'] if pin else 'a package'} is not the file that locks/{lock}.txt has the hash of",
        hint=f"the index in force serves another file ({index}); do not use it before you know why",
    )


def _unreachable(found: re.Match[str], _lock: str, index: str) -> GfxpackError:
    reason = _REASON.search(found.string)
    return SourceError(
        "the package index does not answer" + (f": {reason[1]}" if reason else ""),
        hint=f"{index}; check the network, or set an index that can be reached with `pip config`",
    )


def _untrusted(found: re.Match[str], _lock: str, index: str) -> GfxpackError:
    return SourceError(
        f"pip ignores the package index at {found[1]}: it has no TLS",
        hint=f"{index}; use https, or name the host in pip's setting trusted-host",
    )


def _missing(found: re.Match[str], _lock: str, index: str) -> GfxpackError:
    return SourceError(
        f"the package index has no {found[1]} for this Python",
        hint=f"{index}; use an index that is up to date",
    )


_FAILURES: Mapping[re.Pattern[str], Callable[[re.Match[str], str, str], GfxpackError]] = {
    _MALFORMED: _malformed,
    _DENIED: _denied,
    _DISK_FULL: _disk_full,
    _MISMATCH: _mismatch,
    _UNREACHABLE: _unreachable,
    _UNTRUSTED: _untrusted,
    _MISSING: _missing,
}
"""In the order in which they are looked for: what comes later may be said because of what comes earlier."""


def index_in_force(python: Path) -> str:
    """Which setting names the package index, without the credentials that its address may hold."""
    listing = subprocess.run(
        [os.fspath(python), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    settings = dict(line.partition("=")[::2] for line in listing.stdout.splitlines())
    for key in (":env:.index-url", *(f"{section}.index-url" for section in _SECTIONS)):
        if key in settings:
            return f"index in force: {key.removeprefix(':env:.')} = {without_credentials(settings[key])}"
    return "index in force: pip's default, no index-url is set"


def without_credentials(url: str) -> str:
    """Whatever stands before the last `@` goes, for a password may hold what no URL may."""
    scheme, separator, rest = url.strip("'\"").partition("://")
    return scheme + separator + re.split(r"[?#]", rest.rpartition("@")[2])[0]
