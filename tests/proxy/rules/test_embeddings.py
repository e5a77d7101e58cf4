"""What is said of embeddings that cannot be."""

from collections.abc import Iterator

from tests.proxy.conftest import Stack
from tests.proxy.rules.table import EMBEDS, PLAIN, Row, rows

EMBED, EMBEDDINGS = "POST /api/embed", "POST /api/embeddings"
NO_NAMES = ("a b", "../x", "a/b/c/d", "x" * 81, "n.s/m", "a\0b", ":local")


def names() -> Iterator[Row]:
    yield Row(EMBED, {}, 404, "model '' not found")
    yield Row(EMBEDDINGS, {}, 400, "model is required")
    for route in (EMBED, EMBEDDINGS):
        yield Row(route, {"model": "foo"}, 404, 'model "foo" not found, try pulling it first')
        yield Row(route, {"model": "foo:cloud"}, 403, "ollama cloud is disabled: remote model is unavailable")
        yield Row(
            route, {"model": "a:cloud:local"}, 400, 'use either :local or :cloud, not both: "a:cloud:local"'
        )
        yield Row(route, {"model": PLAIN}, 400, f'"{PLAIN}" does not support embeddings')
        for name in NO_NAMES:
            yield Row(route, {"model": name}, 400, "invalid model name")


@rows(names())
def test_names(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def inputs() -> Iterator[Row]:
    wrong: tuple[object, ...] = (5, True, {}, {"text": "x"}, [5], ["a", None], [["a"]], [1, 2])
    for value in wrong:
        yield Row(EMBED, {"model": EMBEDS, "input": value}, 400, "invalid input type")
    # What is wrong with the input is said before what is wrong with the model.
    yield Row(EMBED, {"model": "foo", "input": 5}, 400, "invalid input type")
    yield Row(EMBED, {"input": 5}, 404, "model '' not found")


@rows(inputs())
def test_inputs(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def types() -> Iterator[Row]:
    wrong = "json: cannot unmarshal {} into Go struct field {} of type {}"
    yield Row(EMBED, {"truncate": "x"}, 400, wrong.format("string", "EmbedRequest.truncate", "bool"))
    yield Row(EMBED, {"dimensions": 1.5}, 400, wrong.format("number 1.5", "EmbedRequest.dimensions", "int"))
    yield Row(EMBEDDINGS, {"prompt": []}, 400, wrong.format("array", "EmbeddingRequest.prompt", "string"))
    for route, kind in ((EMBED, "EmbedRequest"), (EMBEDDINGS, "EmbeddingRequest")):
        told = wrong.format("array", f"{kind}.options", "map[string]interface {}")
        yield Row(route, {"options": []}, 400, told)
        told = 'option "num_ctx" must be of type integer'
        yield Row(route, {"model": EMBEDS, "options": {"num_ctx": "8k"}}, 400, told)
        yield Row(route, {"keep_alive": "5"}, 400, 'time: missing unit in duration "5"')
        yield Row(route, {"keep_alive": True}, 400, "Unsupported type: 'bool'")


@rows(types())
def test_wrong_types(ruled: Stack, row: Row) -> None:
    row.check(ruled)
