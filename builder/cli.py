"""The command line: a table of verbs, and what happens to errors."""

import argparse
import difflib
import errno
import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from builder import __version__
from builder.console import Console
from builder.errors import EngineError, GfxpackError, UsageError
from builder.paths import CACHE, ROOT, TARGETS

_DEFAULT_VERB = "build"
_CRASH_LOG = CACHE / "crash.log"
_INTERRUPTED, _READER_GONE = 130, 141
_SYSTEM_HINTS = {
    errno.ENOSPC: "free some disk space there, then start again: nothing is half-written",
    errno.EDQUOT: "your quota there is used up; free some space, then start again",
    errno.EACCES: "your user may not read or write there; give it to your user, or use one of your own",
    errno.EROFS: "the file system there is read-only; work in a copy elsewhere",
}
"""What the system refuses everybody now and then; every other system error is a defect of ours."""

_LOOK_AT_ENGINE = "see with `docker info` whether it runs, start it if not, then run the same command again"
_GONE = ("the container engine went away in mid-run", _LOOK_AT_ENGINE)
_ENGINE_ERRORS = {
    "docker.errors.APIError": (
        "the container engine refuses: {reason}",
        "look with `docker ps --all` and `docker images` at what is there; the engine's own log says more",
    ),
    "docker.errors.DockerException": ("the container engine cannot be used: {reason}", _LOOK_AT_ENGINE),
    "requests.exceptions.Timeout": ("the container engine does not answer any more", _LOOK_AT_ENGINE),
    "requests.exceptions.RequestException": _GONE,
    "urllib3.exceptions.HTTPError": _GONE,
}
"""What Docker's SDK raises, by name: importing it only to ask takes longer than starting up may."""

Handler = Callable[[argparse.Namespace, Console], int]


@dataclass(frozen=True)
class Argument:
    flags: tuple[str, ...]
    options: dict[str, Any]


def _argument(*flags: str, **options: Any) -> Argument:  # noqa: ANN401 - argparse takes what it takes
    return Argument(flags, options)


@dataclass(frozen=True)
class Verb:
    name: str
    help: str
    handler: str
    """`module:function`, imported when the verb runs: starting up must stay quick."""
    arguments: tuple[Argument, ...] = ()
    default_target: bool = False
    """Without --target it means the first one of targets.yaml, which runs everywhere."""
    passes_on: bool = False
    """What it does not know itself lands in `rest`."""
    reads_arguments: bool = False
    """It has a parser of its own: all that follows the verb lands in `rest`."""


_CUDA = "cuda"
_LIKE_A_TARGET = re.compile(rf"gfx[0-9a-f]+(-gfx[0-9a-f]+)?|sm_[0-9]+|cpu|{_CUDA}")
_TARGET_HELP = f"a target of targets.yaml, or {_CUDA} for this machine's own GPU"
_TARGET = _argument("--target", metavar="T", help=_TARGET_HELP)
_REQUIRED_TARGET = _argument("--target", metavar="T", required=True, help=_TARGET_HELP)
_ROUTE = _argument(
    "--route", choices=("wheels", "source"), help="vLLM as its project publishes it, or compiled for the chip"
)
_WITH = _argument(
    "--with",
    dest="extras",
    action="append",
    choices=("jit", "multimodal", "cutedsl"),
    help="what is left out otherwise: nvcc (jit), sound and video (multimodal), CuTe (cutedsl); repeatable",
)
_HOW = (_ROUTE, _WITH)
_YES = _argument("--yes", action="store_true", help="answer every question with yes")
"""For every verb: each may be the first one, which asks before it installs what Python lacks."""

_JSON = _argument("--json", action="store_true", help="print JSON")


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else 0
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return port


def _gpus(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if not 0 < count <= 16:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of GPUs (1 to 16)")
    return count


_STACK = (
    _argument(
        "--embeddings",
        metavar="WHO",
        default="infinity",
        help="who embeds: infinity, vllm (the target's own image), or a server's URL (default: %(default)s)",
    ),
    _argument("--gpus", type=_gpus, default=1, metavar="N", help="GPUs for the chat model (default: 1)"),
    _argument("--keys", metavar="FILE", help="API keys, one in a line; who calls the stack needs one then"),
    _argument(
        "--address",
        metavar="IP",
        default="127.0.0.1",
        help="where the stack listens; beyond this machine only with --keys (default: %(default)s)",
    ),
)

VERBS = (
    Verb(
        "build",
        "build the images of a target, verify and report them",
        "builder.pipeline:run_build",
        (
            _TARGET,
            *_HOW,
            _argument("--image", action="append", metavar="NAME", help="only this image; may be repeated"),
            _argument("--refresh", action="store_true", help="ask the mirror for the base's packages again"),
            _argument("--no-cache", action="store_true", help="run every step again"),
            _argument("--force", action="store_true", help="build though the inputs have not changed"),
            _argument("--rehearse", action="store_true", help="with stand-ins for upstream's packages"),
            *_STACK,
        ),
        default_target=True,
    ),
    Verb(
        "render",
        "write the Dockerfiles and the stack of a target; needs no engine",
        "builder.bundle:run_render",
        (
            _TARGET,
            _argument("--all", action="store_true", help="every target, each in a folder of its name"),
            *_HOW,
            _argument("--out", metavar="DIR", required=True, help="a folder to write"),
            *_STACK,
        ),
    ),
    Verb(
        "targets",
        "show the targets and how far each has been shown to work",
        "builder.targets.show:run_targets",
        (_JSON, _argument("--schema", action="store_true", help="print the JSON schema of targets.yaml")),
    ),
    Verb(
        "up",
        "start the stack, building what is missing, and ask it one question",
        "builder.stack:run_up",
        (
            _TARGET,
            *_HOW,
            _argument("--model", metavar="ORG/NAME", help="a model of the hub in place of the default one"),
            _argument(
                "--port", type=_port, default=11434, help="where the stack listens (default: %(default)s)"
            ),
            *_STACK,
        ),
        default_target=True,
    ),
    Verb(
        "down",
        "stop the stack",
        "builder.stack:run_down",
        (_argument("--volumes", action="store_true", help="remove the models as well"),),
    ),
    Verb("status", "show what runs", "builder.stack:run_status"),
    Verb(
        "verify",
        "check an image against what its target promises",
        "builder.verify:run_verify",
        (_argument("image", metavar="IMAGE"), _REQUIRED_TARGET, *_HOW),
    ),
    Verb(
        "report",
        "show where the bytes of images are",
        "builder.report:run_report",
        (
            _argument("image", metavar="IMAGE", nargs="+"),
            _JSON,
            _argument("--out", metavar="DIR", help="where the page goes"),
        ),
    ),
    Verb(
        "prune",
        "take device code for other chips out of a tree of files",
        "builder.pruning:run_prune",
        reads_arguments=True,
    ),
    Verb(
        "proxy",
        "run the proxy by itself; what else is given goes to it (`-- --help` says what it takes)",
        "builder.gateway:run_proxy",
        passes_on=True,
    ),
    Verb(
        "lock",
        "resolve the pins again and write locks with hashes",
        "builder.locking:run_lock",
        (
            _argument("--target", metavar="T", help="only what goes into this target's stack"),
            _argument("--only", metavar="NAME", help="only this lock"),
        ),
    ),
    Verb(
        "test",
        "run the tests; what else is given goes to pytest",
        "builder.testing:run_test",
        (
            _argument(
                "--quick", action="store_true", help="only what needs no container engine and no network"
            ),
            _argument("--long", action="store_true", help="also what takes many minutes"),
        ),
        passes_on=True,
    ),
)
_VERBS = {verb.name: verb for verb in VERBS}


class _Parser(argparse.ArgumentParser):
    """Wrong usage is an error like every other: one line and a hint."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"see {self.prog} --help")


def main(argv: Sequence[str]) -> int:
    _replace_closed_streams()
    errors = Console.for_stream(sys.stderr)
    try:
        return _run(argv)
    except KeyboardInterrupt:
        errors.line("interrupted")
        return _INTERRUPTED
    except Exception as error:
        return _report(error, errors)


def _replace_closed_streams() -> None:
    """Python has None for a stream that was closed when it started; what goes there is dropped."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode))


def _report(error: Exception, errors: Console) -> int:
    """Tell what went wrong; the exit code that goes with it."""
    known = _as_known(error)
    if known:
        errors.fail(known)
        return known.exit_code
    if isinstance(error, BrokenPipeError) and _reader_is_gone():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    return _crash(error, errors)


def _as_known(error: Exception) -> GfxpackError | None:
    if isinstance(error, GfxpackError):
        return error
    if isinstance(error, OSError) and error.errno in _SYSTEM_HINTS:
        place = f": {error.filename}" if error.filename else ""
        return GfxpackError(f"{error.strerror}{place}", hint=_SYSTEM_HINTS[error.errno])
    return _as_engine_error(error)


def _as_engine_error(error: Exception) -> EngineError | None:
    kinds = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    known = next((_ENGINE_ERRORS[kind] for kind in kinds if kind in _ENGINE_ERRORS), None)
    if known is None:
        return None
    message, hint = known
    reason = " ".join(str(getattr(error, "explanation", None) or error).split())
    return EngineError(message.format(reason=reason), hint=hint)


def _run(argv: Sequence[str]) -> int:
    arguments = _with_verb(argv)
    verb = _VERBS.get(arguments[0])
    parser = _parser()
    if verb is None:
        parser.parse_args(arguments)
        return 0
    if verb.reads_arguments:
        return _load(verb.handler)(argparse.Namespace(rest=arguments[1:]), Console.for_stream(sys.stdout))
    args, rest = parser.parse_known_args(arguments)
    if rest and not verb.passes_on:
        raise UsageError(
            f"build.py {verb.name} does not take {' '.join(rest)!r}",
            hint=f"{_meant_as_target(rest[0])}see build.py {verb.name} --help",
        )
    args.rest = rest
    if verb.default_target and args.target is None:
        args.target = _default_target()
    if (getattr(args, "target", None) or "").lower() == _CUDA:
        args.target = _own_target()
    code = _load(verb.handler)(args, Console.for_stream(sys.stdout))
    sys.stdout.flush()
    return code


def _with_verb(argv: Sequence[str]) -> list[str]:
    """The arguments with a verb or a general option in front."""
    if not argv:
        return [_DEFAULT_VERB]
    first = argv[0]
    if first in _VERBS or first in ("-h", "--help", "--version"):
        return list(argv)
    if first.startswith("-"):
        return [_DEFAULT_VERB, *argv]
    near = difflib.get_close_matches(first, _VERBS, n=1)
    guess = f"did you mean {near[0]}? " if near else _meant_as_target(first)
    raise UsageError(f"there is no verb {first!r}", hint=f"{guess}verbs are {', '.join(_VERBS)}")


def _meant_as_target(word: str) -> str:
    return f"did you mean --target {word}? " if _LIKE_A_TARGET.fullmatch(word) else ""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="build.py",
        description="Container images and deployment bundles of vLLM for one GPU target.",
        epilog="Without a verb, build is meant.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    verbs = parser.add_subparsers(metavar="VERB", dest="verb")
    for verb in VERBS:
        subparser = verbs.add_parser(verb.name, help=verb.help, description=verb.help, allow_abbrev=False)
        for argument in (*verb.arguments, _YES):
            subparser.add_argument(*argument.flags, **argument.options)
    return parser


class _Version(argparse.Action):
    def __call__(self, *_: object, **__: object) -> NoReturn:
        print("gfxpack", __version__)
        raise SystemExit(0)


def _default_target() -> str:
    from builder.targets import load_catalog

    return next(iter(load_catalog(TARGETS).targets))


def _own_target() -> str:
    from builder.targets import load_catalog
    from builder.targets.cuda import own_target

    return own_target(load_catalog(TARGETS))


def _load(handler: str) -> Handler:
    module, _, function = handler.partition(":")
    loaded: Handler = getattr(importlib.import_module(module), function)
    return loaded


def _reader_is_gone() -> bool:
    """Whether it is our own output that nobody reads any more, and not some other pipe."""
    import select

    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _crash(error: Exception, errors: Console) -> int:
    """A defect of ours: one line for the person, the traceback for whoever mends it."""
    import traceback

    text = "".join(traceback.format_exception(error))
    if os.environ.get("GFXPACK_DEBUG") == "1":
        sys.stderr.write(text)
    summary = f"{type(error).__name__}: {error}".splitlines()[0]
    hint = "this is a defect; GFXPACK_DEBUG=1 shows the traceback"
    try:
        CACHE.mkdir(exist_ok=True)
        _CRASH_LOG.write_text(text, encoding="utf-8")
        hint = f"this is a defect; the traceback is in {_CRASH_LOG.relative_to(ROOT)}"
    except OSError:
        pass
    errors.fail(GfxpackError(f"unexpected {summary}", hint=hint))
    return GfxpackError.exit_code
