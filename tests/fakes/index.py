"""A fake package index over HTTP or HTTPS: it serves wheels of a folder, asks for a password when told to,
can answer with any status, or not answer at all. It remembers what was asked."""

import base64
import hashlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote


@dataclass
class FakeIndex:
    """Start it with `with`; `url` is what pip would be given. `status` other than 200 is all that it says;
    while `silent` it takes connections and says nothing. Its pages may say something else than hashes."""

    folder: Path
    host: str = "127.0.0.1"
    password: str | None = None
    status: int = 200
    silent: bool = False
    says: str | None = None
    certificate: "Certificate | None" = None
    requests: list[str] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._released = threading.Event()
        self._server = ThreadingHTTPServer((self.host, 0), _handler(self))
        self._server.daemon_threads = True
        if self.certificate is not None:
            self._server.socket = self.certificate.context().wrap_socket(
                self._server.socket, server_side=True
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{self.host}:{self.port}/simple"

    def url_with(self, user: str, password: str) -> str:
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{user}:{password}@{rest}"

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        self.requests.append(path)
        self.asked.set()
        if self.silent:
            self._released.wait()
        if self.status != 200:
            return self.status, b""
        if self.password is not None and not _is_authorised(authorization, self.password):
            return 401, b""
        return self._serve(path.strip("/").split("/"))

    def _serve(self, parts: list[str]) -> tuple[int, bytes]:
        file = self.folder / unquote(parts[-1])
        if parts[0] == "files" and file.is_file():
            return 200, file.read_bytes()
        names = sorted(self.folder.glob(f"{parts[-1].replace('-', '_')}-*"))
        if parts[0] != "simple" or len(parts) != 2 or not names:
            return 404, b""
        links = (f'<a href="/files/{quote(name.name)}{self._said(name)}">{name.name}</a>' for name in names)
        return 200, "<!DOCTYPE html><html><body>{}</body></html>".format("\n".join(links)).encode()

    def _said(self, path: Path) -> str:
        return f"#sha256={_sha256(path)}" if self.says is None else self.says


@dataclass(frozen=True)
class Certificate:
    """A certificate that signs itself, with its key."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, *, host: str = "127.0.0.1", name: str = "fake index") -> "Certificate":
        made = cls(folder / "certificate.pem", folder / "key.pem")
        argv = [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-keyout", str(made.key), "-out", str(made.certificate), "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName=IP:{host}"),
        ]
        subprocess.run(argv, check=True, capture_output=True)
        return made

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


@contextmanager
def closed_port() -> Iterator[str]:
    """The address of an index on a port that nobody listens on, but that nobody else can take either."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/simple"


def _is_authorised(header: str, password: str) -> bool:
    scheme, _, token = header.partition(" ")
    return scheme == "Basic" and base64.b64decode(token).decode().endswith(f":{password}")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _handler(index: FakeIndex) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = index.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="fake"')
            self.send_header("Content-Type", "text/html" if "/files/" not in self.path else "application/zip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: what came in is in `requests`."""

    return Handler
