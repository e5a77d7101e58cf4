"""Files that a person names by pattern: by the path below the root, by its last part, or a folder in it."""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase


class Globs:
    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns = tuple(pattern.rstrip("/") for pattern in patterns)

    def __contains__(self, name: str) -> bool:
        return any(_meets(name, pattern) for pattern in self.patterns)

    def unmet(self, names: Collection[str]) -> tuple[str, ...]:
        """Patterns that none of these names meets."""
        return tuple(pattern for pattern in self.patterns if not any(_meets(name, pattern) for name in names))


def _meets(name: str, pattern: str) -> bool:
    parts = name.split("/")
    whole = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    return any(fnmatchcase(text, pattern) for text in (*whole, *parts))
