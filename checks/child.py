"""Running the image's own programs, as whoever will run them."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from checks.subject import Subject

PROBES = Path(__file__).with_name("probes")
_SECONDS = 600


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
) -> str:
    """What one of `probes` says: it is the last line, because what it imports may talk as well."""
    source = (PROBES / f"{name}.py").read_text("utf-8")
    lines = run(subject, [python(subject), "-c", source, *arguments], environ).strip().splitlines()
    if not lines:
        raise Trouble("it says nothing")
    return lines[-1]


def _own(subject: Subject, more: Mapping[str, str]) -> dict[str, str]:
    """The image's variables and more, without what brings this program along: the server must not see it."""
    together = {**subject.environ, **more}
    ours = Path(__file__).parents[1]
    paths = [each for each in together.pop("PYTHONPATH", "").split(":") if each and Path(each) != ours]
    return {**together, **({"PYTHONPATH": ":".join(paths)} if paths else {})}


def _last_words(output: str, status: int) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else f"it ended with status {status}"
