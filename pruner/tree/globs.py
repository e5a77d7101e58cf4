"""Files that a person names by pattern: by the path below the root, its last part, or a folder in it."""

from collections.abc import Iterable
from fnmatch import fnmatchcase


class Globs:
    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns = tuple(pattern.rstrip("/") for pattern in patterns)

    def __contains__(self, name: str) -> bool:
        return any(fnmatchcase(text, pattern) for text in _texts(name) for pattern in self.patterns)

    def idle(self, names: Iterable[str]) -> tuple[str, ...]:
        """The patterns that none of these names meets."""
        texts = {text for name in names for text in _texts(name)}
        return tuple(
            pattern for pattern in self.patterns if not any(fnmatchcase(text, pattern) for text in texts)
        )


def _texts(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)] + parts[1:]
