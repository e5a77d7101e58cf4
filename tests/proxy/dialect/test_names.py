"""Model names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialect.names import parse


@pytest.mark.parametrize(
    ("text", "shortest", "full"),
    [
        ("llama3.2", "llama3.2:latest", "registry.ollama.ai/library/llama3.2:latest"),
        ("smollm2:135m", "smollm2:135m", "registry.ollama.ai/library/smollm2:135m"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B:latest", "registry.ollama.ai/Qwen/Qwen3-8B:latest"),
        ("hf.co/ns/m:Q8_0", "hf.co/ns/m:Q8_0", "hf.co/ns/m:Q8_0"),
        ("localhost:5000/ns/m", "localhost:5000/ns/m:latest", "localhost:5000/ns/m:latest"),
        ("https://hf.co/ns/m", "hf.co/ns/m:latest", "hf.co/ns/m:latest"),
        ("registry.ollama.ai/library/x", "x:latest", "registry.ollama.ai/library/x:latest"),
    ],
)
def test_what_defaults_add_and_the_shortest_form_leaves_out(text: str, shortest: str, full: str) -> None:
    name = parse(text)
    assert name is not None
    assert (name.shortest, name.full) == (shortest, full)


NO_NAMES = (
    *("", ":", "a:", ":a", "a b", "a\0b", "-a", ".a", "a.b/c", "a:b:c", "\u00e9", "a\n", "a:latest\n"),
    *("../a", "..", "a/../b", "/etc/passwd", "a//b", "a/b/c/d", "x" * 81, "ftp://a/b/c", "a@sha256:00"),
)


@pytest.mark.parametrize("text", NO_NAMES)
def test_what_is_no_name(text: str) -> None:
    assert parse(text) is None


def test_case_makes_no_difference() -> None:
    one, other = parse("Qwen/Qwen3-8B:Latest"), parse("qwen/qwen3-8b")
    assert one is not None
    assert other is not None
    assert one.key == other.key


@given(st.text(alphabet="aZ0_-./:@ \n", max_size=20))
def test_the_shortest_form_is_the_same_name(text: str) -> None:
    name = parse(text)
    if name is not None:
        again = parse(name.shortest)
        assert again is not None
        assert again.key == name.key
        assert ".." not in name.namespace
