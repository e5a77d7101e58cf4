"""Prompts that are too long: what is left out of them, and how the client learns of it."""

from collections.abc import Iterator

import pytest

from tests.fakes.fake_engine import delta, streamed, usage
from tests.fakes.fake_server import Gate, whole
from tests.proxy.asking import CHAT, COMPLETIONS, MODEL, Json, asked, chat, generate, records
from tests.proxy.conftest import RunningProxy, Stack, StartProxy, raw_post, settings_for
from tests.proxy.modelfiles import making

TOO_LONG = "the input length exceeds the context length"
SYSTEM = {"role": "system", "content": "be brief"}
LONG = "word " * 400


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def said(text: str) -> Json:
    return {"role": "assistant", "content": text}


def call(name: str) -> Json:
    return {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": name, "arguments": {}}}]}


@pytest.fixture
def small(stack: Stack) -> Iterator[Stack]:
    """An engine that takes less than it said when it was asked."""
    stack.engine.models[MODEL] = 1000
    yield stack
    stack.engine.models[MODEL] = 2048


@pytest.mark.parametrize("stream", [True, False])
def test_the_oldest_turns_go_and_the_client_is_told(small: Stack, stream: bool) -> None:
    history = [SYSTEM, user(LONG), said("a"), user(LONG), said("b"), user(LONG), said("c"), user("now")]
    answer = chat(small, *history, stream=stream)
    assert answer.status_code == 200
    assert answer.headers["x-truncated-messages"] == "4"
    assert records(answer)[-1]["truncated"] is True
    assert asked(small)["messages"] == [SYSTEM, *history[5:]]


def test_no_question_is_asked_for_what_fits(stack: Stack) -> None:
    answer = chat(stack, SYSTEM, user("one"), said("two"), user("three"))
    assert {request.path for request in stack.engine.received} == {CHAT}
    assert "x-truncated-messages" not in answer.headers
    assert "truncated" not in records(answer)[-1]


def test_calls_stay_with_their_results(small: Stack) -> None:
    tool = {"role": "tool", "tool_name": "look", "content": "word " * 350}
    chat(small, user("ask"), call("look"), tool, call("look"), tool, call("look"), tool)
    messages = asked(small)["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "assistant", "tool"]
    for made, result in zip(messages[1::2], messages[2::2], strict=True):
        assert made["tool_calls"][0]["id"] == result["tool_call_id"]


def test_the_question_goes_last_of_all(small: Stack) -> None:
    tool = {"role": "tool", "tool_name": "look", "content": LONG}
    chat(small, user(LONG * 2), call("look"), tool, call("look"), tool | {"content": "short " * 300})
    assert [message["role"] for message in asked(small)["messages"]] == ["assistant", "tool"]


@pytest.mark.parametrize("messages", [[user(LONG * 4)], [SYSTEM, user("a"), said("b"), user(LONG * 4)]])
def test_what_does_not_fit_alone_is_refused(small: Stack, messages: list[Json]) -> None:
    answer = chat(small, *messages)
    assert (answer.status_code, answer.json()) == (400, {"error": TOO_LONG})
    assert len(small.engine.asked(CHAT)) == 1


def test_a_huge_history_is_not_counted(small: Stack) -> None:
    chat(small, *[user("x " * 100_000), said("a")] * 5, user("now"))
    assert asked(small)["messages"] == [user("now")]
    assert all(len(request.body) < 1000 for request in small.engine.asked("/tokenize"))


def test_nothing_is_cut_against_the_clients_will(small: Stack) -> None:
    answer = chat(small, user(LONG * 2), said("a"), user(LONG * 2), truncate=False)
    assert (answer.status_code, answer.json()) == (400, {"error": TOO_LONG})
    assert [request.path for request in small.engine.received] == [CHAT]


@pytest.mark.parametrize(("words", "dropped"), [(988, None), (989, "2"), (990, "2")])
def test_a_prompt_that_fills_the_context_is_too_long(small: Stack, words: int, dropped: str | None) -> None:
    answer = chat(small, user("word " * words), said("a"), user("now"))
    assert answer.headers.get("x-truncated-messages") == dropped


@pytest.mark.parametrize(("num_predict", "left"), [(None, 3), (0, 5), (1, 5), (240, 3)])
def test_room_is_left_for_the_answer(small: Stack, num_predict: int | None, left: int) -> None:
    third = "word " * 290
    history = [user(third), said("a"), user(third), said("b"), user(third), said("c"), user("word " * 200)]
    chat(small, *history, options={"num_predict": num_predict})
    assert len(asked(small)["messages"]) == left


class TestSmallerContextsThanServed:
    def test_less_is_sent(self, stack: Stack) -> None:
        answer = chat(stack, user(LONG), said("a"), user("now"), options={"num_ctx": 300}, stream=False)
        assert answer.headers["x-truncated-messages"] == "2"
        assert asked(stack)["messages"] == [user("now")]

    def test_what_may_not_fit_but_does_is_sent_whole(self, stack: Stack) -> None:
        answer = chat(stack, user(LONG), said("a"), user("now"), options={"num_ctx": 500}, stream=False)
        assert "truncated" not in answer.json()
        assert len(stack.engine.asked("/tokenize")) == 1
        assert len(asked(stack)["messages"]) == 3

    def test_it_is_refused_where_nothing_may_be_cut(self, stack: Stack) -> None:
        history = [user(LONG), said("a"), user("now")]
        answer = chat(stack, *history, options={"num_ctx": 300}, truncate=False)
        assert (answer.status_code, answer.json()) == (400, {"error": TOO_LONG})
        assert stack.engine.asked(CHAT) == []

    @pytest.mark.parametrize(
        ("num_ctx", "max_tokens"), [(100, 1000), (1000, None), (2048, None), (10**9, None)]
    )
    def test_answers_grow_to_ten_contexts(self, stack: Stack, num_ctx: int, max_tokens: int | None) -> None:
        chat(stack, options={"num_ctx": num_ctx})
        assert asked(stack).get("max_tokens") == max_tokens

    def test_or_to_the_contexts_end_where_it_may_not_shift(self, stack: Stack) -> None:
        chat(stack, user("one two"), options={"num_ctx": 100}, shift=False)
        # <s>, the user's mark, two words, the end's mark and the assistant's.
        assert asked(stack)["max_tokens"] == 100 - 6

    def test_a_context_of_nothing_is_that_of_the_engine(self, stack: Stack) -> None:
        for num_ctx in (0, -1, None):
            chat(stack, user(LONG), options={"num_ctx": num_ctx})
        assert {request.path for request in stack.engine.received} == {CHAT}

    def test_one_token_is_too_little(self, stack: Stack) -> None:
        answer = chat(stack, options={"num_ctx": 1})
        assert (answer.status_code, answer.json()) == (400, {"error": TOO_LONG})


class TestTexts:
    def test_a_raw_prompt_keeps_its_end_and_its_first_tokens(self, small: Stack) -> None:
        prompt = " ".join(str(number) for number in range(1500))
        answer = generate(small, prompt, raw=True, stream=False)
        assert answer.headers["x-truncated-tokens"] == "751"
        assert answer.json()["truncated"] is True
        sent = asked(small, COMPLETIONS)["prompt"]
        assert len(sent) == 750
        assert small.engine.tokenizer.text(sent[:6]) == "<s>0 1 2 3 755"
        assert small.engine.tokenizer.text(sent[-2:]) == " 1498 1499"

    def test_of_a_huge_one_no_more_is_read_than_may_stay(self, small: Stack) -> None:
        answer = generate(small, "<begin>" + "x" * 100_000 + " word" * 100_000, raw=True, stream=False)
        assert len(small.engine.wait_for("/tokenize").body) < 60_000
        sent = small.engine.tokenizer.text(asked(small, COMPLETIONS)["prompt"])
        assert sent.startswith("<s><begin>x")
        assert sent.endswith(" word word")
        assert int(answer.headers["x-truncated-tokens"]) > 0

    def test_as_many_stay_as_the_client_wants(self, small: Stack) -> None:
        prompt = " ".join(str(number) for number in range(1500))
        generate(small, prompt, raw=True, options={"num_keep": 3})
        sent = small.engine.tokenizer.text(asked(small, COMPLETIONS)["prompt"])
        assert sent.startswith("<s>0 1 2 7")

    def test_nothing_is_cut_against_the_clients_will(self, small: Stack) -> None:
        answer = generate(small, LONG * 4, raw=True, truncate=False)
        assert (answer.status_code, answer.json()) == (400, {"error": TOO_LONG})

    def test_a_context_loses_its_middle(self, small: Stack) -> None:
        context = small.engine.tokenizer.ids(LONG * 4, special=True)
        told = generate(small, "now", context=context, stream=False).json()
        assert told["truncated"] is True
        assert len(asked(small, COMPLETIONS)["prompt"]) == 750
        sent = small.engine.tokenizer.text(asked(small, COMPLETIONS)["prompt"])
        assert sent.startswith("<s>word word")
        assert sent.endswith("<|user|>now<|end|><|assistant|>")

    def test_a_template_gets_fewer_messages(self, small: Stack) -> None:
        with making(small) as make:
            name = make(template="{{ range .Messages }}[{{ .Role }}]{{ .Content }}{{ end }}[assistant]")
            answer = chat(small, user(LONG * 3), said("a"), user("now"), model=name, stream=False)
        assert answer.headers["x-truncated-messages"] == "2"
        assert asked(small, COMPLETIONS)["prompt"] == "[user]now[assistant]"


class TestEnginesOfAnotherKind:
    def test_one_that_cannot_count_says_so(self, small: Stack) -> None:
        small.engine.plan(whole({"error": {"message": "exceeds model's maximum context length"}}, 400))
        small.engine.plan(whole({"detail": "Not Found"}, 404))
        answer = chat(small, user("a"), said("b"), user("c"))
        assert answer.status_code == 400
        hint = "and its engine cannot count what could be left out"
        assert answer.json() == {"error": f"{TOO_LONG}, {hint}"}

    def test_one_that_cannot_count_is_asked_as_it_is(self, stack: Stack) -> None:
        stack.engine.plan(whole({"detail": "Not Found"}, 404))
        told = chat(stack, user(LONG), user("one"), options={"num_ctx": 300}, stream=False).json()
        assert told["message"]["content"] == "one "

    @pytest.fixture
    def llama(self, stack: Stack, start_proxy: StartProxy) -> RunningProxy:
        """A proxy to whom the engine says that it is llama-server."""
        proxy = start_proxy(settings_for(stack.models, stack.engine.url))
        stack.engine.card = {"owned_by": "llamacpp", "max_model_len": None, "meta": {"n_ctx": 512}}
        listed = {one["name"]: one["details"] for one in proxy.client.get("/api/tags").json()["models"]}
        assert listed[MODEL]["context_length"] == 512
        stack.engine.reset()
        return proxy

    def test_llama_server_counts_in_its_own_words(self, stack: Stack, llama: RunningProxy) -> None:
        refusal = {
            "code": 400,
            "message": "request (99 tokens) exceeds the available context size (64 tokens)",
            "type": "exceed_context_size_error",
        }
        stack.engine.plan(whole({"error": refusal}, 400))
        for count in (20, 60):
            stack.engine.plan(whole({"prompt": "rendered"}))
            stack.engine.plan(whole({"tokens": list(range(count))}))
        stack.engine.plan(streamed([delta(content="hi"), delta("stop"), usage(1, 1)]))
        history = [user("a"), said("b"), user("c"), said("d"), user("e")]
        answer = llama.client.post("/api/chat", json={"model": MODEL, "messages": history, "stream": False})
        assert answer.headers["x-truncated-messages"] == "4"
        paths = [request.path for request in stack.engine.received]
        assert paths == [CHAT, "/apply-template", "/tokenize", "/apply-template", "/tokenize", CHAT]
        assert stack.engine.asked("/tokenize")[0].json()["content"] == "rendered"


@pytest.mark.parametrize("stream", [True, False])
def test_nobody_counts_for_a_client_that_left(stack: Stack, stream: bool) -> None:
    gate = Gate()
    stack.engine.plan([gate])
    body = {"model": MODEL, "messages": [user(LONG)], "options": {"num_ctx": 300}, "stream": stream}
    with raw_post(stack.proxy.port, "/api/chat", body):
        gate.wait_until_reached()
    assert stack.engine.wait_for("/tokenize").gone.wait(5)
    assert stack.engine.asked(CHAT) == []
