"""Whether a file of a package index is for a base: its Python, and its C library."""

import re
from dataclasses import dataclass

_WHEEL = re.compile(r"[^-]+-[^-]+(-\d[^-]*)?-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)\.whl")
_CPYTHON = re.compile(r"cp3(?P<minor>\d+)")
_MANYLINUX = re.compile(r"manylinux_2_(?P<minor>\d+)_x86_64")
_OLD_NAMES = {"manylinux1_x86_64": 5, "manylinux2010_x86_64": 12, "manylinux2014_x86_64": 17}
"""Names of platforms from before they said which glibc they mean, and which: 2.5, 2.12, 2.17."""


@dataclass(frozen=True)
class Fit:
    """What a file must fit, on x86-64 Linux."""

    python: str
    """As "3.12"."""
    glibc: str
    """As "2.39"."""

    def takes(self, filename: str) -> bool:
        """Whether it is a wheel for this, or a source that becomes one."""
        if not filename.endswith(".whl"):
            return filename.endswith((".tar.gz", ".zip"))
        tags = _WHEEL.fullmatch(filename)
        return tags is not None and (
            any(self._runs(python, tags["abi"]) for python in tags["python"].split("."))
            and any(self._loads(platform) for platform in tags["platform"].split("."))
        )

    def _runs(self, python: str, abi: str) -> bool:
        if python == "py3":
            return abi == "none"
        found, own = _CPYTHON.fullmatch(python), _minor(self.python)
        if found is None:
            return False
        minor = int(found["minor"])
        return minor <= own if abi == "abi3" else minor == own and abi in (f"cp3{own}", "none")

    def _loads(self, platform: str) -> bool:
        """A plain `linux` wheel promises no C library; upstream builds on one older than any base."""
        if platform in ("any", "linux_x86_64"):
            return True
        found = _MANYLINUX.fullmatch(platform)
        needed = int(found["minor"]) if found else _OLD_NAMES.get(platform)
        return needed is not None and needed <= _minor(self.glibc)


def _minor(version: str) -> int:
    return int(version.split(".")[1])
