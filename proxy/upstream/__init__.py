"""The way to the servers behind the proxy: connections, time limits, cancellation, and what failures mean.

A request is sent again only when a pooled connection turned out to be stale before a byte was answered."""

from proxy.upstream.answer import Answer
from proxy.upstream.server import Timeouts, Upstream

__all__ = ["Answer", "Timeouts", "Upstream"]
