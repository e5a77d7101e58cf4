"""What a client may not hand to the engine."""

from typing import Any

import pytest

from tests.proxy.conftest import Stack

CHAT = "/v1/chat/completions"
MODEL = "smollm2:135m"
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/completions": {"prompt": "hi"},
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5},
    "/v1/systemone": {"state": "x", "questions": {"a": {"type": "noul"}}},
}
NO_URLS = "image URLs are not currently supported, please use base64 encoded data instead"
METADATA = "http://169.254.169.254/latest/meta-data"
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def says(*parts: object, role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": list(parts)}]}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chat_template", "{{ messages }}"),
        ("chat_template_kwargs", {"chat_template": "{{ messages }}"}),
        ("chat_template_kwargs", {"tokenize": True}),
        ("mm_processor_kwargs", {"num_crops": 10**9}),
        ("media_io_kwargs", {"video": {"num_frames": 10**9}}),
        ("kv_transfer_params", {"remote_host": "10.0.0.1"}),
        ("ec_transfer_params", {"remote_host": "10.0.0.1"}),
        ("vllm_xargs", {"kv_transfer_params": "x"}),
        ("prompt_embeds", "AAAA"),
        ("priority", -100),
        ("request_id", "someone-elses"),
        ("n", 16384),
        ("best_of", 1e9),
        ("n", "16384"),
        ("prompt", ["x"] * 1025),
        ("prompt", [[1, 2]] * 1025),
    ],
)
def test_fields(stack: Stack, path: str, field: str, value: object) -> None:
    answer = stack.client.post(path, json={"model": MODEL, **BODIES[path], field: value})
    assert answer.status_code == 400
    assert field in answer.json()["error"]["message"]
    assert stack.engine.asked(path) == []


@pytest.mark.parametrize(
    "harmless",
    [
        {"chat_template": None, "vllm_xargs": {}, "priority": 0, "request_id": ""},
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"chat_template_kwargs": "judge it", "n": None},
        {"prompt": [5] * 2000, "n": 128},
        {"prompt": ["x"] * 512, "n": 2},
        {"n": 2, "logit_bias": {"5": 1}, "structured_outputs": {"regex": "a+"}, "top_k": 5},
        {"cache_salt": "x", "stop_token_ids": [1], "ignore_eos": True, "prompt_logprobs": 1},
        {"tools": [{"type": "function", "function": {"parameters": {"image_url": {"type": METADATA}}}}]},
    ],
)
def test_what_is_the_engines_to_judge(stack: Stack, harmless: dict[str, Any]) -> None:
    asked = {"model": MODEL, **BODIES[CHAT], **harmless}
    assert stack.client.post(CHAT, json=asked).status_code == 200
    assert stack.engine.wait_for(CHAT).json() == asked


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, says({"type": "image_url", "image_url": {"url": METADATA}})),
        (CHAT, says({"type": "image_url", "image_url": METADATA})),
        (CHAT, says({"image_url": METADATA})),
        (CHAT, says({"type": "text", "text": "x"}, {"type": "video_url", "video_url": {"url": METADATA}})),
        (CHAT, says({"type": "audio_url", "audio_url": {"url": "file:///etc/passwd"}})),
        (CHAT, says({"type": "image_url", "image_url": {"url": "HTTPS://example.com/x.png"}}, role="tool")),
        (CHAT, says({"type": "image_url", "image_url": {"url": METADATA}}, role="system")),
        ("/v1/responses", {"input": says({"type": "input_image", "image_url": METADATA})["messages"]}),
        (
            "/v1/responses",
            {"input": [{"type": "function_call_output", "output": [{"image_url": METADATA}]}]},
        ),
        ("/v1/responses", {"input": says({"type": "input_file", "file_url": METADATA})["messages"]}),
        ("/v1/messages", says({"type": "image", "source": {"type": "url", "url": METADATA}})),
        (
            "/v1/messages",
            says({"type": "tool_result", "content": [{"source": {"type": "url", "url": METADATA}}]}),
        ),
        ("/v1/systemone", {"images": [PIXEL, METADATA]}),
        ("/v1/systemone", {"audio": [METADATA]}),
        ("/v1/systemone", {"videos": [METADATA]}),
    ],
)
def test_the_engine_fetches_from_nowhere(stack: Stack, path: str, body: dict[str, Any]) -> None:
    answer = stack.client.post(path, json={"model": MODEL, **BODIES[path], **body})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, NO_URLS)
    assert stack.engine.asked(path) == []


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "what"}},
        {"type": "image_embeds", "image_embeds": "AAAA"},
        {"type": "prompt_embeds", "data": "AAAA", "prompt_embeds": "x"},
        {"type": "prompt_embeds", "data": "AAAA"},
        {"type": "image_url", "image_url": None, "uuid": "someone-elses"},
    ],
)
def test_other_parts_that_do_not_go_on(stack: Stack, part: dict[str, Any]) -> None:
    assert stack.client.post(CHAT, json={"model": MODEL, **says(part)}).status_code == 400
    assert stack.engine.asked(CHAT) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, says({"type": "image_url", "image_url": {"url": PIXEL}}, {"type": "text", "text": METADATA})),
        (CHAT, says({"type": "image_url", "image_url": PIXEL.replace("data", "DATA")})),
        (CHAT, says({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}})),
        ("/v1/messages", says({"type": "image", "source": {"type": "base64", "data": "AAAA"}})),
        ("/v1/messages", says({"type": "tool_use", "id": "a", "input": {"image_url": METADATA}})),
        ("/v1/systemone", {"images": [PIXEL], "state": {"image_url": METADATA}}),
    ],
)
def test_pictures_and_sounds_go_on_as_they_came(stack: Stack, path: str, body: dict[str, Any]) -> None:
    asked = {"model": MODEL, **BODIES[path], **body}
    stack.client.post(path, json=asked)
    assert stack.engine.wait_for(path).json() == asked


def test_a_request_asks_for_so_many_answers(stack: Stack) -> None:
    """Each takes a place in the engine's batch, whichever way it is asked for."""
    body = {"model": MODEL, "prompt": ["x"] * 513, "n": 2}
    assert stack.client.post("/v1/completions", json=body).status_code == 400
    assert stack.engine.asked("/v1/completions") == []
