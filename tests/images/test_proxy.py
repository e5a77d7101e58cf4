"""The proxy in its image, with no engine behind it: it must be there from the first moment."""

import pytest

from tests.images.conftest import ANY_USER, Serve, Served, exit_code, log_of, stop_seconds

pytestmark = pytest.mark.engine

PORT = 11434
ARGUMENTS = (f"--listen=0.0.0.0:{PORT}", "--engine=http://127.0.0.1:9", "--models=/models")


@pytest.fixture(scope="module")
def proxy(serve: Serve) -> Served:
    return serve("proxy", *ARGUMENTS, port=PORT, user=ANY_USER)


def test_answers_without_an_engine(proxy: Served) -> None:
    assert proxy.get("/").status_code == 200
    assert set(proxy.get("/api/version").json()) == {"version"}


def test_reads_the_models_volume(proxy: Served) -> None:
    assert {model["name"] for model in proxy.get("/api/tags").json()["models"]} == {
        "smollm2:135m",
        "all-minilm:l6-v2",
    }


def test_stops_within_five_seconds(serve: Serve) -> None:
    served = serve("proxy", *ARGUMENTS, port=PORT)
    assert stop_seconds(served.container) < 5
    assert exit_code(served.container) == 0


def test_a_wrong_start_is_one_line(serve: Serve) -> None:
    refused = serve("proxy", "--engine=nonsense", port=PORT, ready=False)
    assert exit_code(refused.container) != 0
    log = log_of(refused.container)
    assert log.startswith("error: ")
    assert log.count("\n") == 1
