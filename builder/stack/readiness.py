"""Whether a stack that was started is there yet: decided from snapshots, so tests need no engine."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceState:
    """What the engine says of one service's container."""

    status: str
    """created, running, restarting, exited, dead"""
    health: str
    """starting, healthy, unhealthy, or empty where the image has no check"""
    exit_code: int = 0
    restarts: int = 0
    """Since it was started this time."""


@dataclass(frozen=True)
class Progress:
    """`failed` names the service that will not come up; `waiting` those that still may."""

    waiting: tuple[str, ...] = ()
    failed: str = ""
    reason: str = ""

    @property
    def ready(self) -> bool:
        return not self.waiting and not self.failed


def judge(states: Mapping[str, ServiceState]) -> Progress:
    for name, state in states.items():
        reason = _why_lost(state)
        if reason:
            return Progress(failed=name, reason=reason)
    return Progress(waiting=tuple(name for name, state in states.items() if not _is_up(state)))


def _is_up(state: ServiceState) -> bool:
    return state.status == "running" and state.health in ("healthy", "")


def _why_lost(state: ServiceState) -> str:
    """A container that stopped or was restarted while it loaded will do it again."""
    if _is_up(state):
        return ""
    if state.status in ("exited", "dead"):
        return f"stopped with exit code {state.exit_code}"
    if state.status == "restarting" or state.restarts:
        return f"keeps stopping, last with exit code {state.exit_code}"
    if state.health == "unhealthy":
        return "runs but fails its health check"
    return ""


_PREFIXES = re.compile(
    r"^(\(\w+ pid=\d+\)\s*)?"
    r"((DEBUG|INFO|WARNING|ERROR)\s*:?\s+)?"
    r"(\d\d-\d\d \d\d:\d\d:\d\d\s+)?"
    r"(\[[\w./]+:\d+\]\s*)?"
)
_PERCENT = re.compile(r"(?P<what>Loading \w+ checkpoint shards|Capturing [\w ]+):\s+(?P<percent>\d+)% ")


def activity(log_line: str) -> str:
    """What an engine's log line says that it is doing, without time stamps and places in its code."""
    line = log_line.strip()
    loading = _PERCENT.search(line)
    if loading:
        return f"{loading['what']} {loading['percent']}%"
    return _PREFIXES.sub("", line, count=1).strip()
