"""locks/bases.yaml: which build of a base image is pinned, where a registry answered when it was written."""

from pathlib import Path

import yaml

from builder.errors import ConfigError


def base_digest(lock: Path, name: str) -> str | None:
    """The pinned digest of a base; None where the lock has none and the base is bootstrapped."""
    try:
        entries = yaml.safe_load(lock.read_text(encoding="utf-8"))
        digest = str(entries[name]["digest"])
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{lock.name} does not say which digest base {name} has",
            hint="write it with `build.py lock --only bases`",
        ) from error
    return None if digest == "none" else digest
