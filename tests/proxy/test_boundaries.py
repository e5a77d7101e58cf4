"""Which room may know of which."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROXY = Path(__file__).parents[2] / "proxy"
MODULES = sorted(PROXY.rglob("*.py"))
PACKAGES = {"uvicorn", "msgspec", "httptools", "backports", "compression", "proxy"}
PURE = {"proxy.dialect", "proxy.errors", "proxy.model", "msgspec"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROXY)))
def test_the_proxy_needs_four_packages_and_nothing_of_the_builder(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imports(path)}
    assert roots <= PACKAGES | set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", sorted((PROXY / "dialect").rglob("*.py")), ids=lambda path: path.name)
def test_the_dialect_knows_no_servers(path: Path) -> None:
    for name in imports(path):
        ours = name.startswith("proxy")
        assert name.startswith(tuple(PURE)) if ours else name not in ("asyncio", "time", "socket", "logging")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROXY)))
def test_no_module_is_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
