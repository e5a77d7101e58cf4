"""Tiny wheels and folder indexes, so that real pip and real uv have something to resolve and install."""

import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path


def make_wheel(
    folder: Path, name: str, version: str = "1.0", requires: Sequence[str] = (), tag: str = "py3-none-any"
) -> str:
    """Put a wheel into `folder`; its sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{name}.py": f"VERSION = {version!r}\n\n\ndef main():\n    return 0\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-tool = {name}:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    (folder / f"{name}-{version}-{tag}.whl").write_bytes(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


class FolderIndex:
    """A package index on disk, as `pip download` and a page per project would make it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def url(self) -> str:
        return f"{self._root.as_uri()}/simple"

    def add(
        self, name: str, version: str = "1.0", requires: Sequence[str] = (), tag: str = "py3-none-any"
    ) -> str:
        digest = make_wheel(self._root / "files", name, version, requires, tag)
        file = f"{name}-{version}-{tag}.whl"
        page = self._root / "simple" / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        links = page.read_text(encoding="utf-8") if page.exists() else ""
        page.write_text(f'{links}<a href="../../files/{file}#sha256={digest}">{file}</a>\n', encoding="utf-8")
        return digest

    def add_source(self, name: str, version: str = "1.0") -> None:
        page = self._root / "simple" / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        file = f"{name}-{version}.tar.gz"
        page.write_text(f'<a href="../../files/{file}#sha256={"0" * 64}">{file}</a>\n', encoding="utf-8")
