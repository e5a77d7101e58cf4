"""`python -m proxy`: read the flags, take the port, serve until told to stop."""

import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import uvicorn

from proxy.app import App
from proxy.http.listening import open_listener, server_config
from proxy.settings import Address, SettingError, Settings, parse


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
    _introduce(settings, Address(*listener.getsockname()[:2]))
    _stop_quietly_on_signals()
    app = App(settings)
    # What is there now stays: nobody has to wait while the collector looks through it again.
    gc.freeze()
    _Server(server_config(app)).run(sockets=[listener])
    return 0


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as the server calls it
        """A stop that was asked for is no failure, and who asks twice has to wait no longer than once."""
        self.should_exit = True


def _introduce(settings: Settings, served: Address) -> None:
    log = logging.getLogger("proxy")
    log.info("serving on %s, engine %s, models in %s", served, settings.engine, settings.models)
    if settings.unused:
        log.info("not used here: %s", ", ".join(settings.unused))
    if not (settings.keys or settings.hosts or served.is_loopback):
        log.warning("anyone who reaches %s may call: see --keys", served)


def _reason(error: OSError) -> str:
    """The system's own words, without what Python adds to them."""
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or str(error)


def _stop_quietly_on_signals() -> None:
    """While the server is not there yet to do it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
