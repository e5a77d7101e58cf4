"""The containers of the stack, as the engine sees them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from builder.engine import Engine
from builder.stack.compose import service_containers
from builder.stack.readiness import ServiceState

if TYPE_CHECKING:
    from docker.models.containers import Container

_LINE_LIMIT = 400


@dataclass(frozen=True)
class Service:
    name: str
    container: "Container"
    earlier_restarts: int = 0

    @property
    def state(self) -> ServiceState:
        self.container.reload()
        state = self.container.attrs["State"]
        return ServiceState(
            status=str(state["Status"]),
            health=str(state.get("Health", {}).get("Status", "")),
            exit_code=int(state["ExitCode"]),
            restarts=int(self.container.attrs["RestartCount"]) - self.earlier_restarts,
        )

    @property
    def image(self) -> str:
        return str(self.container.attrs["Config"]["Image"])

    def last_lines(self, count: int) -> list[str]:
        text = self.container.logs(tail=count).decode("utf-8", "replace")
        return [line.rstrip()[:_LINE_LIMIT] for line in text.splitlines() if line.strip()]

    def memory(self) -> int:
        """Bytes in use, without what the system only caches; 0 while it does not run."""
        figures: Any = self.container.stats(stream=False, one_shot=True)
        usage = figures.get("memory_stats", {})
        cached = usage.get("stats", {}).get("inactive_file", 0)
        return max(int(usage.get("usage", 0)) - int(cached), 0)


def services(engine: Engine) -> dict[str, Service]:
    """The stack's services; restarts are counted from this call on."""
    found = sorted(service_containers().items())
    containers = {name: engine.sdk.containers.get(identity) for name, identity in found}
    return {
        name: Service(name, container, int(container.attrs["RestartCount"]))
        for name, container in containers.items()
    }
