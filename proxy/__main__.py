"""`python -m proxy`: read the flags, take the port, serve until told to stop."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence

import uvicorn

from proxy.app import App
from proxy.settings import Address, SettingError, parse

# A stream that is still running at shutdown gets this long to end.
_GRACE_SECONDS = 5
# Clients pool their connections, and few of them expect one to be closed soon.
_IDLE_SECONDS = 120


def main(argv: Sequence[str]) -> int:
    try:
        settings = parse(argv, os.environ)
    except SettingError as bad:
        print(f"error: {bad}", file=sys.stderr)
        return 2
    try:
        listener = open_listener(settings.listen)
    except OSError as error:
        print(f"error: cannot listen on {settings.listen}: {_reason(error)}", file=sys.stderr)
        return 1
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    served = Address(*listener.getsockname()[:2])
    logging.getLogger("proxy").info("serving on %s, engine %s", served, settings.engine)
    _stop_quietly_on_signals()
    uvicorn.Server(server_config(App(settings))).run(sockets=[listener])
    return 0


def server_config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=_IDLE_SECONDS,
    )


def open_listener(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.create_server((address.host, address.port), family=family, backlog=2048)
    listener.setblocking(False)
    return listener


def _reason(error: OSError) -> str:
    """The system's own words, without what Python adds to them."""
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or str(error)


def _stop_quietly_on_signals() -> None:
    """The server raises the signal again once it has stopped; a stop that was asked for is no failure."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
