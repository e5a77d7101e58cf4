"""A model's page: its Modelfile and its parameters, as clients take them apart."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialect.messages import Message, ShowRequest
from proxy.dialect.modelfile import modelfile, parameter_lines
from proxy.dialect.models import shown
from proxy.model import Inside, Manifest, Model, Overlay, Tensor

# What Continue, an editor's extension, takes each line apart with; `.` means no line end in its language.
CONTINUE = re.compile(r"^(\S+)\s+((?:\"[^\n\r\u2028\u2029]*\")|\S+)$")
VALUES = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


def manifest(**more: Any) -> Manifest:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "name": "mine:latest",
        "role": "chat",
        "digest": "ab" * 32,
        "modified_at": datetime.now(UTC),
    }
    return Manifest(**(fields | more))


@pytest.mark.parametrize(
    ("name", "value", "lines"),
    [
        ("temperature", 0.7, ["temperature                    0.7"]),
        ("num_ctx", 1048576, ["num_ctx                        1048576"]),
        ("use_mmap", True, ["use_mmap                       true"]),
        (
            "stop",
            ["<|im_end|>", 'a "b"\n'],
            ['stop                           "<|im_end|>"', r'stop                           "a \"b\"\n"'],
        ),
        ("stop", ["\u2028é"], ['stop                           "\\u2028é"']),
        ("stop", [], []),
    ],
)
def test_parameters_stand_in_lines(name: str, value: object, lines: list[str]) -> None:
    assert parameter_lines({name: value}).splitlines() == lines


@given(
    parameters=st.dictionaries(st.sampled_from(["stop", "seed"]), VALUES | st.lists(st.text(), max_size=3))
)
def test_every_line_can_be_taken_apart(parameters: dict[str, Any]) -> None:
    told = parameter_lines(parameters)
    values = [v for value in parameters.values() for v in (value if isinstance(value, list) else [value])]
    lines = told.split("\n") if told else []
    assert len(lines) == len(values)
    for line in lines:
        match = CONTINUE.match(line)
        assert match
        assert json.loads(match[2]) in values


def test_a_modelfile_tells_the_truth() -> None:
    overlay = Overlay(
        system="You are a pirate.\nSay arr.",
        template="{{ .Prompt }}",
        parameters={"stop": ["a", " b"], "temperature": 0},
        messages=(Message(role="user", content="hi"), Message(role="assistant", content='"arr"')),
        requires="0.20.0",
    )
    told = modelfile(manifest(base="base:1b", license="MIT"), overlay)
    comments, _, commands = told.partition("\n\n")
    assert all(line.startswith("#") for line in comments.splitlines())
    assert commands == (
        "FROM base:1b\n"
        "TEMPLATE {{ .Prompt }}\n"
        'SYSTEM """You are a pirate.\nSay arr."""\n'
        "REQUIRES 0.20.0\n"
        "PARAMETER stop a\n"
        'PARAMETER stop " b"\n'
        "PARAMETER temperature 0\n"
        "LICENSE MIT\n"
        "MESSAGE user hi\n"
        'MESSAGE assistant """"arr""""\n'
    )


def page(asked: ShowRequest | None = None, inside: Inside | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    model = Model(manifest(**more), "mine:latest", 4096, ("completion",), certain=True)
    return shown(model, inside or Inside(), asked or ShowRequest())


def test_what_is_empty_is_left_out_of_a_page_but_what_clients_need() -> None:
    assert page().keys() == {"modelfile", "details", "model_info", "capabilities", "modified_at"}
    assert page()["model_info"]["unknown.context_length"] == 4096


def test_a_request_lays_over_the_modelfile_alone() -> None:
    overlay = Overlay(system="own", parameters={"top_k": 5})
    told = page(ShowRequest(system="other", options={"seed": 7}), overlay=overlay)
    assert told["system"] == "other"
    assert "SYSTEM other\n" in told["modelfile"]
    assert "PARAMETER seed 7\n" in told["modelfile"]
    assert told["parameters"] == "top_k                          5"


def test_the_served_context_wins_over_the_files() -> None:
    inside = Inside(
        info={"context_length": 1, "block_count": 30},
        projector={"clip.has_vision_encoder": True},
        template="{{ messages }}",
        tensors=(Tensor("a", "BF16", (2, 3)),),
    )
    told = page(inside=inside, architecture="llama")
    assert told["model_info"]["llama.context_length"] == 4096
    assert told["model_info"]["llama.block_count"] == 30
    assert told["projector_info"] == {"clip.has_vision_encoder": True}
    assert told["template"] == "{{ messages }}"
    assert told["tensors"][0].shape == (2, 3)
    assert page(inside=inside, overlay=Overlay(template="{{ .Prompt }}"))["template"] == "{{ .Prompt }}"
