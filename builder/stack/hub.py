"""A model of a hub: its name, and what this machine's configuration says of the way to the hub."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from builder import paths
from builder.errors import UsageError
from builder.render import HubModel

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_PASSED_ON = ("HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_SECRETS = Path("/run/secrets")
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def hub_model(name: str, environ: Mapping[str, str], certificate: Path | None) -> HubModel:
    """`name` becomes an argument of the engine, so only what hubs allow gets through."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no model of a hub", hint="name it as ORG/NAME, for example Qwen/Qwen3-0.6B"
        )
    environment = {key: environ[key] for key in _PASSED_ON if environ.get(key)}
    files: dict[str, Path] = {}
    token = environ.get("HF_TOKEN", "")
    if token:
        files["hf_token"] = _keep(token)
        environment["HF_TOKEN_PATH"] = str(_SECRETS / "hf_token")
    if certificate is not None:
        files["ca"] = certificate
        environment |= dict.fromkeys(_CERTIFICATE_VARIABLES, str(_SECRETS / "ca"))
    return HubModel(name, environment, files)


def _keep(token: str) -> Path:
    """The token as a file that the container's user may read and, for its folder's sake, nobody else here."""
    folder = paths.CACHE / "secrets"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    file = folder / "hf_token"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(token)
    return file
