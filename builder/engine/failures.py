"""From a build that failed to one line, a hint and the few log lines that matter."""

import re
from itertools import pairwise

from builder.engine.client import MINIMUM_ENGINE
from builder.engine.progress import Progress, Vertex
from builder.errors import BuildError

EVIDENCE_LINES = 15

_NO_NAME = (
    r"lookup \S+ on \S+: |Temporary failure in name resolution|Name or service not known"
    r"|Temporary failure resolving|Could not resolve|NameResolutionError|no such host"
)
_HINTS = (
    (
        r"DO NOT MATCH THE HASHES",
        "a downloaded file is not the one that was locked: an index or a folder holds another build of it; "
        "if the new file is right, write the lock again with `build.py lock`",
    ),
    (
        r"In --require-hashes mode|Hashes are required",
        "a requirement has no hash in the lock; write the lock again with `build.py lock`",
    ),
    (r"no space left on device", "free disk space where the engine keeps its data, then build again"),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|x509: certificate|certificate is NOT trusted",
        "the certificate of a package source is not trusted: name your bundle in pip's configuration "
        "(`cert`) or in SSL_CERT_FILE",
    ),
    (
        r"401 (Client Error|Unauthorized)|403 (Client Error|Forbidden)",
        "a package source refuses the request: check the user name and password in its URL",
    ),
    (
        r"failed to resolve source metadata|pull access denied|failed to do request",
        "the image it stands on is neither here nor in a registry that answers: build the base first",
    ),
    (
        _NO_NAME,
        "a name could not be resolved inside the build: check the network, DNS and proxy of the engine",
    ),
    (
        r"Max retries exceeded|NewConnectionError|ConnectTimeout|ReadTimeout|connection broken"
        r"|Connection refused|Network is unreachable",
        "a package source does not answer: check the network, the proxy and the settings of pip and apt",
    ),
    (
        r"is not a trusted or secure host",
        "pip does not ask an index over plain HTTP: give it a certificate, or name it in pip's trusted-host",
    ),
    (
        r"No matching distribution found for (rocm|amd-|\S+==\S+\+(rocm|git))",
        "the one upstream index that it may come from has no such wheel for the base's Python and C library: "
        "the chip may have no device wheel there, or the index has moved; see `indexes` in targets.yaml",
    ),
    (
        r"No matching distribution found|Could not find a version that satisfies",
        "no configured package source holds this version: check pip's index-url, extra-index-url and "
        "find-links on this machine",
    ),
    (
        r"^error: patch failed: |^error: \S+: patch does not apply",
        "the source is not what a patch was made for: make the patch again for this commit, or take it out "
        "of the target's `patches`",
    ),
    (
        r"refused: (holds )?no code for (gfx|sm_)",
        "the wheels hold no code for this chip there: take wheels that do, build from source, or say in the "
        "target's `pruning` why it may be so",
    ),
    (
        r"NO_PUBKEY|is not signed|EXPKEYSIG",
        "the mirror's signature is not trusted by the image: use a mirror signed by the distribution",
    ),
    (
        r"is not valid yet|is expired \(invalid since|Release file .* expired",
        "the mirror is behind or this machine's clock is wrong: check both",
    ),
    (
        r"E: Version '.+' for '.+' was not found",
        "the mirror has moved on to another version than the lock names: write the lock again with "
        "`build.py lock`, then build again",
    ),
    (
        r"E: (Failed to fetch|Unable to (fetch|locate package)|Some index files|The repository)",
        "a Debian package could not be fetched: check the mirror in this machine's apt sources",
    ),
    (
        r"exit code: 137|signal: killed|Cannot allocate memory|Killed$",
        "the step was killed, most likely for want of memory: free some, or build on a larger machine",
    ),
    (
        r"unknown flag: start-interval",
        f"the container engine is too old: install Docker {MINIMUM_ENGINE[0]} or newer",
    ),
    (
        r"unknown flag|unsupported frontend capability",
        "docker buildx is too old: install a newer one",
    ),
    (
        r"Cannot connect to the Docker daemon|error during connect",
        "the container engine went away: start it, then build again",
    ),
    (r"parse error|unknown instruction", "the rendered Dockerfile is faulty: please report this"),
)
_ON_THE_HOST = (
    (r"no space left on device", "free disk space on this machine, then start again"),
    (
        _NO_NAME,
        "a name could not be resolved: check this machine's network and DNS, and the proxy in apt's settings",
    ),
    (
        r"NO_PUBKEY|is not signed|EXPKEYSIG",
        "apt does not trust the mirror's signature: use one that the distribution signs, or give apt its key",
    ),
)
"""The same, said of what runs on this machine and not inside a build."""

_ERROR, _HINT = "error:", "hint:"
_PROCESS = re.compile(r'process ".*" did not complete successfully: ', re.S)


def explain(title: str, progress: Progress, status: int) -> BuildError:
    """The error to raise when what `title` says ended with `status`."""
    failed = progress.failure
    last_words = next((line for line in reversed(progress.text) if line.startswith("ERROR:")), "")
    log = _log_lines(failed) if failed else []
    reason, own_hint = _own_words(log)
    reason = reason or _reason(failed.error if failed else last_words, status)
    place = f" in step {failed.name}" if failed else ""
    return BuildError(
        f"{title} failed{place}: {reason}",
        hint=own_hint or hint_for("\n".join([*log, failed.error if failed else "", *progress.text])),
        evidence=log[-EVIDENCE_LINES:] if log else _excerpt(progress.text),
    )


def hint_for(log: str, *, on_host: bool = False) -> str | None:
    """What to do about a log, by the first thing in the table that it says."""
    for pattern, hint in (*_ON_THE_HOST, *_HINTS) if on_host else _HINTS:
        if re.search(pattern, log, re.I | re.M):
            return hint
    return None


def _own_words(log: list[str]) -> tuple[str, str | None]:
    """The first error with a hint as this repository's own programs print them, which builds run too. What
    they say of other things comes by another pipe, and may stand between the two."""
    said = [line for line in log if line.startswith((_ERROR, _HINT))]
    for line, after in pairwise(said):
        if line.startswith(_ERROR) and after.startswith(_HINT):
            return line.removeprefix(_ERROR).strip(), after.removeprefix(_HINT).strip()
    return "", None


def _log_lines(vertex: Vertex) -> list[str]:
    return [line for line in vertex.log_lines() if line.strip()]


def _reason(error: str, status: int) -> str:
    """One line of BuildKit's chain of causes: the last one says what happened."""
    if not error:
        return f"docker buildx ended with status {status}"
    text = " ".join(_PROCESS.sub("", error.removeprefix("ERROR: ")).split())
    for prefix in ("failed to build: ", "failed to solve: "):
        text = text.removeprefix(prefix)
    return text


def _excerpt(text: list[str]) -> list[str]:
    """buildx's picture of the place in the Dockerfile, without its frame."""
    return [line for line in text if not line.startswith(("-----", "ERROR:"))][-EVIDENCE_LINES:]
