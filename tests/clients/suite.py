"""A suite of cases for one client, which is run as it is, and whose outcome the README tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.clients.environments import python_of, version_of
from tests.clients.passes import Row, hold
from tests.clients.running import Outcome, Reachable, read_report, run

SUITES = Path(__file__).with_name("suites")

# LiteLLM would ask the web for prices.
_QUIET = {"PYTHONDONTWRITEBYTECODE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


@dataclass(frozen=True, slots=True)
class Suite:
    """`distributions` are those whose versions the README names. `cases` is how many there are, so that none
    goes missing unseen."""

    title: str
    file: str
    distributions: tuple[str, ...]
    cases: int
    options: tuple[str, ...] = ()


def check(client: str, suite: Suite, *, served: Reachable, folder: Path, told: Mapping[str, str]) -> None:
    """`told` is what the suite finds in its environment, beside where the proxy is."""
    outcome = _run(client, suite, served, folder, told)
    versions = ", ".join(version_of(client, name) for name in suite.distributions)
    judge(outcome, suite.title, versions, suite.cases)


def judge(outcome: Outcome, title: str, version: str, cases: int) -> None:
    assert not outcome.failed, "\n\n".join(f"{name}:\n{text}" for name, text in outcome.failed.items())
    counted = len(outcome.passed) + len(outcome.left_out)
    assert counted == cases
    hold(Row(title, version, counted, len(outcome.passed), outcome.left_out))


def _run(client: str, suite: Suite, served: Reachable, folder: Path, told: Mapping[str, str]) -> Outcome:
    """By the pytest of the client's own environment."""
    report = folder / "report.xml"
    always: tuple[str | Path, ...] = (
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        SUITES / "pytest.ini",
        f"--junitxml={report}",
    )
    done = run(
        *(python_of(client), "-m", "pytest", *always, *suite.options, SUITES / suite.file),
        served=served,
        folder=folder,
        more={**_QUIET, **told},
    )
    assert report.is_file(), done.told + done.complained
    return read_report(report)
