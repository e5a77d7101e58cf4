"""The services of the stack, as the engine sees their containers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from builder.engine import Engine
from builder.stack.compose import containers
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

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where on this machine it can be reached: host and port."""
        published = self.container.attrs["NetworkSettings"]["Ports"].values()
        bindings = (binding for each in published for binding in each or ())
        return [(str(binding["HostIp"]), int(binding["HostPort"])) for binding in bindings]

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
    """The stack's services by name; restarts are counted from this call on."""
    found = sorted(containers(engine).items())
    for _, container in found:
        container.reload()
    return {name: Service(name, container, int(container.attrs["RestartCount"])) for name, container in found}
