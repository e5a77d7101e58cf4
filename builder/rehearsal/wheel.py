"""Wheels, and source of some, written so that the same content gives the same bytes."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

_DATE = (2026, 1, 1, 0, 0, 0)
_FILE, _PROGRAM = 0o100644, 0o100755


@dataclass(frozen=True)
class Wheel:
    name: str
    """As the index calls it; a wheel's file name has underscores."""
    version: str
    tag: str
    """`py3-none-any`, `cp313-cp313-linux_x86_64`."""
    files: Mapping[str, bytes]
    requires: tuple[str, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)

    @property
    def filename(self) -> str:
        return f"{self._stem}-{self.tag}.whl"

    @property
    def _stem(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}"

    def content(self) -> bytes:
        info = f"{self._stem}.dist-info"
        whole = {**self.files, **{f"{info}/{name}": text.encode() for name, text in self._metadata().items()}}
        record = "".join(f"{path},{_digest(data)},{len(data)}\n" for path, data in sorted(whole.items()))
        whole[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
        room = io.BytesIO()
        with zipfile.ZipFile(room, "w", zipfile.ZIP_STORED) as archive:
            for path, data in sorted(whole.items()):
                archive.writestr(_entry(path, data), data)
        return room.getvalue()

    def _metadata(self) -> dict[str, str]:
        requires = "".join(f"Requires-Dist: {each}\n" for each in self.requires)
        pure = str(self.tag.endswith("-any")).lower()
        texts = {
            "METADATA": f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n"
            f"Summary: a stand-in, for rehearsals of a build\n{requires}",
            "WHEEL": f"Wheel-Version: 1.0\nGenerator: gfxpack\nRoot-Is-Purelib: {pure}\nTag: {self.tag}\n",
        }
        if self.scripts:
            lines = "".join(f"{name} = {place}\n" for name, place in self.scripts.items())
            texts["entry_points.txt"] = f"[console_scripts]\n{lines}"
        return texts


class Sdist(Wheel):
    """The source of one that holds Python alone; setuptools makes a wheel of it."""

    @property
    def filename(self) -> str:
        return f"{self._stem}.tar.gz"

    def content(self) -> bytes:
        room = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=room, mode="wb", filename="", mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            for path, data in sorted({**self.files, "pyproject.toml": self._project().encode()}.items()):
                entry = tarfile.TarInfo(f"{self._stem}/{path}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return room.getvalue()

    def _project(self) -> str:
        packages = sorted({path.rpartition("/")[0].replace("/", ".") for path in self.files})
        scripts = "".join(f"{name} = {json.dumps(place)}\n" for name, place in self.scripts.items())
        return (
            '[build-system]\nrequires = ["setuptools>=70.2.0"]\nbuild-backend = "setuptools.build_meta"\n'
            f"[project]\nname = {json.dumps(self.name)}\nversion = {json.dumps(self.version)}\n"
            f"[project.scripts]\n{scripts}[tool.setuptools]\npackages = {json.dumps(packages)}\n"
        )


def _entry(path: str, data: bytes) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, _DATE)
    executable = data.startswith((b"\x7fELF", b"#!")) and ".so" not in path
    entry.external_attr = (_PROGRAM if executable else _FILE) << 16
    return entry


def _digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
