"""A model of a hub: its name, and what this machine's configuration says of the way to the hub."""

import re
from collections.abc import Mapping
from pathlib import Path

from builder import paths
from builder.errors import UsageError
from builder.files import replace_text
from builder.render import HubModel

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_PASSED_ON = ("HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_IN_CONTAINER = Path("/run/secrets")
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def hub_model(name: str, stack: str, environ: Mapping[str, str], certificate: Path | None) -> HubModel:
    """`name` becomes an argument of the engine, so only what hubs allow gets through."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no model of a hub", hint="name it as ORG/NAME, for example Qwen/Qwen3-0.6B"
        )
    folder = secrets_folder(stack)
    settings = {key: environ[key] for key in _PASSED_ON if environ.get(key)}
    files: dict[str, Path] = {}
    if environ.get("HF_TOKEN"):
        files["hf_token"] = _keep(folder / "hf_token", _checked_token(environ["HF_TOKEN"]))
        settings["HF_TOKEN_PATH"] = str(_IN_CONTAINER / "hf_token")
    if certificate is not None:
        files["ca"] = certificate
        settings |= dict.fromkeys(_CERTIFICATE_VARIABLES, str(_IN_CONTAINER / "ca"))
    return HubModel(name, _keep(folder / "hub.env", _env_file(settings)), files)


def secrets_folder(stack: str) -> Path:
    """What a stack needs for its hub and nobody else on this machine may read."""
    return paths.CACHE / "secrets" / stack


def _checked_token(token: str) -> str:
    if token.isascii() and token.isprintable() and " " not in token:
        return token
    raise UsageError(
        "HF_TOKEN holds characters that no token has", hint="copy it again from your account at the hub"
    )


def _env_file(settings: Mapping[str, str]) -> str:
    """Single quotes keep Compose from reading `$` and `#` in a password as its own."""
    quoted = {key: value.replace("'", "%27") for key, value in settings.items()}
    return "".join(f"{key}='{value}'\n" for key, value in quoted.items())


def _keep(file: Path, text: str) -> Path:
    """The container's user must read the file; its folder keeps everybody else out."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.parent.chmod(0o700)
    replace_text(file, text)
    return file
