"""Which repository of the hub a model's name means."""

from dataclasses import dataclass

from proxy.dialect.names import Name
from proxy.hub.aliases import REPOSITORIES

_HOSTS = frozenset({"hf.co", "huggingface.co"})
_OLLAMAS = "registry.ollama.ai"
_LIBRARY = "library"
_NEWEST = "latest"
_MAIN = "main"


@dataclass(frozen=True, slots=True)
class Repository:
    name: str
    revision: str

    @property
    def is_newest(self) -> bool:
        return self.revision == _MAIN


def repository(name: Name) -> Repository | None:
    """None where no repository goes by this name. A tag is a revision, but for names of Ollama's own library,
    which have a table."""
    host = name.host.lower()
    if host == _OLLAMAS and name.namespace.lower() == _LIBRARY:
        found = REPOSITORIES.get(name.model.lower(), {}).get(name.tag.lower())
        return Repository(found, _MAIN) if found else None
    if host not in _HOSTS and host != _OLLAMAS:
        return None
    revision = _MAIN if name.tag == _NEWEST else name.tag
    return Repository(f"{name.namespace}/{name.model}", revision)
