"""What the installed vLLM makes of a target, as JSON: `engine.py '{"args": [...], "env": {...}}'`.

platform   the class that vLLM runs on
chip       what it takes the GPU for
triton     whether it goes with Triton
rejected   arguments that its parser does not take -> what it says
unknown    its environment variables that it does not know -> what it says
"""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

_SERVE = "vllm.entrypoints.cli.serve"
"""It imports the parser from where its release keeps it."""


class Refused(Exception):  # noqa: N818 - what a parser says of an argument
    pass


def refuse(message: str) -> NoReturn:
    raise Refused(message)


def why_not(work: Callable[[], object]) -> str:
    try:
        work()
    except (Exception, SystemExit) as error:
        lines = str(error).strip().splitlines()
        return lines[0] if lines else type(error).__name__
    return ""


def parser() -> ArgumentParser:
    serve = import_module(_SERVE)
    made: ArgumentParser = serve.make_arg_parser(serve.FlexibleArgumentParser(prog="vllm serve"))
    made.error = refuse  # type: ignore[method-assign]
    made.allow_abbrev = False
    return made


def rejected(args: list[str]) -> dict[str, str]:
    made = parser()
    alone = {arg: why_not(partial(take, made, [arg])) for arg in args}
    wrong = {arg: trouble for arg, trouble in alone.items() if trouble}
    together = "" if wrong else why_not(partial(take, made, args))
    return {" ".join(args): together} if together else wrong


def take(made: ArgumentParser, args: list[str]) -> None:
    given = made.parse_args(args)
    backend = getattr(given, "attention_backend", None)
    if backend is not None:  # any text passes the parser; the engine's configuration has the choices
        try:
            import_module("vllm.config").AttentionConfig(backend=backend)
        except (KeyError, ValueError):
            refuse(f"it has no attention backend {backend}")


def unknown(env: dict[str, str]) -> dict[str, str]:
    known = import_module("vllm.envs").environment_variables
    wrong = {}
    for name, value in env.items():
        if not name.startswith("VLLM_"):
            continue
        os.environ[name] = value
        trouble = why_not(known[name]) if name in known else "this vLLM knows no such variable"
        if trouble:
            wrong[name] = trouble
    return wrong


def chip(platform: Any) -> str:  # noqa: ANN401
    if platform.is_rocm():
        return str(import_module("vllm.platforms.rocm")._GCN_ARCH)
    capability = platform.get_device_capability() if platform.is_cuda() else None
    return f"sm_{capability.to_int()}" if capability else ""


def main(asked: dict[str, Any]) -> None:
    platform = import_module("vllm.platforms").current_platform
    answer = {
        "platform": type(platform).__name__,
        "chip": chip(platform),
        "triton": bool(import_module("vllm.triton_utils").HAS_TRITON),
        "rejected": rejected(asked["args"]),
        "unknown": unknown(asked["env"]),
    }
    print("\n" + json.dumps(answer))


main(json.loads(sys.argv[1]))
