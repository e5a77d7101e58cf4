"""Suites of other projects' clients, each in an environment of its own."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.environments import JAVASCRIPT, modules_of_ollama_js, node, version_of
from tests.clients.passes import Row, hold
from tests.clients.running import MODELS, Outcome, Served, read_report, run, run_suite

pytestmark = pytest.mark.clients


@dataclass(frozen=True, slots=True)
class Suite:
    """`distributions` are those whose versions the README names. `cases` is how many there are, so that none
    goes missing unseen."""

    title: str
    file: str
    distributions: tuple[str, ...]
    cases: int
    options: tuple[str, ...] = ()


SUITES = {
    "langchain": Suite(
        "`langchain-ollama`, by `langchain-tests`",
        "langchain_suite.py",
        ("langchain-ollama", "langchain-tests"),
        55,
        ("--record-mode=once",),
    ),
    "litellm": Suite("`litellm`, both providers for Ollama", "litellm_suite.py", ("litellm",), 32),
    "llama-index": Suite(
        "`llama-index`, chats and embeddings",
        "llama_index_suite.py",
        ("llama-index-llms-ollama", "llama-index-embeddings-ollama"),
        25,
    ),
}


@pytest.mark.parametrize("client", SUITES)
def test_suite(client: str, served: Served, tmp_path: Path, picture: Path) -> None:
    suite = SUITES[client]
    outcome = run_suite(client, suite.file, *suite.options, served=served, folder=tmp_path, picture=picture)
    versions = ", ".join(version_of(client, name) for name in suite.distributions)
    _judge(outcome, suite.title, versions, suite.cases)


def test_ollama_js(served: Served, tmp_path: Path, picture: Path) -> None:
    folder = modules_of_ollama_js()
    script = folder / "ollama_suite.mjs"
    shutil.copyfile(JAVASCRIPT / script.name, script)
    report = tmp_path / "report.xml"
    done = run(
        *(node(), "--test", "--test-reporter=junit", f"--test-reporter-destination={report}", script),
        served=served,
        folder=folder,
        more={"PICTURE": os.fspath(picture), **MODELS},
    )
    assert report.is_file(), done.told + done.complained
    _judge(read_report(report), "`ollama` (npm), a script of ours", "0.6.4", 30)
    for word in ("one", "two", "three"):
        [abandoned] = [
            asked for asked in served.engine.received if f"without end: {word}".encode() in asked.body
        ]
        assert abandoned.gone.wait(5), "the engine goes on for a client that left"


def _judge(outcome: Outcome, title: str, version: str, cases: int) -> None:
    assert not outcome.failed, "\n\n".join(f"{name}:\n{text}" for name, text in outcome.failed.items())
    counted = len(outcome.passed) + len(outcome.left_out)
    assert counted == cases
    hold(Row(title, version, counted, len(outcome.passed), outcome.left_out))
