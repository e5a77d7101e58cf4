"""What a person can set: flags, or the environment in their place. Ollama's own variables count where they
say something that is said here, too."""

import argparse
import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from proxy import ollama_variables
from proxy.entrance.keys import Key, KeysError, read_keys
from proxy.model import Role

_HUB = "https://huggingface.co"


class SettingError(Exception):
    """One line that names the flag and the value at fault."""


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class Settings:
    listen: Address
    engine: str
    embeddings: str | None
    models: Path
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    key_limit: int = 0
    max_queue: int = 512
    library: Path | None = None
    on_gpu: tuple[Role, ...] = ()
    hub: str = _HUB
    hub_token: str = field(default="", repr=False)
    unused: tuple[str, ...] = ()
    """Variables of Ollama's that are set, and that nothing here goes by."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(message)


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Raises `SettingError`. A flag wins over its variable, and that over Ollama's. An empty variable counts
    as unset."""
    parser = _Parser(prog="python -m proxy", description=__doc__, allow_abbrev=False)
    for flag, variable, metavar, default, text in _FLAGS:
        theirs = ollama_variables.BY_FLAG.get(flag)
        variables = f"{variable} or {theirs}" if theirs else variable
        parser.add_argument(
            flag,
            metavar=metavar,
            default=environ.get(variable) or ollama_variables.read(environ, theirs) or default,
            help=f"{text} (or {variables}; default: {default or 'none'})".replace("%", "%%"),
        )
    given = parser.parse_args(argv)
    return Settings(
        listen=_address("--listen", given.listen),
        engine=_base_url("--engine", given.engine),
        embeddings=_base_url("--embeddings", given.embeddings) if given.embeddings else None,
        models=Path(given.models).expanduser(),
        hosts=_words(given.hosts),
        origins=_origins("--origins", given.origins),
        keys=_keys(given.keys, environ.get("GFXPACK_API_KEYS", "")),
        key_limit=_count("--key-limit", given.key_limit, least=0),
        max_queue=_count("--max-queue", given.max_queue, least=1),
        library=Path(given.library).expanduser() if given.library else None,
        on_gpu=_roles("--on-gpu", given.on_gpu),
        hub=_base_url("--hub", given.hub),
        hub_token=_token(environ),
        unused=ollama_variables.unused(environ),
    )


_FLAGS = (
    ("--listen", "GFXPACK_LISTEN", "HOST:PORT", "127.0.0.1:11434", "where to serve"),
    (
        "--engine",
        "GFXPACK_ENGINE",
        "URL",
        "http://127.0.0.1:8000",
        "the inference server; it may start later",
    ),
    ("--embeddings", "GFXPACK_EMBEDDINGS", "URL", None, "the embeddings server; it may start later"),
    ("--models", "GFXPACK_MODELS", "DIR", "~/.local/share/gfxpack/models", "the models' folder"),
    (
        "--library",
        "GFXPACK_LIBRARY",
        "DIR",
        "",
        "where models are kept that are pulled, made or copied; the models' folder if not given",
    ),
    ("--hub", "HF_ENDPOINT", "URL", _HUB, "where models are pulled from; HF_TOKEN may hold a token for it"),
    (
        "--on-gpu",
        "GFXPACK_ON_GPU",
        "SERVERS",
        "",
        "which of `chat` and `embedding` keep their models on a GPU, for `ollama ps`",
    ),
    (
        "--hosts",
        "GFXPACK_HOSTS",
        "NAMES",
        "",
        "names besides local ones that a Host header may carry; giving any turns the check on, "
        "on loopback it is always on",
    ),
    (
        "--origins",
        "GFXPACK_ORIGINS",
        "ORIGINS",
        "",
        "web pages besides local ones that may call, as https://chat.example or https://*.example, "
        "or * for all",
    ),
    (
        "--keys",
        "GFXPACK_API_KEYS_FILE",
        "FILE",
        "",
        "a file with one API key in a line, as KEY or NAME:KEY; who calls needs one of them then",
    ),
    ("--key-limit", "GFXPACK_KEY_LIMIT", "N", "0", "requests of one key at once, 0 for any number"),
    ("--max-queue", "GFXPACK_MAX_QUEUE", "N", "512", "requests to engines at once; more are refused"),
)


def _roles(flag: str, text: str) -> tuple[Role, ...]:
    roles: dict[str, Role] = {"chat": "chat", "embedding": "embedding"}
    try:
        return tuple(roles[word] for word in _words(text))
    except KeyError as unknown:
        raise SettingError(f"{flag} {unknown} is no server: name `chat`, `embedding` or both") from None


def _token(environ: Mapping[str, str]) -> str:
    """A secret, so that no flag takes it."""
    file = environ.get("HF_TOKEN_PATH")
    token = environ.get("HF_TOKEN", "")
    try:
        token = token or (Path(file).read_text(encoding="utf-8") if file else "")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"HF_TOKEN_PATH {file!r} cannot be read: {type(error).__name__}") from None
    if not token.strip().isascii() or any(not letter.isprintable() for letter in token.strip()):
        raise SettingError("HF_TOKEN holds characters that no token has")
    return token.strip()


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _origins(flag: str, text: str) -> tuple[str, ...]:
    origins = _words(text)
    for origin in origins:
        if origin != "*" and (
            origin.count("*") > 1 or not origin.partition("://")[1] or origin.endswith("/")
        ):
            raise SettingError(
                f"{flag} {origin!r} is no origin: write SCHEME://HOST[:PORT], with one * at most, or * alone"
            )
    return origins


def _keys(file: str, inline: str) -> tuple[Key, ...]:
    try:
        if file:
            return read_keys(Path(file).read_text(encoding="utf-8-sig"))
        return read_keys(inline.replace(",", "\n")) if inline.strip() else ()
    except KeysError as error:
        raise SettingError(f"{f'--keys {file!r}' if file else 'GFXPACK_API_KEYS'}: {error}") from None
    except UnicodeDecodeError:
        raise SettingError(f"--keys {file!r} is no text") from None
    except OSError as error:
        raise SettingError(f"--keys {file!r} cannot be read: {os.strerror(error.errno or 0)}") from None


def _count(flag: str, text: str, *, least: int) -> int:
    if not text.isascii() or not text.isdecimal() or not least <= int(text) <= 1_000_000:
        raise SettingError(f"{flag} {text!r} is no number from {least} on")
    return int(text)


def _address(flag: str, text: str) -> Address:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise SettingError(f"{flag} {text!r} is no address: write HOST:PORT, as 127.0.0.1:11434")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _base_url(flag: str, text: str) -> str:
    """The server's root: a trailing slash or /v1 is dropped, so that both ways of writing it work."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or "@" in parts.netloc:
        raise SettingError(f"{flag} {text!r} is no server's URL: write it as http://HOST:PORT")
    return text.rstrip("/").removesuffix("/v1").rstrip("/")
