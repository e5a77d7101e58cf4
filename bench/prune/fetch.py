"""The real libraries, from packages, into a cache folder: by apt and pip as they are configured here."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from builder.sources import apt, pip

_SUITE = "sid"
_HIP = ("librocsparse1", "librocblas4", "librccl1", "librocrand1")
_SYSTEM = ("libc6", "libstdc++6", "libgcc-s1")
_VLLM = "vllm==0.33.0"
_OVERRIDE = "certifi>=2026.1"
"""vLLM's dependencies ask for a newer one than some indexes have; nothing here needs it."""


def hip_libraries(cache: Path) -> list[Path]:
    root = _unpacked(cache, "hip", _HIP)
    return sorted(path for path in root.glob("usr/lib/*/lib*.so.*") if not path.is_symlink())


def hip_system(cache: Path) -> Path:
    """The folder of the C library that those were linked with, which may be newer than this machine's."""
    root = _unpacked(cache, "system", _SYSTEM)
    return next(root.glob("usr/lib/*/libc.so.6")).parent


def _unpacked(cache: Path, name: str, packages: Sequence[str]) -> Path:
    root = cache / name
    if not root.exists():
        unpacked = root.with_suffix(".new")
        for package in _downloaded(cache / "apt", packages):
            subprocess.run(["dpkg-deb", "--extract", package, unpacked], check=True)
            package.unlink()
        unpacked.rename(root)
    return root


def _downloaded(folder: Path, packages: Sequence[str]) -> list[Path]:
    for name in ("lists/partial", "archives/partial", "packages"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    lines = [source.line for source in apt.read().for_suite(_SUITE)]
    (folder / "sources.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "status").touch()
    tool = ["apt-get", "--quiet", *_options(folder)]
    subprocess.run([*tool, "update"], check=True, stdout=sys.stderr)
    subprocess.run([*tool, "download", *packages], cwd=folder / "packages", check=True, stdout=sys.stderr)
    return sorted((folder / "packages").glob("*.deb"))


def _options(folder: Path) -> Iterator[str]:
    """apt's own files stay as they are."""
    settings = {
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder,
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "",
    }
    for name, value in settings.items():
        yield from ("--option", f"{name}={value}")


def site_packages(cache: Path) -> Path:
    environment = cache / "venv"
    mark = environment / "complete"
    if not mark.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        overrides = cache / "overrides.txt"
        overrides.write_text(f"{_OVERRIDE}\n", encoding="utf-8")
        _install(cache, "--python", python(cache), "--override", overrides, _VLLM)
        mark.touch()
    (folder,) = environment.glob("lib/python*/site-packages")
    return folder


def python(cache: Path) -> Path:
    """The interpreter that the site-packages folder belongs to."""
    return cache / "venv" / "bin" / "python"


def cuobjdump(cache: Path) -> Path:
    folder = cache / "cuobjdump"
    if not folder.exists():
        _install(cache, "--python", sys.executable, "--target", folder, "nvidia-cuda-cuobjdump")
    return next(path for path in folder.rglob("bin/cuobjdump"))


def _install(cache: Path, *arguments: str | Path) -> None:
    """By uv, which takes an override; it reads none of pip's settings, so it gets them here."""
    tools = cache / "tools"
    if not tools.exists():
        subprocess.run([sys.executable, "-m", "venv", tools], check=True)
        subprocess.run([tools / "bin" / "pip", "--quiet", "install", "uv"], check=True)
    settings = pip.read()
    indexes = {
        "UV_DEFAULT_INDEX": settings.index or "",
        "UV_INDEX": " ".join([*settings.extra_indexes, *settings.folders]),
        "UV_FIND_LINKS": ",".join(settings.find_links),
        "SSL_CERT_FILE": settings.certificate or os.environ.get("SSL_CERT_FILE", ""),
    }
    command: Sequence[str | Path] = [
        *(tools / "bin" / "uv", "pip", "install", "--no-cache", "--system-certs", "--no-config"),
        *("--index-strategy", "unsafe-best-match"),
        *(word for host in settings.trusted_hosts for word in ("--allow-insecure-host", host)),
        *arguments,
    ]
    environment = os.environ | {name: value for name, value in indexes.items() if value}
    subprocess.run(command, env=environment, check=True, stdout=sys.stderr)
