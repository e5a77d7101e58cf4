"""Model names: `[host/][namespace/]model[:tag]`, compared without case; `latest` is the tag of none."""

import re
from dataclasses import dataclass

_HOST = "registry.ollama.ai"
_NAMESPACE = "library"
_TAG = "latest"

_PATTERNS = {
    "host": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}"),
    "namespace": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}"),
    "model": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"),
    "tag": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"),
}


@dataclass(frozen=True, slots=True)
class Name:
    host: str
    namespace: str
    model: str
    tag: str

    @property
    def full(self) -> str:
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    @property
    def shortest(self) -> str:
        """The name without what the defaults say, but always with its tag."""
        if self.host.lower() != _HOST:
            return self.full
        if self.namespace.lower() != _NAMESPACE:
            return f"{self.namespace}/{self.model}:{self.tag}"
        return f"{self.model}:{self.tag}"

    @property
    def key(self) -> str:
        """Equal for two names of one model."""
        return self.full.lower()


def parse(text: str) -> Name | None:
    """None where the text is no model's name."""
    _, scheme, rest = text.rpartition("://")
    if scheme and not text.lower().startswith(("http://", "https://")):
        return None
    path, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        path, tag = rest, _TAG
    parts = path.split("/")
    if len(parts) > 3:
        return None
    host, namespace, model = [_HOST, _NAMESPACE, ""][: 3 - len(parts)] + parts
    name = Name(host, namespace, model, tag)
    valid = all(pattern.fullmatch(getattr(name, part)) for part, pattern in _PATTERNS.items())
    return name if valid else None
