"""Prompts by a template of the request's or of a Modelfile's."""

from collections.abc import Iterator

import pytest

from tests.fakes.fake_engine import streamed, text, usage
from tests.proxy.asking import CHAT, COMPLETIONS, Json, asked, chat, generate, records
from tests.proxy.conftest import Stack
from tests.proxy.modelfiles import Make, making

MESSAGES = "{{ range .Messages }}[{{ .Role }}]{{ .Content }}{{ end }}[assistant]"
OLD = "{{ if .System }}S:{{ .System }} {{ end }}U:{{ .Prompt }} A:{{ .Response }} "
PNG = "iVBORw0KGgo="
TOOL = {"type": "function", "function": {"name": "now", "description": "", "parameters": {}}}
USER = {"role": "user", "content": "one two"}


@pytest.fixture
def make_model(stack: Stack) -> Iterator[Make]:
    with making(stack) as make:
        yield make


def test_a_requests_template_makes_the_prompt(stack: Stack) -> None:
    told = generate(stack, system="be brief", template=MESSAGES, stream=False).json()
    got = asked(stack, COMPLETIONS)
    assert got["prompt"] == "[system]be brief[user]one two[assistant]"
    assert got["max_tokens"] == 2048
    assert told["response"] == got["prompt"]
    assert told["context"]
    assert stack.engine.asked(CHAT) == []


def test_an_older_template_has_its_own_fields(stack: Stack) -> None:
    generate(stack, system="be brief", template=OLD)
    assert asked(stack, COMPLETIONS)["prompt"] == "S:be brief U:one two A:"


def test_a_modelfiles_template_makes_prompts_of_chats(stack: Stack, make_model: Make) -> None:
    name = make_model(template=MESSAGES, system="be brief", messages=[{"role": "user", "content": "hi"}])
    chat(stack, {"role": "assistant", "content": "ho"}, USER, model=name)
    prompt = asked(stack, COMPLETIONS)["prompt"]
    assert prompt == "[system]be brief[user]hi[assistant]ho[user]one two[assistant]"
    assert "return_token_ids" not in asked(stack, COMPLETIONS)
    generate(stack, model=name)
    assert asked(stack, COMPLETIONS)["prompt"] == "[system]be brief[user]hi[user]one two[assistant]".replace(
        "[user]hi[user]", "[user]hi\n\n"
    )


def test_a_requests_template_wins_over_the_modelfiles(stack: Stack, make_model: Make) -> None:
    generate(stack, model=make_model(template=OLD), template=MESSAGES)
    assert asked(stack, COMPLETIONS)["prompt"] == "[user]one two[assistant]"


@pytest.mark.parametrize(
    ("template", "special"),
    [(MESSAGES, None), ("<s>" + MESSAGES, False), ("<|begin_of_text|>" + MESSAGES, False)],
)
def test_what_begins_a_text_stands_there_once(stack: Stack, template: str, special: bool | None) -> None:
    generate(stack, template=template)
    assert asked(stack, COMPLETIONS).get("add_special_tokens") is special


def test_a_raw_prompt_may_begin_itself(stack: Stack) -> None:
    generate(stack, "<s>one", raw=True)
    assert asked(stack, COMPLETIONS)["add_special_tokens"] is False


@pytest.mark.parametrize(
    "broken", ["{{ .Prompt", "{{ nope }}", "{{ range .Messages }}", "{{ index .Prompt 9 }}"]
)
def test_a_broken_template_is_told(stack: Stack, broken: str, make_model: Make) -> None:
    for answer in (generate(stack, template=broken), chat(stack, model=make_model(template=broken))):
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("template:")
    assert stack.engine.asked(COMPLETIONS) == []


def test_a_template_and_pictures_do_not_go_together(stack: Stack) -> None:
    answer = generate(stack, template=MESSAGES, images=[PNG])
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "a template cannot be used together with images"},
    )


@pytest.mark.parametrize(
    ("message", "more"), [(USER, {"tools": [TOOL]}), (USER | {"images": [PNG]}, {})], ids=["tools", "images"]
)
def test_a_modelfiles_template_gives_way(stack: Stack, make_model: Make, message: Json, more: Json) -> None:
    chat(stack, message, model=make_model(template=MESSAGES), **more)
    assert asked(stack, CHAT)["messages"][0]["role"] == "user"
    assert stack.engine.asked(COMPLETIONS) == []


def test_a_template_may_say_how_to_fill_in(stack: Stack, make_model: Make) -> None:
    template = "{{ if .Suffix }}<PRE>{{ .Prompt }}<SUF>{{ .Suffix }}<MID>{{ else }}{{ .Prompt }}{{ end }}"
    generate(stack, "before", suffix="after", model=make_model(template=template))
    assert asked(stack, COMPLETIONS)["prompt"] == "<PRE>before<SUF>after<MID>"
    generate(stack, "before", suffix="after", template=template)
    assert asked(stack, COMPLETIONS)["prompt"] == "<PRE>before<SUF>after<MID>"


@pytest.mark.parametrize("think", [True, False, None])
def test_a_template_is_told_of_thinking(stack: Stack, think: bool | None, make_model: Make) -> None:
    template = "{{ .Prompt }}{{ if .IsThinkSet }}{{ if .Think }}/think{{ else }}/no_think{{ end }}{{ end }}"
    generate(stack, model=make_model(template=template), think=think)
    expected = {True: "/think", False: "/no_think", None: ""}[think]
    assert asked(stack, COMPLETIONS)["prompt"] == "one two" + expected


def test_a_template_goes_on_from_a_context(stack: Stack) -> None:
    context = stack.engine.tokenizer.ids("<s>long ago")
    generate(stack, template=MESSAGES, context=context)
    prompt = stack.engine.tokenizer.text(asked(stack, COMPLETIONS)["prompt"])
    assert prompt == "<s>long ago[user]one two[assistant]"


THINKING = "{{ .Prompt }}{{ if .Think }}<think>{{ end }}"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("template", "spoken"), [(THINKING, "hm</think>\n\nyes"), ("{{ .Prompt }}", "<think>hm</think>yes")]
)
def test_thoughts_are_found_in_the_answer(stack: Stack, template: str, spoken: str, stream: bool) -> None:
    stack.engine.plan(streamed([*map(text, spoken), text("", "stop"), usage(1, 3)]))
    told = records(generate(stack, template=template, think=True, stream=stream))
    assert "".join(one.get("thinking", "") for one in told) == "hm"
    assert "".join(one["response"] for one in told) == "yes"


def test_what_may_be_a_tag_is_not_lost(stack: Stack) -> None:
    stack.engine.plan(streamed([text("<thi"), text("", "stop"), usage(1, 3)]))
    told = records(generate(stack, template="{{ .Prompt }}", think=True))
    assert [one["response"] for one in told] == ["<thi"]


def test_thoughts_after_a_context(stack: Stack) -> None:
    context = stack.engine.tokenizer.ids("<s>one")
    stack.engine.tokenizer.ending = "<think>"
    told = generate(stack, context=context, think=True, stream=False).json()
    # The fake says its prompt again, which is all thought since nothing ends it.
    assert told["thinking"].startswith("<s>one")
    assert told["response"] == ""
