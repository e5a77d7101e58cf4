"""What holds for every test: which stack it works on, and that no test is skipped unseen."""

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

os.environ["GFXPACK_STACK"] = "gfxpack-test"
"""Before anything of the driver is imported: the stack that a person runs here is left alone."""

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A shell's background jobs ignore Ctrl-C, and so would every program that a test starts there."""

settings.register_profile("gfxpack", database=None, deadline=None)
settings.load_profile("gfxpack")

SKIPS_THAT_MAY_BE: dict[str, str] = {}
"""Node id of a test (or the start of one) -> why a run may go without it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-skips", action="store_true", help="a skipped test fails")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report, collector.config)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport, config: pytest.Config) -> None:
    if not (config.getoption("--fail-skips") and report.outcome == "skipped") or hasattr(report, "wasxfail"):
        return
    if any(report.nodeid.startswith(known) for known in SKIPS_THAT_MAY_BE):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = (
        f"{reason}\nA skip counts as a failure here (--fail-skips); tests/conftest.py lists exceptions."
    )
