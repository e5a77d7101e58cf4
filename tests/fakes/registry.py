"""A container registry on loopback: the distribution's own server, run from its package, not installed."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

_PACKAGE = "docker-registry"
_CONFIG = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {data}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
_START_ATTEMPTS = 2000


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Its address, which the engine takes as it is: it trusts what runs on loopback."""
    port = _free_port()
    config = folder / "config.yml"
    config.write_text(_CONFIG.format(data=folder / "data", port=port), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([_program(folder), "serve", config], stdout=log, stderr=log)
    try:
        _await_answer(f"http://127.0.0.1:{port}/v2/", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _program(folder: Path) -> str:
    installed = shutil.which(_PACKAGE)
    if installed:
        return installed
    subprocess.run(["apt-get", "download", _PACKAGE], cwd=folder, check=True, capture_output=True)
    package = next(folder.glob(f"{_PACKAGE}_*.deb"))
    subprocess.run(["dpkg-deb", "--extract", package, folder / "root"], check=True)
    return os.fspath(folder / "root/usr/bin" / _PACKAGE)


def _await_answer(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(_START_ATTEMPTS):
        assert process.poll() is None, "the registry ended at once"
        try:
            httpx.get(url, timeout=5).raise_for_status()
        except httpx.TransportError:
            continue
        return
    raise AssertionError("the registry does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
