"""The servers that are compared, each started for one run and stopped after it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from multiprocessing import get_context
from pathlib import Path

from bench.proxy_overhead import engine
from bench.proxy_overhead.dialects import OLLAMA, OPENAI
from bench.proxy_overhead.load import Target

LITELLM = "1.106.2"

_READY_SECONDS = 120.0
_STOP_SECONDS = 10.0
_LITELLM_ENVIRON = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
}

_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream engine {{ server 127.0.0.1:{engine}; keepalive 256; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""

_LITELLM = """
model_list:
  - model_name: {model}
    litellm_params: {{model: hosted_vllm/{model}, api_base: "http://127.0.0.1:{engine}/v1", api_key: none}}
litellm_settings: {{telemetry: false}}
"""


class UnreadyError(Exception):
    """One line on what is missing here, or does not start."""


@contextmanager
def an_engine(interval: float) -> Iterator[Target]:
    """A fake engine with so many seconds between two tokens; asking it is the way without a proxy."""
    context = get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=engine.serve, args=(theirs, interval), daemon=True)
    process.start()
    try:
        yield Target(mine.recv(), OPENAI, process.pid or 0)
    finally:
        process.kill()
        process.join()


@contextmanager
def our_proxy(folder: Path, behind: Target) -> Iterator[Target]:
    port = _free_port()
    argv = [sys.executable, "-m", "proxy", f"--listen=127.0.0.1:{port}", f"--models={folder}"]
    with _running([*argv, f"--engine=http://127.0.0.1:{behind.port}"], folder, port, "/health") as pid:
        yield Target(port, OLLAMA, pid)


@contextmanager
def nginx(folder: Path, behind: Target) -> Iterator[Target]:
    if shutil.which("nginx") is None:
        raise UnreadyError("nginx is not on PATH: Debian has it as the package nginx-light")
    port = _free_port()
    settings = folder / "nginx.conf"
    settings.write_text(_NGINX.format(folder=folder, engine=behind.port, port=port))
    argv = ["nginx", "-p", os.fspath(folder), "-c", os.fspath(settings), "-e", "stderr"]
    with _running(argv, folder, port, "/v1/models") as pid:
        yield Target(port, OPENAI, pid)


@contextmanager
def litellm(folder: Path, cache: Path, behind: Target) -> Iterator[Target]:
    port = _free_port()
    settings = folder / "litellm.yaml"
    settings.write_text(_LITELLM.format(model=engine.MODEL, engine=behind.port))
    argv = [_litellm(cache), f"--config={settings}", "--host=127.0.0.1", f"--port={port}", "--num_workers=1"]
    with _running(argv, folder, port, "/health/liveliness", _LITELLM_ENVIRON) as pid:
        yield Target(port, OPENAI, pid)


def _litellm(cache: Path) -> str:
    """Its program, in an environment of its own that stays in the cache."""
    home = cache / f"litellm-{LITELLM}"
    marker = home / "complete"
    if not marker.exists():
        venv.create(home, with_pip=True, clear=True)
        pip = os.fspath(home / "bin" / "pip")
        subprocess.run([pip, "install", "--quiet", f"litellm[proxy]=={LITELLM}"], check=True)
        marker.touch()
    return os.fspath(home / "bin" / "litellm")


@contextmanager
def _running(
    argv: Sequence[str], folder: Path, port: int, path: str, environ: Mapping[str, str] | None = None
) -> Iterator[int]:
    """The process, once it answers well at this path."""
    log = folder / f"{Path(argv[0]).name}-{port}.log"
    with (
        log.open("wb") as written,
        subprocess.Popen(argv, env=os.environ | (environ or {}), stdout=written, stderr=written) as process,
    ):
        try:
            _wait(process, port, path, log)
            yield process.pid
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(port, path):
            return
        time.sleep(0.1)
    raise UnreadyError(f"{process.args!r} does not answer: {log.read_text()[-500:]}")


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
