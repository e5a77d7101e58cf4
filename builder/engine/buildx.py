"""Building images: one `docker buildx build` each, as a subprocess that can be watched and stopped."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from builder.console import Console, Step, seconds
from builder.engine import context as docker_context
from builder.engine.failures import explain
from builder.engine.process import stream
from builder.engine.progress import Progress, Vertex
from builder.errors import BuildError, EngineError
from builder.sources import PROXIES

PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Build arguments that every Dockerfile knows: they reach each step and leave no trace in the image."""

_CHECK_SECONDS = 120


@dataclass(frozen=True)
class BuildResult:
    """What a build left: the image's id ("" when it went to an output folder), and how it went."""

    image_id: str
    steps: int
    cached: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """A rule of BuildKit's linter that a Dockerfile breaks."""

    rule: str
    line: int
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.rule}: {self.detail}"


def build(
    context: Path,
    tag: str,
    *,
    console: Console,
    secrets: Mapping[str, Path] | None = None,
    contexts: Mapping[str, str | Path] | None = None,
    build_args: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    target: str | None = None,
    output: str | None = None,
    no_cache: bool = False,
    title: str | None = None,
) -> BuildResult:
    """Build `context` (a folder with a Dockerfile) as `tag`; raises BuildError with the step that failed.

    `output` (buildx's own syntax, as `type=local,dest=DIR`) sends the result there instead of to the engine.
    Of `secrets`, the file `proxies` is none for BuildKit: its NAME=VALUE lines become build arguments.
    """
    title = title or f"build {tag}"
    handed = dict(secrets or {})
    environment = _environment(handed.pop(PROXIES, None))
    with _metadata_file() as metadata, console.step(title) as step:
        argv = [
            *("docker", "buildx", "build", *_builder(), "--progress", "rawjson", "--provenance=false"),
            *("--metadata-file", str(metadata)),
            *(("--output", output) if output else ("--load", "--tag", tag)),
            *_pairs("--secret", {name: f"src={path}" for name, path in handed.items()}, "id={},{}"),
            *_pairs("--build-context", contexts or {}),
            *_pairs("--build-arg", build_args or {}),
            *_proxy_arguments(environment),
            *_pairs("--label", labels or {}),
            *(("--target", target) if target else ()),
            *(("--no-cache",) if no_cache else ()),
            str(context),
        ]
        progress = Progress()
        status = _watch(argv, environment, progress, step, console)
        if status != 0:
            raise explain(title, progress, status)
        step.finish(progress.summary)
        steps = progress.steps
        return BuildResult(
            image_id=_image_id(metadata),
            steps=len(steps),
            cached=sum(each.cached for each in steps),
            warnings=tuple(progress.warnings),
        )


def check(context: Path, *, contexts: Mapping[str, str | Path] | None = None) -> list[Finding]:
    """Lint the Dockerfile in `context` with BuildKit's own rules (`docker buildx build --check`)."""
    options = _pairs("--build-context", contexts or {})
    argv = ["docker", "buildx", "build", *_builder(), "--call", "check,format=json", *options, str(context)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False)
    except FileNotFoundError:
        raise _no_docker() from None
    except subprocess.TimeoutExpired:
        raise BuildError(f"the check of {context} did not end within {_CHECK_SECONDS} s") from None
    try:
        report = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip() or "no output").splitlines()[-1]
        raise BuildError(
            f"the Dockerfile in {context} could not be checked: {last}",
            hint="`docker buildx build --check` needs buildx 0.15 or newer",
        ) from None
    return _findings(report)


def _findings(report: Mapping[str, Any]) -> list[Finding]:
    found = [(each["ruleName"], each) for each in report.get("warnings") or ()]
    if error := report.get("buildError"):
        found.append(("BuildError", error))
    findings = []
    for rule, entry in found:
        ranges = (entry.get("location") or {}).get("ranges") or [{"start": {"line": 0}}]
        detail = str(entry.get("detail") or entry.get("message") or "")
        findings.append(Finding(str(rule), int(ranges[0]["start"]["line"]), detail))
    return sorted(findings, key=lambda finding: (finding.line, finding.rule))


def _watch(
    argv: Sequence[str], environment: Mapping[str, str], progress: Progress, step: Step, console: Console
) -> int:
    """Run buildx and show it: on a terminal the line that moves, elsewhere one line per finished step."""
    step.update(lambda: progress.activity(datetime.now(UTC)))

    def on_line(line: str) -> None:
        for finished in progress.feed(line):
            if not console.live:
                step.log(_finished_line(finished))

    try:
        return stream(argv, on_line, env=environment)
    except FileNotFoundError:
        raise _no_docker() from None


def _finished_line(vertex: Vertex) -> str:
    took = "cached" if vertex.cached else seconds(vertex.seconds)
    return "  ".join(part for part in (str(vertex.name), took, vertex.amount) if part)


def _pairs(option: str, values: Mapping[str, object], form: str = "{}={}") -> list[str]:
    """`--option key=value` for each, in a settled order."""
    return [word for key in sorted(values) for word in (option, form.format(key, values[key]))]


def _builder() -> tuple[str, str]:
    """The builder of the engine that `connect` reaches: buildx has one under each context's name."""
    return "--builder", docker_context.name()


def _environment(proxies: Path | None) -> dict[str, str]:
    """What buildx sees. Proxies of a build alone must not stand between buildx and a remote engine."""
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", "DOCKER_CLI_HINTS": "false"}
    if proxies is not None:
        lines = proxies.read_text(encoding="utf-8").splitlines()
        environment |= {name: value for name, _, value in (line.partition("=") for line in lines)}
        exempt = [environment.get("no_proxy", ""), docker_context.remote_host()]
        environment["no_proxy"] = ",".join(host for host in exempt if host)
    return environment


def _proxy_arguments(environment: Mapping[str, str]) -> list[str]:
    """Proxies by name alone: buildx reads their values, which may hold a password, from the environment."""
    return [word for name in PROXY_VARIABLES if environment.get(name) for word in ("--build-arg", name)]


@contextmanager
def _metadata_file() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gfxpack-build-") as folder:
        yield Path(folder) / "metadata.json"


def _image_id(metadata: Path) -> str:
    try:
        facts = json.loads(metadata.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return ""
    return str(facts.get("containerimage.digest") or facts.get("containerimage.config.digest") or "")


def _no_docker() -> EngineError:
    return EngineError(
        "there is no docker command on PATH",
        hint="install the distribution's docker packages: docker.io, docker-cli, docker-buildx",
    )
