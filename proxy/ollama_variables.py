"""Ollama's own variables, for a server that stands in Ollama's place."""

from collections.abc import Mapping

BY_FLAG = {
    "--listen": "OLLAMA_HOST",
    "--models": "OLLAMA_MODELS",
    "--origins": "OLLAMA_ORIGINS",
    "--max-queue": "OLLAMA_MAX_QUEUE",
}

# What only clients read, and what is so here whatever it says.
_NOT_FOR_SERVERS = frozenset({"OLLAMA_API_KEY", "OLLAMA_EDITOR", "OLLAMA_NOHISTORY", "OLLAMA_NO_CLOUD"})
_PORT = 11434
_PORTS = {"http": 80, "https": 443}


def read(environ: Mapping[str, str], variable: str | None) -> str:
    """As the flag has it that it stands for. Ollama takes quotes and blanks off."""
    text = environ.get(variable, "").strip(" \"'") if variable else ""
    return _address(text) if variable == "OLLAMA_HOST" and text else text


def unused(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Those that are set and that nothing here goes by."""
    known = _NOT_FOR_SERVERS | set(BY_FLAG.values())
    names = {name for name, value in environ.items() if name.startswith("OLLAMA_") and value}
    return tuple(sorted(names - known))


def _address(text: str) -> str:
    """HOST:PORT from all that may stand there: a host, a port, both, or a URL, whose scheme says the port."""
    scheme, separator, rest = text.partition("://")
    port = _PORTS.get(scheme, _PORT) if separator else _PORT
    place = (rest if separator else text).partition("/")[0]
    if place.count(":") > 1 and "]" not in place:
        return f"[{place}]:{port}"
    host, colon, given = ("", "", "") if place.endswith("]") else place.rpartition(":")
    if not colon:
        return f"{place or '127.0.0.1'}:{port}"
    return f"{host or '0.0.0.0'}:{given}"  # noqa: S104 - a port alone stands for every address
