"""Suites of other projects' clients, each in an environment of its own."""

import os
import shutil
from pathlib import Path

import pytest

from tests.clients.environments import JAVASCRIPT, modules_of_ollama_js, node
from tests.clients.running import MODELS, Served, read_report, run
from tests.clients.suite import Suite, check, judge

pytestmark = pytest.mark.clients


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
    told = {**MODELS, "PICTURE": os.fspath(picture)}
    check(client, SUITES[client], served=served, folder=tmp_path, told=told)


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
    judge(read_report(report), "`ollama` (npm), a script of ours", "0.6.4", 30)
    for word in ("one", "two", "three"):
        [abandoned] = [
            asked for asked in served.engine.received if f"without end: {word}".encode() in asked.body
        ]
        assert abandoned.gone.wait(5), "the engine goes on for a client that left"
