"""The way to servers far away: TLS, and the proxies of companies."""

import asyncio
import base64
import select
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvloop

from proxy.errors import EngineBrokenError, EngineUnreadyError
from proxy.upstream import Timeouts, Upstream
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.index import Certificate

TIMEOUTS = Timeouts(connect=5.0, silence=5.0, probe=5.0)
USER = "me:pass word"
RUNNERS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
Run = Callable[[Coroutine[Any, Any, object]], object]


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate.make(tmp_path)


@pytest.fixture
def far(certificate: Certificate) -> Iterator[FakeEngine]:
    """An engine behind TLS."""
    engine = FakeEngine()
    engine.tls = certificate.context()
    with engine:
        yield engine


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))


async def ask(url: str, *, times: int = 1, trust_env: bool = False) -> None:
    server = Upstream("engine", url, TIMEOUTS, trust_env=trust_env)
    try:
        for _ in range(times):
            with closing(await server.get("/v1/models", {"x-asked": "yes"})) as answer:
                assert answer.status == 200
                assert b"smollm2" in await answer.whole()
    finally:
        server.close()


@RUNNERS
@pytest.mark.usefixtures("trusted")
def test_over_tls_connections_are_kept_too(run: Run, far: FakeEngine) -> None:
    run(ask(far.url, times=3))
    assert [request.position for request in far.received] == [0, 1, 2]
    assert far.received[0].headers["x-asked"] == "yes"


@RUNNERS
def test_a_certificate_that_nobody_vouches_for(run: Run, far: FakeEngine) -> None:
    with pytest.raises(EngineUnreadyError, match="the engine is not trusted"):
        run(ask(far.url))


@RUNNERS
@pytest.mark.parametrize("path", ["/a b", "/a\r\nx: y", "/a\0", "/ü→"])
def test_a_path_is_one_word(run: Run, engine: FakeEngine, path: str) -> None:
    async def get() -> None:
        server = Upstream("engine", engine.url, TIMEOUTS)
        with closing(server), pytest.raises(EngineBrokenError, match="one line"):
            await server.get(path)

    run(get())
    assert not engine.received


class _Company(ThreadingHTTPServer):
    """A proxy that asks for a password and notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://{USER.replace(' ', '%20')}@127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: _Company
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """To nobody."""

    def do_CONNECT(self) -> None:
        if not self._may_pass():
            return
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as far:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pass_on(self.connection, far)
        self.close_connection = True

    def do_GET(self) -> None:
        if self._may_pass():
            self._say(200, b'{"data": [{"id": "smollm2"}]}')

    def _may_pass(self) -> bool:
        self.server.asked.append(self.requestline)
        allowed = "Basic " + base64.b64encode(USER.encode()).decode()
        if self.headers["proxy-authorization"] == allowed:
            return True
        self._say(407, b"")
        return False

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _pass_on(near: socket.socket, far: socket.socket) -> None:
    other = {near: far, far: near}
    while True:
        readable, _, _ = select.select([near, far], [], [])
        for end in readable:
            data = end.recv(65536)
            if not data:
                return
            other[end].sendall(data)


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Company]:
    with _Company() as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        yield proxy
        proxy.shutdown()
        thread.join()


@RUNNERS
class TestCompanies:
    @pytest.mark.usefixtures("trusted")
    def test_a_tunnel_to_what_speaks_tls(self, run: Run, company: _Company, far: FakeEngine) -> None:
        run(ask(far.url, times=2, trust_env=True))
        assert company.asked == [f"CONNECT 127.0.0.1:{far.port} HTTP/1.1"]
        assert [request.position for request in far.received] == [0, 1]
        assert "proxy-authorization" not in far.received[0].headers

    def test_a_request_for_what_does_not(self, run: Run, company: _Company) -> None:
        run(ask("http://far.example/hub", trust_env=True))
        assert company.asked == ["GET http://far.example/hub/v1/models HTTP/1.1"]

    def test_no_way_without_a_password(
        self, run: Run, company: _Company, far: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("https_proxy", company.url.replace(USER.replace(" ", "%20"), "me:wrong"))
        with pytest.raises(EngineUnreadyError):
            run(ask(far.url, trust_env=True))
        assert not far.received

    def test_none_unless_it_is_wanted(
        self, run: Run, company: _Company, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run(ask(engine.url))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        run(ask(engine.url, trust_env=True))
        assert not company.asked
