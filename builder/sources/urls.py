"""URLs that may carry a credential, which no output and no error may show."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

_USERINFO = re.compile(r"(?<=://)[^/\s'\"]*@")
_MASK = "****@"


def redact(text: str) -> str:
    """The text with every `user:password@` of a URL masked."""
    return _USERINFO.sub(_MASK, text)


def credential(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def without_credential(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def local_path(location: str) -> Path | None:
    """The place on disk that a `file:` URL or a plain path means; None for what the network serves."""
    parts = urlsplit(location)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if "://" not in location:
        return Path(location).expanduser()
    return None
