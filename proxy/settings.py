"""What a person can set: flags, or the environment in their place."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit


class SettingError(Exception):
    """One line that names the flag and the value at fault."""


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    listen: Address
    engine: str
    embeddings: str | None
    models: Path
    hosts: tuple[str, ...]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(message)


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Raises `SettingError`. A flag wins over its variable; an empty variable counts as unset."""
    parser = _Parser(prog="python -m proxy", description=__doc__, allow_abbrev=False)
    for flag, variable, metavar, default, text in _FLAGS:
        parser.add_argument(
            flag,
            metavar=metavar,
            default=environ.get(variable) or default,
            help=f"{text} (or {variable}; default: {default or 'none'})",
        )
    given = parser.parse_args(argv)
    if given.engine is None:
        raise SettingError(
            "--engine is missing: give the URL of an inference server, as http://127.0.0.1:8000"
        )
    return Settings(
        listen=_address("--listen", given.listen),
        engine=_base_url("--engine", given.engine),
        embeddings=_base_url("--embeddings", given.embeddings) if given.embeddings else None,
        models=Path(given.models),
        hosts=tuple(host for host in given.hosts.replace(",", " ").split() if host),
    )


_FLAGS = (
    ("--listen", "GFXPACK_LISTEN", "HOST:PORT", "127.0.0.1:11434", "where to serve"),
    ("--engine", "GFXPACK_ENGINE", "URL", None, "the inference server"),
    ("--embeddings", "GFXPACK_EMBEDDINGS", "URL", None, "the embeddings server"),
    ("--models", "GFXPACK_MODELS", "DIR", "/models", "the models' folder"),
    (
        "--hosts",
        "GFXPACK_HOSTS",
        "NAMES",
        "",
        "names besides local ones that a Host header may carry; giving any turns the check on, "
        "on loopback it is always on",
    ),
)


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
