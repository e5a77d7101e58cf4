"""The command line as a person meets it: verbs, defaults, and what errors look like."""

import argparse
import errno
import importlib
import inspect
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from builder import cli
from builder.console import Console
from builder.errors import BuildError
from builder.paths import ROOT, TARGETS
from builder.targets.images import ExtraName, Route

Handler = Callable[[argparse.Namespace, Console], int]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[argparse.Namespace]:
    """What some verbs are called with, in place of their work."""
    calls: list[argparse.Namespace] = []

    def record(args: argparse.Namespace, _console: Console) -> int:
        calls.append(args)
        return 0

    for handler in (
        "builder.pipeline.run_build",
        "builder.testing.run_test",
        "builder.targets.show.run_targets",
        "builder.stack.run_down",
        "builder.stack.run_status",
    ):
        monkeypatch.setattr(handler, record)
    return calls


@pytest.fixture
def crash_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cli, "_CRASH_LOG", tmp_path / "crash.log")
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    return tmp_path / "crash.log"


def _fails_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(_args: argparse.Namespace, _console: Console) -> int:
        raise error

    monkeypatch.setattr("builder.targets.show.run_targets", fail)


@pytest.mark.parametrize("argv", [[], ["--target", "cpu"], ["build", "--target", "cpu"], ["--yes"]])
def test_no_verb_means_build(argv: list[str], seen: list[argparse.Namespace]) -> None:
    assert cli.main(argv) == 0
    assert seen[0].target == "cpu"


def test_images_may_be_repeated(seen: list[argparse.Namespace]) -> None:
    cli.main(["--image", "proxy", "--image", "vllm", "--no-cache"])
    assert seen[0].image == ["proxy", "vllm"]
    assert seen[0].no_cache
    assert not seen[0].refresh


def test_without_a_target_the_first_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[argparse.Namespace]
) -> None:
    text = TARGETS.read_text(encoding="utf-8")
    renamed = tmp_path / "targets.yaml"
    renamed.write_text(text.replace("\ntargets:\n  cpu:\n", "\ntargets:\n  first:\n", 1), encoding="utf-8")
    monkeypatch.setattr(cli, "TARGETS", renamed)
    assert cli.main(["build"]) == 0
    assert seen[0].target == "first"


def test_cuda_is_a_target_only_where_a_gpu_says_which(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seen: list[argparse.Namespace],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["build", "--target", "cuda"]) == 2
    assert "sm_75, sm_80" in capsys.readouterr().err
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 8.9\n", encoding="utf-8")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert cli.main(["build", "--target", "cuda"]) == 0
    assert seen[0].target == "sm_89"
    assert cli.main(["build", "--target", "CUDA"]) == 0
    assert seen[1].target == "sm_89"


@pytest.mark.parametrize("argv", [["down"], ["down", "--volumes"], ["status"]])
def test_what_runs_can_be_seen_and_stopped_without_targets_yaml(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[argparse.Namespace]
) -> None:
    monkeypatch.setattr(cli, "TARGETS", tmp_path / "broken.yaml")
    assert cli.main(argv) == 0
    assert len(seen) == 1


def test_pytest_gets_what_the_test_verb_does_not_know(seen: list[argparse.Namespace]) -> None:
    cli.main(["test", "--quick", "-k", "lock and not slow", "-x", "tests/builder"])
    assert seen[0].quick
    assert seen[0].rest == ["-k", "lock and not slow", "-x", "tests/builder"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["biuld"], "did you mean build?"),
        (["cpu"], "there is no verb 'cpu'\nhint:  did you mean --target cpu? verbs are"),
        (
            ["build", "gfx1100-gfx1201"],
            "does not take 'gfx1100-gfx1201'\nhint:  did you mean --target gfx1100",
        ),
        (["targets", "--jsno"], "does not take '--jsno'"),
        (["down", "--vol"], "does not take '--vol'"),
        (["down", "--target", "cpu"], "does not take '--target cpu'"),
        (["status", "--target", "cpu"], "does not take '--target cpu'"),
        (["render", "--out", "x"], "--target"),
        (["verify", "--target", "cpu"], "IMAGE"),
        (["report"], "IMAGE"),
        (["up", "--port", "0"], "'0' is not a port"),
        (["up", "--port", "http"], "'http' is not a port"),
        (["up", "--port", "65536"], "'65536' is not a port"),
        (["up", "--port", "-1"], "'-1' is not a port"),
        (["up", "--port"], "--port"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert not out
    assert message in err
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "hint"]


@pytest.mark.parametrize("verb", cli.VERBS, ids=lambda verb: verb.name)
def test_every_verb_has_its_handler_and_gives_it_what_it_reads(verb: cli.Verb) -> None:
    module, _, name = verb.handler.partition(":")
    handler: Handler = getattr(importlib.import_module(module), name)
    flags = [max(argument.flags, key=len) for argument in verb.arguments]
    given = {flag.lstrip("-").replace("-", "_") for flag in flags} | {"yes", "rest", "verb"}
    assert set(re.findall(r"\bargs\.(\w+)", inspect.getsource(handler))) <= given


@pytest.mark.parametrize("verb", cli.VERBS, ids=lambda verb: verb.name)
def test_every_verb_explains_itself(verb: cli.Verb, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([verb.name, "--help"])
    assert end.value.code == 0
    help_text = capsys.readouterr().out
    assert all(flag in help_text for argument in verb.arguments for flag in argument.flags if flag[0] == "-")


def test_a_known_error_shows_evidence_message_and_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fails_with(monkeypatch, BuildError("step 3 failed", hint="look there", evidence=["line 1", "line 2"]))
    assert cli.main(["targets"]) == 1
    assert capsys.readouterr().err == "  line 1\n  line 2\nerror: step 3 failed\nhint:  look there\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_what_the_system_refuses_is_no_defect(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> int:
        raise OSError(number, os.strerror(number), "/somewhere/bundle")

    monkeypatch.setattr("builder.targets.show.run_targets", refused)
    assert cli.main(["targets"]) == 1
    message, hint = capsys.readouterr().err.splitlines()
    assert message == f"error: {os.strerror(number)}: /somewhere/bundle"
    assert hint.startswith("hint:  ")


def test_a_folder_that_may_not_be_read_is_not_called_one_to_write(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fails_with(monkeypatch, PermissionError(errno.EACCES, "Permission denied", "/wheels"))
    assert cli.main(["targets"]) == 1
    assert "read or write" in capsys.readouterr().err


def _refused(status: int, words: str) -> Exception:
    """What Docker's SDK makes of an engine's refusal."""
    import requests
    from docker.errors import APIError

    response = requests.Response()
    response.status_code, response.reason, response.url = status, "Refused", "http+docker://localhost/x"
    return APIError(f"{status} Refused", response=response, explanation=words)


def _gone() -> Exception:
    """What Docker's SDK raises where nothing answers any more."""
    import docker
    import requests

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = docker.DockerClient(base_url=f"tcp://127.0.0.1:{taken.getsockname()[1]}", version="1.41")
        with pytest.raises(requests.exceptions.ConnectionError) as caught:
            client.containers.list()
    client.close()
    return caught.value


def _late() -> Exception:
    import requests

    return requests.exceptions.ReadTimeout("read timed out")


def _cut_off() -> Exception:
    import urllib3

    return urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead(0 bytes read)")


def _nameless() -> Exception:
    from docker.errors import NullResource

    return NullResource("Resource ID was not provided")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _refused(409, "the name is\nin use"), "the container engine refuses: the name is in use"),
        (lambda: _refused(500, "disk on fire"), "the container engine refuses: disk on fire"),
        (_gone, "the container engine went away in mid-run"),
        (_cut_off, "the container engine went away in mid-run"),
        (_late, "the container engine does not answer any more"),
        (_nameless, "the container engine cannot be used: Resource ID was not provided"),
    ],
)
def test_an_engine_that_refuses_or_goes_away_is_no_defect(
    make: Callable[[], Exception],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    crash_log: Path,
) -> None:
    _fails_with(monkeypatch, make())
    assert cli.main(["targets"]) == 1
    first, hint = capsys.readouterr().err.splitlines()
    assert first == f"error: {message}"
    assert hint.startswith("hint:  ")
    assert not crash_log.exists()


def test_a_defect_is_one_line_and_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], crash_log: Path
) -> None:
    _fails_with(monkeypatch, ValueError("first\nsecond"))
    assert cli.main(["targets"]) == 1
    err = capsys.readouterr().err
    assert err.splitlines() == [
        "error: unexpected ValueError: first",
        "hint:  this is a defect; the traceback is in crash.log",
    ]
    assert "Traceback" in crash_log.read_text(encoding="utf-8")


def test_debugging_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], crash_log: Path
) -> None:
    monkeypatch.setenv("GFXPACK_DEBUG", "1")
    _fails_with(monkeypatch, ValueError("x"))
    assert cli.main(["targets"]) == 1
    assert "Traceback" in capsys.readouterr().err
    assert crash_log.exists()


def test_a_log_that_cannot_be_written_does_not_hide_the_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(cli, "_CRASH_LOG", tmp_path / "no-such-folder" / "crash.log")
    _fails_with(monkeypatch, ValueError("x"))
    assert cli.main(["targets"]) == 1
    assert "unexpected ValueError: x" in capsys.readouterr().err


def test_another_pipe_that_breaks_is_a_defect(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], crash_log: Path
) -> None:
    _fails_with(monkeypatch, BrokenPipeError(32, "Broken pipe"))
    assert cli.main(["targets"]) == 1
    assert "unexpected BrokenPipeError" in capfd.readouterr().err
    assert crash_log.exists()


def _start(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    code = (
        "import sys; sys.stdin.read(); from builder.cli import main; sys.exit(main(['targets', '--schema']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141


@pytest.mark.parametrize(
    ("closed", "argv", "code"),
    [
        (">&-", ["targets"], 0),
        (">&-", ["--help"], 0),
        (">&-", ["nonsense"], 2),
        ("2>&-", ["nonsense"], 2),
        ("<&- >&- 2>&-", ["targets"], 0),
    ],
)
def test_a_stream_that_is_closed_is_no_defect(closed: str, argv: list[str], code: int) -> None:
    python = f"import sys; from builder.cli import main; sys.exit(main({argv!r}))"
    shell = ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, python]
    done = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert not done.stdout
    assert [line.split(":")[0] for line in done.stderr.splitlines()] in ([], ["error", "hint"])


def test_ctrl_c_is_one_line_and_130() -> None:
    code = (
        "import signal, sys\n"
        "from builder import cli\n"
        "from builder.targets import show\n"
        "def wait(args, console):\n"
        "    console.line('waiting')\n"
        "    signal.pause()\n"
        "show.run_targets = wait\n"
        "sys.exit(cli.main(['targets']))\n"
    )
    with _start(code) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "interrupted\n"
        assert process.wait() == 130


def test_the_command_line_offers_what_targets_can_have() -> None:
    """It may not import the models, which take long to load."""
    offered = {
        argument.flags[0]: argument.options.get("choices", ())
        for verb in cli.VERBS
        for argument in verb.arguments
    }
    assert set(offered["--route"]) == set(get_args(Route))
    assert set(offered["--with"]) == set(get_args(ExtraName))


def test_starting_up_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from builder import cli, environment\n"
        "try:\n    cli.main(['--version'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'pydantic', 'yaml', 'docker', 'jinja2', 'httpx', 'requests'} & set(sys.modules)))\n"
    )
    with _start(code) as process:
        assert process.communicate()[0].splitlines() == ["gfxpack 0.1.0", "[]"]
