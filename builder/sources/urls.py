"""URLs that may carry a credential, which no output and no error may show."""

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

_USERINFO = re.compile(r"(?<=://)\S*@")
"""Up to the last `@` of the word: a password may hold what no URL may, and masking too much does no harm."""

_MASK = "****@"


def redact(text: str) -> str:
    """The text with every `user:password@` of a URL masked."""
    return _USERINFO.sub(_MASK, text)


def credential(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def with_credential(url: str, login: tuple[str, str]) -> str:
    parts = urlsplit(url)
    user, password = (quote(part, safe="") for part in login)
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.netloc}"))


def host_of(url: str) -> str:
    """The host that an address names; what is no address stands for itself, without what may be private."""
    try:
        return urlsplit(url).hostname or redact(url)
    except ValueError:
        return redact(url)


def without_credential(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def local_path(location: str) -> Path | None:
    """The place on disk that a `file:` URL or a plain path means; None for what the network serves, and for
    what is no URL at all."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return None
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if "://" not in location:
        return Path(os.path.expanduser(location))  # noqa: PTH111 - it takes any `~name` as it is
    return None
