"""Model names: `[[scheme://]host/][namespace/]model[:tag]`, compared without case; `latest` is the tag of
none.

A request may add where the model is to run: `:local`, `:cloud`, or a tag that ends in `-cloud`."""

import re
from dataclasses import dataclass
from typing import Literal

from proxy.dialect.bodies.quoting import quoted
from proxy.errors import ApiError

_HOST = "registry.ollama.ai"
_NAMESPACE = "library"
_TAG = "latest"

_SCHEME = re.compile("^https?://", re.IGNORECASE)
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


Place = Literal["local", "cloud"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A name without its selector. `place` is None where the client left it open."""

    text: str
    place: Place | None


def parse(text: str) -> Name | None:
    """None where the text is no model's name."""
    path, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        path, tag = text, _TAG
    parts = path.rsplit("/", 2)
    if len(parts) == 3:
        parts[0] = _SCHEME.sub("", parts[0])
    host, namespace, model = [_HOST, _NAMESPACE, ""][: 3 - len(parts)] + parts
    name = Name(host, namespace, model, tag)
    valid = all(pattern.fullmatch(getattr(name, part)) for part, pattern in _PATTERNS.items())
    return name if valid else None


def refer(text: str) -> Reference:
    text = text.strip()
    reference = _selected(text)
    if reference.place and _selected(reference.text).place:
        raise ApiError(400, f"use either :local or :cloud, not both: {quoted(text)}")
    return reference


def _selected(text: str) -> Reference:
    path, colon, ending = text.rpartition(":")
    selector = ending.strip().lower()
    if not colon:
        return Reference(text, None)
    if selector == "cloud":
        return Reference(path, "cloud")
    if selector == "local":
        return Reference(path, "local")
    if "/" not in selector and selector.endswith("-cloud"):
        return Reference(f"{path}:{ending.strip()[: -len('-cloud')]}", "cloud")
    return Reference(text, None)


def key_of(text: str) -> str:
    """Equal for two names of one model; of what is no name, the text itself."""
    parsed = parse(text)
    return parsed.key if parsed else text
