"""The way to the distribution's mirrors: the proxies and logins of this machine's apt."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from builder.sources.urls import credential, with_credential

_PROXY = re.compile(
    r'Acquire::(?P<scheme>https?)::Proxy(?:::(?P<host>[^\s"]+))? "(?P<value>[^"]*)";', re.IGNORECASE
)
_NONE = ("direct", "false")
_ASK_SECONDS = 20


@dataclass(frozen=True)
class Login:
    """An entry of auth.conf: `machine` is a host, perhaps with a scheme before and a path behind it."""

    machine: str
    user: str
    password: str

    def opens(self, uri: str) -> bool:
        """As apt has it: without a scheme an entry is for TLS alone."""
        scheme, _, place = self.machine.rpartition("://")
        parts = urlsplit(uri)
        return parts.scheme == (scheme or "https") and f"{parts.netloc}{parts.path}/".startswith(
            f"{place.rstrip('/')}/"
        )


def logins(folder: Path) -> Iterator[Login]:
    """What auth.conf and auth.conf.d in a folder such as /etc/apt hold; a file that is not for our eyes is
    as if it were not there."""
    for path in (folder / "auth.conf", *sorted((folder / "auth.conf.d").glob("*.conf"))):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        yield from parse_logins(text)


def parse_logins(text: str) -> Iterator[Login]:
    """Entries of the form `machine M login L password P`, over as many lines as they like."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    words = [word for line in lines for word in line.split()]
    entries: list[dict[str, str]] = []
    for key, value in zip(words[::2], words[1::2], strict=False):
        if key == "machine":
            entries.append({})
        if entries:
            entries[-1][key] = value
    for entry in entries:
        if {"machine", "login", "password"} <= entry.keys():
            yield Login(entry["machine"], entry["login"], entry["password"])


def authorised(uri: str, known: Sequence[Login]) -> str:
    """The address with the first login that opens it; one that has its own keeps it."""
    try:
        if credential(uri) is not None:
            return uri
        login = next((each for each in known if each.opens(uri)), None)
    except ValueError:
        return uri
    # apt decodes an address before it hands it to its method, which does so again.
    return (
        with_credential(uri, (quote(login.user, safe=""), quote(login.password, safe=""))) if login else uri
    )


def proxies() -> dict[str, str]:
    """What apt says of its proxies, as `http_proxy`, `https_proxy` ("" is none at all) and `no_proxy`."""
    try:
        done = subprocess.run(
            ["apt-config", "dump"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return parse_proxies(done.stdout)


def parse_proxies(dump: str) -> dict[str, str]:
    """The same out of `apt-config dump`. What HTTP goes through, HTTPS does too unless it has its own."""
    found: dict[str, str] = {}
    direct: list[str] = []
    for match in _PROXY.finditer(dump):
        if not match["value"]:
            continue
        value = "" if match["value"].lower() in _NONE else match["value"]
        if match["host"] is None:
            found[match["scheme"].lower()] = value
        elif not value:
            direct.append(match["host"])
    if "http" in found:
        found.setdefault("https", found["http"])
    settings = {f"{scheme}_proxy": value for scheme, value in found.items()}
    if direct and any(found.values()):
        settings["no_proxy"] = ",".join(dict.fromkeys(direct))
    return settings


def for_mirrors(settings: Mapping[str, str], uris: Sequence[str]) -> dict[str, str]:
    """The proxies that the mirrors at these addresses need, and no others."""
    schemes = {urlsplit(uri).scheme for uri in uris}
    needed = {f"{scheme}_proxy" for scheme in schemes} & {name for name, value in settings.items() if value}
    return {name: value for name, value in settings.items() if needed and name in (*needed, "no_proxy")}
