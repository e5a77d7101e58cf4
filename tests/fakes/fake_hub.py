"""A model hub that serves one folder, as huggingface_hub asks for it. It is a fake: for faults and for places
without a hub. `refuse` makes it answer that the model is private."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    def __init__(self, model: str, folder: Path) -> None:
        self.model = model
        self.folder = folder
        self.refuse = False
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
            "tags": [],
            "siblings": [{"rfilename": name} for name in names],
        }

    def tree(self) -> list[dict[str, object]]:
        return [
            {
                "type": "file",
                "path": path.relative_to(self.folder).as_posix(),
                "size": path.stat().st_size,
                "oid": _etag(path),
            }
            for path in self.files()
        ]


def _etag(path: Path) -> str:
    return hashlib.sha1(str(path.stat().st_size).encode() + path.name.encode()).hexdigest()  # noqa: S324


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
        if hub.refuse:
            self._refuse(HTTPStatus.UNAUTHORIZED, "")
        elif path.startswith(f"/api/models/{hub.model}/tree/"):
            self._json(hub.tree())
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
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._send(HTTPStatus.OK, content, headers)
            return
        first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self._send(HTTPStatus.PARTIAL_CONTENT, content[first : last + 1], headers)

    def _json(self, document: object) -> None:
        self._send(HTTPStatus.OK, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        self._send(status, b'{"error": "refused"}', {"X-Error-Code": code} if code else {})

    def _send(self, status: HTTPStatus, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def serve(hub: FakeHub, host: str) -> Iterator[FakeHub]:
    server = ThreadingHTTPServer((host, 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://{host}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
