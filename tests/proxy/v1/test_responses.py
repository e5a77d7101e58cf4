"""Responses that an engine keeps."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.fake_engine import FakeEngine, error
from tests.fakes.fake_server import Received, Script, whole
from tests.proxy.conftest import RunningProxy, Stack, settings_for

KEPT: dict[str, Any] = {"id": "resp_1", "model": "smollm2:135m", "status": "completed"}


class Keeper(FakeEngine):
    """As vLLM where it is told to keep responses."""

    def answer(self, request: Received) -> Script:
        if not request.path.startswith("/v1/responses/"):
            return super().answer(request)
        if "resp_1" not in request.path:
            return whole(error("Response with id 'x' not found.", 404), 404)
        if request.path.endswith("/cancel"):
            return whole(error("Cannot cancel a synchronous response."), 400)
        return whole(KEPT)


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with Keeper() as engine:
        proxy = RunningProxy(settings_for(tmp_path_factory.mktemp("models"), engine.url))
        yield proxy
        proxy.stop()


def test_one_that_is_kept(keeper: RunningProxy) -> None:
    answer = keeper.client.get("/v1/responses/resp_1")
    assert (answer.status_code, answer.json()) == (200, KEPT)


def test_one_that_is_not_to_be_broken_off(keeper: RunningProxy) -> None:
    answer = keeper.client.post("/v1/responses/resp_1/cancel")
    assert (answer.status_code, answer.json()) == (400, error("Cannot cancel a synchronous response."))


@pytest.mark.parametrize(("method", "path"), [("GET", "resp_2"), ("POST", "resp_2/cancel")])
def test_one_that_is_not_there(keeper: RunningProxy, method: str, path: str) -> None:
    answer = keeper.client.request(method, f"/v1/responses/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "response 'resp_2' is not kept here"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "resp_1/cancel"),
        ("POST", "resp_1"),
        ("GET", "resp_1/input_items"),
        ("GET", "../../sleep"),
        ("POST", "..%2F..%2Fsleep/cancel"),
        ("GET", "resp_1%3Fx=1"),
        ("GET", "a" * 200),
    ],
)
def test_what_is_no_response(stack: Stack, method: str, path: str) -> None:
    answer = stack.client.request(method, f"/v1/responses/{path}")
    assert 300 < answer.status_code < 500
    assert stack.engine.received == []
