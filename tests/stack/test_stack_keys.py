"""`--keys` and `--address`: the stack beyond this machine, for those who have a key."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from builder.engine import Engine
from tests.stack.conftest import Stack, containers, driver

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def keys(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text("alice:first-key\n")
    file.chmod(0o644)
    # Tests before these may have left another kind of stack behind.
    up(stack)
    yield file
    up(stack)


def up(stack: Stack, keys: Path | None = None) -> str:
    asked = ("--keys", os.fspath(keys), "--address", "0.0.0.0") if keys else ()
    return driver("up", "--target", "cpu", "--port", str(stack.port), *asked).stdout


def status(url: str, key: str = "") -> int:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx.get(f"{url}/api/tags", headers=headers, timeout=60).status_code


def elsewhere(stack: Stack, engine: Engine) -> str:
    """The stack at an address of this machine that is not its loopback."""
    gateway = engine.sdk.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    return f"http://{gateway}:{stack.port}"


def test_whoever_has_a_key_may_call_from_elsewhere(stack: Stack, keys: Path, engine: Engine) -> None:
    engines = {name: facts["Id"] for name, facts in containers(engine).items() if name != "proxy"}
    assert "Authorization: Bearer KEY" in up(stack, keys)
    url = elsewhere(stack, engine)
    assert (status(url), status(url, "wrong"), status(url, "first-key")) == (401, 401, 200)
    assert httpx.get(url, timeout=60).text == "Ollama is running"
    assert {name: facts["Id"] for name, facts in containers(engine).items() if name != "proxy"} == engines
    metrics = httpx.get(f"{url}/metrics", headers={"x-api-key": "first-key"}, timeout=60).text
    assert 'status="200",model="smollm2:135m",key="alice"' in metrics


def test_keys_that_were_changed_count_after_the_next_up(stack: Stack, engine: Engine, keys: Path) -> None:
    keys.write_text("bob:second-key\n")
    up(stack, keys)
    url = elsewhere(stack, engine)
    assert (status(url, "first-key"), status(url, "second-key")) == (401, 200)


def test_without_keys_nobody_else_gets_in() -> None:
    refused = driver("up", "--target", "cpu", "--address", "0.0.0.0", check=False)
    assert refused.returncode == 2
    assert "--address 0.0.0.0 would let everyone call" in refused.stderr
