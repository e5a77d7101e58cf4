"""Running the image's own programs, as whoever will run them."""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from checks.subject import Subject

PROBES = Path(__file__).with_name("probes")
_SECONDS = 600
_ERROR = re.compile(r"[\w.]*(?:Error|Exception)\b")


class Trouble(Exception):  # noqa: N818 - the outcome of a program of the image, not an error of this one
    """Its last words, in one line."""

    def __init__(self, text: str, output: str = "") -> None:
        super().__init__(text)
        self.output = output


def run(subject: Subject, argv: Sequence[str], environ: Mapping[str, str] | None = None) -> str:
    """What it writes to its standard output. Raises Trouble where it fails."""
    uid, gid = subject.expect.uid_gid
    as_other = {"user": uid, "group": gid, "extra_groups": ()} if os.geteuid() == 0 else {}
    try:
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            cwd="/",
            env=_own(subject, environ or {}),
            timeout=_SECONDS,
            **as_other,  # type: ignore[call-overload]
        )
    except OSError as error:
        raise Trouble(f"{argv[0]} does not start: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Trouble(f"{argv[0]} did not end within {_SECONDS} seconds") from None
    if done.returncode:
        output = done.stderr + done.stdout
        raise Trouble(_last_words(done.stderr or done.stdout, done.returncode), output)
    return str(done.stdout)


def python(subject: Subject) -> str:
    return str(subject.venv / "bin/python")


def probe(
    subject: Subject, name: str, arguments: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Any:  # noqa: ANN401 - what it says
    """What one of `probes` says, in a line of JSON; what it imports may talk before and after that."""
    source = (PROBES / f"{name}.py").read_text("utf-8")
    said = run(subject, [python(subject), "-c", source, *arguments], environ)
    answers = [line for line in said.splitlines() if line.startswith(("{", "["))]
    if not answers:
        raise Trouble("it says nothing", said)
    return json.loads(answers[-1])


def _own(subject: Subject, more: Mapping[str, str]) -> dict[str, str]:
    """The image's variables and more, without what brings this program along: the server must not see it."""
    together = {**subject.environ, **more}
    ours = Path(__file__).parents[1]
    paths = [each for each in together.pop("PYTHONPATH", "").split(":") if each and Path(each) != ours]
    return {**together, **({"PYTHONPATH": ":".join(paths)} if paths else {})}


def _last_words(output: str, status: int) -> str:
    """The error that Python ended with; what is said after that is about the end."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    return (errors or lines or [f"it ended with status {status}"])[-1]
