"""The bundle of certificates that this machine trusts, for builds behind a company's proxy."""

import os
import ssl
from pathlib import Path

from builder.errors import SourceError

_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
_SYSTEM = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"))
_SECRET_LIMIT = 500 * 1024
"""BuildKit takes no larger secret."""


def find(configured: str | None) -> Path | None:
    """The bundle that pip's `cert` names, or the environment, or else the system's own."""
    named = {"pip's configuration": configured, **{name: os.environ.get(name) for name in _VARIABLES}}
    for origin, value in named.items():
        if value and not Path(value).is_dir():
            return checked(Path(value), origin)
    default = ssl.get_default_verify_paths().cafile
    candidates = (*_SYSTEM, *([Path(default)] if default else []))
    return next((path for path in candidates if path.is_file()), None)


def checked(path: Path, origin: str) -> Path:
    """`path`, if it is a bundle of certificates that can be handed to a build; `origin` is who named it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"the certificate bundle {path} (from {origin}) cannot be read: {error.strerror}",
            hint="correct the path, or remove the setting",
        ) from None
    if b"BEGIN CERTIFICATE" not in data and b"BEGIN TRUSTED CERTIFICATE" not in data:
        raise SourceError(
            f"{path} (from {origin}) holds no certificate",
            hint="name a bundle in PEM form, or remove the setting",
        )
    if b"PRIVATE KEY" in data:
        raise SourceError(
            f"{path} (from {origin}) holds a private key, which no build may see",
            hint="name a bundle that holds certificates alone",
        )
    if len(data) > _SECRET_LIMIT:
        raise SourceError(
            f"{path} (from {origin}) has {len(data)} bytes; a build can be handed {_SECRET_LIMIT} at most",
            hint="name a bundle with the certificates that your network needs",
        )
    return path
