"""Forms with a sound in them."""

import json
from collections.abc import Callable

import httpx
import pytest

from tests.fakes.fake_engine import error
from tests.fakes.fake_server import head, whole
from tests.proxy.conftest import Stack

PATH = "/v1/audio/transcriptions"
MODEL = "smollm2:135m"
SOUND = b"RIFF\r\n--x\r\n\x00\xffWAVE" * 100
TEXT = {"text": "hello", "usage": {"type": "duration", "seconds": 1}}
FORM = "multipart/form-data; boundary=x"


def hear(stack: Stack, path: str = PATH, **fields: str) -> httpx.Response:
    files = {"file": ("a.wav", SOUND, "audio/wav")}
    request = stack.client.build_request("POST", path, data=fields, files=files)
    request.read()
    return stack.client.send(request)


def part(name: str, value: str) -> str:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


def post(stack: Stack, body: str, content_type: str = FORM) -> httpx.Response:
    return stack.client.post(PATH, content=body.encode(), headers={"content-type": content_type})


FILE = part("file", "RIFF")
NAMED = part("model", MODEL)
END = "--x--\r\n"


@pytest.mark.parametrize("path", [PATH, "/v1/audio/translations"])
def test_the_form_goes_on_as_it_came(stack: Stack, path: str) -> None:
    stack.engine.plan(whole(TEXT))
    answer = hear(stack, path, model=MODEL, response_format="verbose_json", language="en")
    assert (answer.status_code, answer.json()) == (200, TEXT)
    request = stack.engine.wait_for(path)
    assert request.headers["content-type"] == answer.request.headers["content-type"]
    assert request.body == answer.request.content


def test_only_the_models_name_is_rewritten(stack: Stack) -> None:
    stack.engine.plan(whole(TEXT))
    answer = hear(stack, model="library/SmolLM2:135m", prompt="library/SmolLM2:135m")
    name = b'name="model"\r\n\r\n'
    written, read = answer.request.content, stack.engine.wait_for(PATH).body
    assert read == written.replace(name + b"library/SmolLM2:135m", name + MODEL.encode())
    assert read != written


def test_an_answer_that_is_plain_text(stack: Stack) -> None:
    text = b"1\n00:00:00,000 --> 00:00:01,000\nhello\n"
    stack.engine.plan([head(200, "text/plain; charset=utf-8", content_length=str(len(text))) + text])
    answer = hear(stack, model=MODEL, response_format="srt")
    assert (answer.content, answer.headers["content-type"]) == (text, "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("says", "status", "message"),
    [
        (whole({"detail": "Not Found"}, 404), 400, f'"{MODEL}" does not support transcription'),
        (whole(error("no speech", 400), 400), 400, "no speech"),
        (whole({"detail": [{"loc": ["body", "language"], "msg": "odd"}]}, 422), 422, "body.language: odd"),
    ],
)
def test_an_engine_that_does_not_hear(stack: Stack, says: list[bytes], status: int, message: str) -> None:
    stack.engine.plan(says)
    answer = hear(stack, model=MODEL)
    assert answer.status_code == status
    assert answer.json()["error"]["message"].startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (FILE + END, "model is required"),
        (part("model", "") + FILE + END, "model is required"),
        (NAMED + END, "file is required"),
        (NAMED + FILE + NAMED + END, "model is given twice"),
        (NAMED + FILE + part("vllm_xargs", "{}") + END, "vllm_xargs is not accepted here"),
        (NAMED + FILE, "the request body is no valid multipart form"),
        (NAMED + FILE[:-20], "the request body is no valid multipart form"),
        ("", "the request body is no valid multipart form"),
        ("hello", "the request body is no valid multipart form"),
        ("--x\r\n\r\n", "the request body is no valid multipart form"),
        ("--x\r\n\r\nabc\r\n" + END, "the request body is no valid multipart form"),
        (NAMED + FILE + part("a", "b") * 64 + END, "the request body is no valid multipart form"),
        (END, "model is required"),
    ],
)
def test_forms_at_fault(stack: Stack, body: str, message: str) -> None:
    answer = post(stack, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(message)
    assert stack.engine.received == []


@pytest.mark.parametrize("model", ["all-minilm:l6-v2", "foo"])
def test_models_that_do_not_hear(stack: Stack, model: str) -> None:
    answer = hear(stack, model=model)
    assert answer.status_code in (400, 404)
    assert model in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=x; boundary=y",
        "multipart/mixed; boundary=x",
        f"multipart/form-data; boundary={'x' * 71}",
    ],
)
def test_what_is_no_form(stack: Stack, content_type: str) -> None:
    answer = post(stack, json.dumps({"model": MODEL}), content_type)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "the request body must be a multipart form with a boundary"


SLY: dict[str, Callable[[str], str]] = {
    "another name after it": lambda name: f'form-data; name="a"; name="{name}"',
    "a file's name before it": lambda name: f'form-data; filename="; name=a"; name="{name}"',
    "an extended name": lambda name: f"form-data; name=\"a\"; name*=utf-8''{name}",
    "an escape": lambda name: f'form-data; name="a\\"; x="; name="{name}"',
    "a second header": lambda name: f'form-data; name="a"\r\ncontent-disposition: form-data; name="{name}"',
    "a folded line": lambda name: f'form-data;\r\n name="{name}"',
    "no quotes": lambda name: f"form-data; name={name}",
}


@pytest.mark.parametrize("trick", SLY)
def test_a_field_has_one_name_whoever_reads_it(stack: Stack, trick: str) -> None:
    sly = f"--x\r\nContent-Disposition: {SLY[trick]('vllm_xargs')}\r\n\r\n{{}}\r\n"
    assert post(stack, NAMED + FILE + sly + END).status_code == 400
    assert stack.engine.received == []
