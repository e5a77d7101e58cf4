"""The models on disk: reading what lies there, and writing so that a crash leaves nothing half done."""

from proxy.store.disk import Store

__all__ = ["Store"]
