"""`build.py up`: build what is missing, start, watch the model load, ask one question."""

import argparse
import errno
import os
import socket
import time
from dataclasses import replace

from builder import paths
from builder.bundle import bundle_folder
from builder.choices import stack_options
from builder.console import Console, Step
from builder.engine import Engine
from builder.engine.install import ensure_engine
from builder.errors import StackError, UsageError
from builder.gpu import Host, require_gpu
from builder.host import require_memory, warn_of_kernel
from builder.pipeline import BuildOptions, build_target
from builder.render import IMAGE_LABEL, EmbeddingsServer, HubModel, StackOptions
from builder.render.stack import require_parting
from builder.sources import Sources
from builder.stack import compose
from builder.stack.ask import ask, first_key
from builder.stack.compose import STACK
from builder.stack.failures import lost
from builder.stack.hub import hub_model
from builder.stack.readiness import activity, judge
from builder.stack.services import Service, services
from builder.targets import Catalog, Choice, Target, chosen, load_catalog

QUESTION = "What is the capital of France?"
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 300
_HUB_PATIENCE_SECONDS = 3600
_LAST_LINES = 60
_HIGHEST_PORT = 65535


def run_up(args: argparse.Namespace, console: Console) -> int:
    options = stack_options(args, lambda: Sources.load().certificate)
    stack = replace(options, name=STACK, port=args.port, model=_hub_model(args.model))
    catalog = chosen(load_catalog(paths.TARGETS), Choice.of(args))
    target = catalog.targets[args.target]
    require_parting(args.target, target, stack.gpus)
    engine = ensure_engine(console, assume_yes=args.yes)
    host = Host(bundle_folder(args.target, stack.name), os.environ)
    require_gpu(engine, args.target, target, stack.gpus, host)
    engine.require_compose()
    require_memory(engine, catalog, target, stack, console)
    warn_of_kernel(engine, target, console)
    _require_port(engine, stack.address, stack.port)
    build_target(Choice.of(args), stack, BuildOptions(assume_yes=args.yes), console)
    _start(engine, console)
    _wait(engine, stack, target, console)
    url = f"http://{_reached(stack)}:{stack.port}"
    model = stack.model.name if stack.model else catalog.models.chat.name
    _introduce(url, model, first_key(stack.keys.path) if stack.keys else "", console)
    _show_next(url, model, stack, catalog, console)
    return 0


def _reached(stack: StackOptions) -> str:
    """Where this machine itself reaches the stack."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(stack.address, stack.place)  # noqa: S104 - compared


def _hub_model(name: str | None) -> HubModel | None:
    return hub_model(name, STACK, os.environ, Sources.load().certificate) if name else None


def _require_port(engine: Engine, address: str, port: int) -> None:
    """The port is free, or the stack itself holds it from an earlier start."""
    proxy = services(engine).get("proxy")
    if proxy and proxy.state.status == "running" and port in (number for _, number in proxy.addresses):
        return
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            return  # a low port, which the engine may open though we may not
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise UsageError(
                    f"--address {address} is none of this machine's", hint="`ip address` shows which it has"
                ) from None
            other = port + 1 if port < _HIGHEST_PORT else port - 1
            raise StackError(
                f"port {port} on {address} is in use (by Ollama, perhaps)",
                hint=f"stop what holds it, or choose another with `--port {other}`",
            ) from None


def _start(engine: Engine, console: Console) -> None:
    with console.step("start the stack"):
        compose.start()
        engine.remove_replaced(IMAGE_LABEL)


def _wait(engine: Engine, stack: StackOptions, target: Target, console: Console) -> None:
    """Until every service is healthy; a service that is lost ends it at once, with its last words."""
    slow = stack.model or target.archs
    patience = target.stack.start_minutes * 60 if slow else _PATIENCE_SECONDS
    with console.step(f"load {stack.model.name if stack.model else 'the models'}") as step:
        present = services(engine)
        while True:
            progress = judge({name: service.state for name, service in present.items()})
            if progress.failed:
                raise _lost(present[progress.failed], progress.reason)
            if progress.ready:
                return
            if step.elapsed > patience:
                raise _lost(present[progress.waiting[0]], f"was not ready within {patience} s")
            _show_activity(present[progress.waiting[0]], step)
            time.sleep(_POLL_SECONDS)


def _show_activity(service: Service, step: Step) -> None:
    lines = service.last_lines(1)
    step.update(f"{service.name}: {activity(lines[-1])}" if lines else service.name)


def _lost(service: Service, reason: str) -> StackError:
    """Its container stays, for its log, but is not started again and again."""
    last_lines = service.last_lines(_LAST_LINES)
    service.container.stop()
    return lost(service.name, reason, last_lines)


def _introduce(url: str, model: str, key: str, console: Console) -> None:
    with console.step(f"ask {model}: {QUESTION}") as step:
        answer = ask(url, model, QUESTION, key, lambda piece: step.update(step.activity + piece))
        step.finish(f"{answer.tokens} tokens, {answer.tokens_per_second:.0f} per second")
    console.line(f"\n  {answer.text}\n")


def _show_next(url: str, model: str, stack: StackOptions, catalog: Catalog, console: Console) -> None:
    console.line(f"The stack is up at {url}. Things to try:\n")
    chat = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    embed = f'{{"model": "{catalog.models.embedding.name}", "input": "some text"}}'
    key = " -H 'Authorization: Bearer KEY'" if stack.keys else ""
    if not stack.keys:  # which Ollama's own command line sends none of
        console.line(f"  OLLAMA_HOST={url} ollama run {model}")
    console.line(f"  curl {url}/api/chat{key} -d '{chat}'")
    if not isinstance(stack.embeddings, EmbeddingsServer):
        console.line(f"  curl {url}/api/embed{key} -d '{embed}'")
    console.line("\n`python build.py status` shows it, `python build.py down` stops it.")
