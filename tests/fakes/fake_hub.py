"""A model hub that serves one folder, as huggingface_hub asks for it. It is a fake: for faults and for places
without a hub. `refuse` makes it answer that the model is private; `Faults` has more of what hubs do."""

import hashlib
import json
import re
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Faults:
    """What goes wrong with the answers to come."""

    cuts: deque[int] = field(default_factory=deque)
    """After how many bytes the next files break off."""
    resets: bool = False
    """They do it without a word, as a server that is killed does."""
    wrong: bool = False
    """Large files have another content of the same length."""
    short: bool = False
    """Files end early, in good order."""
    long: bool = False
    """Files go on behind their end."""
    ranges: bool = True
    refusal: tuple[HTTPStatus, dict[str, str]] | None = None
    """What every question is answered with."""
    garbage: bytes | None = None
    """What listings are, in place of JSON."""
    elsewhere: str = ""
    """The server that large files are fetched from."""
    gate: threading.Event | None = None
    """Large files stop in the middle until it is set."""


class FakeHub:
    def __init__(self, model: str, folder: Path) -> None:
        self.model = model
        self.folder = folder
        self.refuse = False
        self.license = ""
        self.faults = Faults()
        self.authorizations: list[str] = []
        self.requests: list[str] = []
        self.url = ""

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def info(self) -> dict[str, object]:
        names = [path.relative_to(self.folder).as_posix() for path in self.files()]
        return {
            "id": self.model,
            "modelId": self.model,
            "sha": COMMIT,
            "private": False,
            "gated": False,
            "tags": [f"license:{self.license}"] if self.license else [],
            "siblings": [{"rfilename": name} for name in names],
        }

    def tree(self) -> list[dict[str, object]]:
        return [self._item(path) for path in self.files()]

    def _item(self, path: Path) -> dict[str, object]:
        name, size = path.relative_to(self.folder).as_posix(), path.stat().st_size
        item: dict[str, object] = {"type": "file", "path": name, "size": size, "oid": _etag(path)}
        large = {"oid": _sums(path, path.stat().st_mtime_ns)[0], "size": size, "pointerSize": 134}
        return item | ({"lfs": large} if is_large(path) else {})


def is_large(path: Path) -> bool:
    return path.suffix == ".safetensors"


def _etag(path: Path) -> str:
    """Git's own name for it."""
    return _sums(path, path.stat().st_mtime_ns)[1]


@cache
def _sums(path: Path, _changed: int) -> tuple[str, str]:
    content = path.read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324
    return hashlib.sha256(content).hexdigest(), git


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Requests are kept, not printed."""

    def _answer(self) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.requests.append(" ".join([self.command, path, self.headers.get("Range", "")]).strip())
        hub.authorizations.append(self.headers.get("Authorization", ""))
        if hub.refuse:
            self._refuse(HTTPStatus.UNAUTHORIZED, "")
        elif hub.faults.refusal is not None:
            status, headers = hub.faults.refusal
            self._send(status, b"", headers)
        elif path.startswith(f"/api/models/{hub.model}/tree/"):
            self._json(hub.tree())
        elif "/revision/" in path and path.rpartition("/")[2] not in ("main", COMMIT):
            self._refuse(HTTPStatus.NOT_FOUND, "RevisionNotFound")
        elif path.startswith(f"/api/models/{hub.model}"):
            self._json(hub.info())
        elif path.startswith(f"/{hub.model}/resolve/"):
            self._file(hub.folder / path.split("/", 5)[5])
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "RepoNotFound")

    def _file(self, path: Path) -> None:
        if path not in self.hub.files():
            self._refuse(HTTPStatus.NOT_FOUND, "EntryNotFound")
            return
        content = path.read_bytes()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{_etag(path)}"', "Accept-Ranges": "bytes"}
        faults = self.hub.faults
        if faults.elsewhere and is_large(path):
            self._send(HTTPStatus.FOUND, b"", {"Location": faults.elsewhere + self.path})
            return
        if faults.wrong and is_large(path):
            content = bytes(byte ^ 1 for byte in content)
        if faults.short:
            content = content[:-1]
        if faults.long:
            content += bytes(1024 * 1024)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None or not faults.ranges:
            self._send(HTTPStatus.OK, content, headers)
            return
        first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        if first >= len(content):
            self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", {})
            return
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self._send(HTTPStatus.PARTIAL_CONTENT, content[first : last + 1], headers)

    def _json(self, document: object) -> None:
        told = json.dumps(document).encode() if self.hub.faults.garbage is None else self.hub.faults.garbage
        self._send(HTTPStatus.OK, told, {"Content-Type": "application/json"})

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        self._send(status, b'{"error": "refused"}', {"X-Error-Code": code} if code else {})

    def _send(self, status: HTTPStatus, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._write(content, is_file="ETag" in headers)

    def _write(self, content: bytes, *, is_file: bool) -> None:
        faults = self.hub.faults
        if is_file and faults.cuts:
            self.wfile.write(content[: faults.cuts.popleft()])
            self.close_connection = True
            if faults.resets:
                self.wfile.flush()
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            return
        if is_file and faults.gate is not None and is_large(Path(urlsplit(self.path).path)):
            middle = len(content) // 2
            self.wfile.write(content[:middle])
            self.wfile.flush()
            faults.gate.wait()
            content = content[middle:]
        with suppress(ConnectionError):
            self.wfile.write(content)


@contextmanager
def serve(hub: FakeHub, host: str) -> Iterator[FakeHub]:
    server = ThreadingHTTPServer((host, 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://{host}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
