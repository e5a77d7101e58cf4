"""OpenAI's and Anthropic's own clients on the real engines: what they ask passes through, so that only these
can show whether it is answered as they expect."""

from pathlib import Path

import pytest

from tests.clients.suite import Suite, check
from tests.stack.conftest import Stack

pytestmark = pytest.mark.stack

SUITES = {
    "openai": Suite("`openai` (PyPI), on the real stack", "openai_suite.py", ("openai",), 64),
    "anthropic": Suite("`anthropic` (PyPI), on the real stack", "anthropic_suite.py", ("anthropic",), 42),
}


@pytest.mark.parametrize("client", SUITES)
def test_sdk(client: str, stack: Stack, chat_model: str, embedding_model: str, tmp_path: Path) -> None:
    told = {"CHAT_MODEL": chat_model, "EMBEDDING_MODEL": embedding_model}
    check(client, SUITES[client], served=stack, folder=tmp_path, told=told)
