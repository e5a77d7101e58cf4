"""Model names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialect.names import Place, parse, refer
from proxy.errors import ApiError


@pytest.mark.parametrize(
    ("text", "shortest", "full"),
    [
        ("llama3.2", "llama3.2:latest", "registry.ollama.ai/library/llama3.2:latest"),
        ("smollm2:135m", "smollm2:135m", "registry.ollama.ai/library/smollm2:135m"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B:latest", "registry.ollama.ai/Qwen/Qwen3-8B:latest"),
        ("hf.co/ns/m:Q8_0", "hf.co/ns/m:Q8_0", "hf.co/ns/m:Q8_0"),
        ("localhost:5000/ns/m", "localhost:5000/ns/m:latest", "localhost:5000/ns/m:latest"),
        ("https://hf.co/ns/m", "hf.co/ns/m:latest", "hf.co/ns/m:latest"),
        ("HTTP://h:80/n/m:t", "h:80/n/m:t", "h:80/n/m:t"),
        ("_m.x-y:_t.1", "_m.x-y:_t.1", "registry.ollama.ai/library/_m.x-y:_t.1"),
        ("h.co/_n/m", "h.co/_n/m:latest", "h.co/_n/m:latest"),
        ("Library/X:Latest", "X:Latest", "registry.ollama.ai/Library/X:Latest"),
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
    *("https://a", "https://a/b", "https://https://a/b/c", "a+b", "a/", "/a", "h/n/m:", "h.co:80/n.s/m"),
    *("a:" + "x" * 81, "n" * 81 + "/a", "h" * 351 + "/n/a", "a%2fb", "a\\b", "a?b", "~a", "$a", "a;b"),
)


@pytest.mark.parametrize("text", NO_NAMES)
def test_what_is_no_name(text: str) -> None:
    assert parse(text) is None


def test_case_makes_no_difference() -> None:
    one, other = parse("Qwen/Qwen3-8B:Latest"), parse("qwen/qwen3-8b")
    assert one is not None
    assert other is not None
    assert one.key == other.key


@pytest.mark.parametrize(
    ("text", "base", "place"),
    [
        ("gpt-oss", "gpt-oss", None),
        (" gpt-oss:20b ", "gpt-oss:20b", None),
        ("gpt-oss:cloud", "gpt-oss", "cloud"),
        ("gpt-oss:Local", "gpt-oss", "local"),
        ("gpt-oss:20b-cloud", "gpt-oss:20b", "cloud"),
        ("gpt-oss:20b:cloud", "gpt-oss:20b", "cloud"),
        ("my-cloud", "my-cloud", None),
        ("host:80/ns/my-cloud", "host:80/ns/my-cloud", None),
        (":cloud", "", "cloud"),
        ("", "", None),
    ],
)
def test_where_a_model_is_to_run(text: str, base: str, place: Place | None) -> None:
    reference = refer(text)
    assert (reference.text, reference.place) == (base, place)


@pytest.mark.parametrize("text", ["x:local:cloud", "x:cloud:local", "x:8b-cloud:local", "x:cloud:cloud"])
def test_a_model_runs_in_one_place(text: str) -> None:
    with pytest.raises(ApiError, match="use either :local or :cloud, not both") as refused:
        refer(f" {text}")
    assert refused.value.message.endswith(f': "{text}"')


@given(st.text(alphabet="aZ0_-./:@ \n", max_size=20))
def test_the_shortest_form_is_the_same_name(text: str) -> None:
    name = parse(text)
    if name is not None:
        again = parse(name.shortest)
        assert again is not None
        assert again.key == name.key
        assert ".." not in name.namespace
