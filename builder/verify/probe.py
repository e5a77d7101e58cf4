"""Runs inside an image, with its own interpreter and nothing installed, and prints what is in there as JSON.

    python -I -c "$(cat probe.py)" UID:GID MODULE...

It starts as root, to see every file, and goes on as the image's own user to import what it serves with.
"""

import importlib
import importlib.metadata
import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

_SKIPPED = {"/proc", "/sys", "/dev", "/tmp", "/models"}  # noqa: S108 - named to leave it out
_TOOLS = ("pip", "gcc", "cc", "g++", "clang", "ld", "make")


def _walk(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.path in _SKIPPED:
                continue
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)


def _group(path: str) -> str:
    """The name that a file's bytes are counted under: a distribution's folder, or a folder of the system."""
    parts = Path(path).parts
    if "site-packages" in parts:
        at = parts.index("site-packages")
        return "/".join(("site-packages", *parts[at + 1 : at + 2]))
    return "/" + "/".join(parts[1:3])


def _files() -> dict[str, object]:
    groups: dict[str, int] = {}
    privileged: list[str] = []
    caches: list[str] = []
    seen: set[int] = set()
    for entry in _walk("/"):
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and status.st_ino not in seen:
            seen.add(status.st_ino)
            group = _group(entry.path)
            groups[group] = groups.get(group, 0) + status.st_size
        if status.st_mode & (stat.S_ISUID | stat.S_ISGID) and not stat.S_ISDIR(status.st_mode):
            privileged.append(entry.path)
        if entry.is_dir(follow_symlinks=False) and entry.path.endswith(("/.cache/pip", "/pip/http-v2")):
            caches.append(entry.path)
    return {"groups": groups, "privileged": privileged, "caches": caches}


def _tools() -> list[str]:
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    return sorted({str(folder / tool) for folder in folders for tool in _TOOLS if (folder / tool).exists()})


def _distributions() -> dict[str, str]:
    found = importlib.metadata.distributions()
    return {dist.metadata["Name"]: dist.version for dist in found}


def _packages() -> dict[str, str]:
    """Versions by name, as dpkg's own list has them."""
    try:
        text = Path("/var/lib/dpkg/status").read_text(encoding="utf-8")
    except OSError:
        return {}
    stanzas = (
        dict(re.findall(r"^(Package|Status|Version): (.+)$", part, re.M)) for part in text.split("\n\n")
    )
    return {
        each["Package"]: each["Version"] for each in stanzas if each.get("Status", "").endswith(" installed")
    }


def _import(name: str) -> str | None:
    try:
        importlib.import_module(name)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _become(user: str) -> None:
    uid, _, gid = user.partition(":")
    os.setgid(int(gid or 0))
    os.setuid(int(uid or 0))


def main() -> None:
    files = _files()
    _become(sys.argv[1])
    facts = {
        "uid": os.getuid(),
        "python": sys.version.split()[0],
        "tools": _tools(),
        "distributions": _distributions(),
        "packages": _packages(),
        **files,
        "imports": {name: _import(name) for name in sys.argv[2:]},
    }
    sys.stdout.write("\n" + json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
