"""Clients that cannot be installed here: what they send, and what they do with the answer.

Each reads answers as strictly as its client does, and no more kindly."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

import httpx
import pytest

from tests.clients.running import MODELS, Served

Json = dict[str, Any]

MODEL = MODELS["CHAT_MODEL"]
THINKER = MODELS["THINKING_MODEL"]
FILLER = "codellama:7b-code"
SKY = "The sky is blue because air scatters blue light more than red light."
ASKED = [{"role": "user", "content": "Why is the sky blue?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, trust_env=False, timeout=10) as client:
        yield client


def lines_of(answer: httpx.Response) -> list[Json]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


class TestContinue:
    """It looks at a model's page before anything else, and stops where a line of it surprises."""

    PARAMETER = re.compile(r'^(\S+)\s+((?:".*")|\S+)$')

    @pytest.fixture
    def named(self, client: httpx.Client) -> Iterator[str]:
        parameters = {"num_ctx": 2048, "temperature": 0.5, "stop": ["<|end|>", 'say "no more"']}
        made = {"model": "continues", "from": MODEL, "parameters": parameters, "stream": False}
        assert client.post("/api/create", json=made).json() == {"status": "success"}
        yield "continues"
        client.request("DELETE", "/api/delete", json={"model": "continues"})

    def test_parameters(self, client: httpx.Client, named: str) -> None:
        shown = client.post("/api/show", json={"name": named}).json()
        found: dict[str, list[str]] = {}
        for line in shown["parameters"].split("\n"):
            match = self.PARAMETER.match(line)
            assert match, f"Continue throws at {line!r}"
            found.setdefault(match[1], []).append(match[2])
        assert int(found["num_ctx"][0]) == 2048
        assert {json.loads(text) for text in found["stop"]} == {"<|end|>", 'say "no more"'}

    def test_a_model_without_parameters(self, client: httpx.Client) -> None:
        """What is empty is not looked at."""
        assert not client.post("/api/show", json={"name": MODEL}).json().get("parameters")

    @pytest.mark.parametrize(("name", "fills"), [(FILLER, True), (MODEL, False)])
    def test_whether_a_model_fills_in_the_middle(
        self, client: httpx.Client, name: str, *, fills: bool
    ) -> None:
        shown = client.post("/api/show", json={"name": name}).json()
        assert (".Suffix" in shown.get("template", "")) == fills

    def test_completion_at_the_cursor(self, client: httpx.Client) -> None:
        asked = {
            "model": FILLER,
            "prompt": "def f(s):\n    ",
            "suffix": "\n    return s\n",
            "options": {"temperature": 0.01, "num_predict": 2048, "stop": ["\n\n"], "num_ctx": 4096},
            "keep_alive": 1800,
            "stream": True,
        }
        parts = lines_of(client.post("/api/generate", json=asked))
        assert "".join(part["response"] for part in parts).startswith("Keep only")

    def test_chat_with_tools_in_one_piece(self, client: httpx.Client) -> None:
        question = {"role": "user", "content": "What is the weather in Paris?"}
        asked = {"model": MODEL, "messages": [question], "tools": [WEATHER], "stream": False}
        told = client.post(
            "/api/chat", json=asked | {"options": {"num_ctx": 32768}, "keep_alive": 1800}
        ).json()
        assert told["message"]["role"] == "assistant"
        [call] = told["message"]["tool_calls"]
        assert json.dumps(call["function"]["arguments"]) == '{"city": "Paris"}'


class TestCopilotInVsCode:
    """It reads the list and every model's page in Ollama's words, and chats in OpenAI's."""

    AGENT: ClassVar = {"user-agent": "GitHubCopilotChat/0.30.0"}

    def test_it_finds_the_models_and_their_limits(self, client: httpx.Client) -> None:
        version = client.get("/api/version").json()["version"]
        assert [int(part) for part in version.split(".")] >= [0, 6, 4]
        models = client.get("/api/tags").json()["models"]
        assert models
        for model in models:
            shown = client.post("/api/show", json={"model": model["model"]}, headers=self.AGENT).json()
            info = shown["model_info"]
            assert info[f"{info['general.architecture']}.context_length"] in (4096, 512)
            assert info["general.basename"] == model["model"]
            assert isinstance(shown["capabilities"], list)

    def test_chat(self, client: httpx.Client) -> None:
        asked = {
            "model": MODEL,
            "messages": [{"role": "system", "content": "You help."}, *ASKED],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.1,
            "top_p": 1,
            "n": 1,
            "tools": [WEATHER],
            "tool_choice": "auto",
        }
        answer = client.post("/v1/chat/completions", json=asked, headers=self.AGENT)
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
        assert events[-1] == "[DONE]"
        chunks = [json.loads(event) for event in events[:-1]]
        deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
        assert "".join(delta.get("content") or "" for delta in deltas) == SKY
        assert chunks[-1]["usage"]["total_tokens"] > 0


class TestHomeAssistant:
    """Its numbers are floats, its messages come from the `ollama` package, and the results of its tools carry
    neither a name nor an id."""

    OPTIONS: ClassVar = {"num_ctx": 8192.0}

    def ask(self, client: httpx.Client, messages: list[Json], **more: object) -> list[Json]:
        asked = {"model": MODEL, "messages": messages, "stream": True, "options": self.OPTIONS}
        return lines_of(client.post("/api/chat", json=asked | {"keep_alive": -1} | more))

    def test_a_conversation_with_tools(self, client: httpx.Client) -> None:
        messages: list[Json] = [
            {"role": "system", "content": "You are a voice assistant."},
            {"role": "user", "content": "What is the weather in Paris? What is the weather in Rome?"},
        ]
        parts = self.ask(client, messages, tools=[WEATHER], think=False)
        calls = [call for part in parts for call in part["message"].get("tool_calls") or ()]
        functions = [
            {"name": call["function"]["name"], "arguments": call["function"]["arguments"]} for call in calls
        ]
        assert [function["arguments"] for function in functions] == [{"city": "Paris"}, {"city": "Rome"}]
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [{"function": each} for each in functions]},
            {"role": "tool", "content": '{"data": "sunny", "error": null}'},
            {"role": "tool", "content": '{"data": "rainy", "error": null}'},
        ]
        told = "".join(part["message"]["content"] for part in self.ask(client, messages, tools=[WEATHER]))
        assert "sunny" in told
        assert "rainy" in told

    @pytest.mark.parametrize("keep_alive", ["30s", -1, "-1s", "0s"])
    def test_keep_alive(self, client: httpx.Client, keep_alive: object) -> None:
        *_, last = self.ask(client, ASKED, keep_alive=keep_alive, tools=None, format=None, think=None)
        assert last["done"] is True

    def test_data_of_a_task(self, client: httpx.Client) -> None:
        """Its schemas come out of a converter of its own, which leaves words that are no JSON schema's."""
        form = {
            "type": "object",
            "properties": {"lights": {"type": "array", "items": {"type": "string"}, "description": "all"}},
            "required": ["lights"],
            "strict": True,
        }
        parts = self.ask(client, ASKED, format=form, tools=[])
        assert json.loads("".join(part["message"]["content"] for part in parts)) == {"lights": ["a lights"]}


class TestOpenWebui:
    """It turns OpenAI's words into Ollama's and back, and works speeds out of the durations."""

    HEADERS: ClassVar = {
        "X-OpenWebUI-User-Name": "Jo",
        "X-OpenWebUI-User-Role": "admin",
        "Authorization": "Bearer key",
    }

    def test_version(self, client: httpx.Client) -> None:
        version = client.get("/api/version", headers=self.HEADERS).json()["version"]
        assert len([int(part) for part in re.sub(r"^v|-.*", "", version).split(".")]) == 3

    def test_lists_and_what_is_loaded(self, client: httpx.Client) -> None:
        names = {model["model"] for model in client.get("/api/tags").json()["models"]}
        loaded = client.get("/api/ps").json()["models"]
        assert {model["name"] for model in loaded} <= names
        for model in loaded:
            assert datetime.fromisoformat(model["expires_at"]).timestamp() > 0

    def test_a_chat_and_its_figures(self, client: httpx.Client) -> None:
        options = {
            "temperature": 0.7,
            "mirostat": 0,
            "mirostat_eta": 0.1,
            "tfs_z": 1,
            "num_ctx": 2048,
            "repeat_last_n": 64,
            "penalize_newline": False,
            "numa": False,
            "low_vram": False,
            "vocab_only": False,
            "use_mlock": True,
            "stop": ["because\n"],
            "new_topic_penalty": 0.5,
        }
        asked = {"model": f"{MODEL}:latest", "messages": ASKED, "stream": True, "options": options}
        more = {"think": False, "keep_alive": "5m", "metadata": {"chat_id": "1"}}
        *_, last = parts = lines_of(client.post("/api/chat", json=asked | more, headers=self.HEADERS))
        assert "".join(part["message"]["content"] for part in parts) == SKY
        assert last["eval_count"] / last["eval_duration"] > 0
        assert last["prompt_eval_count"] / last["prompt_eval_duration"] > 0
        assert int(last["total_duration"]) >= int(last["load_duration"]) > 0

    def test_tool_calls_there_and_back(self, client: httpx.Client) -> None:
        asked = {"model": MODEL, "tools": [WEATHER], "stream": True}
        messages: list[Json] = [{"role": "user", "content": "What is the weather in Paris?"}]
        parts = lines_of(client.post("/api/chat", json=asked | {"messages": messages}))
        [call] = [call for part in parts for call in part["message"].get("tool_calls") or ()]
        function = {
            "name": call["function"].get("name", ""),
            "arguments": json.loads(json.dumps(call["function"].get("arguments", {}))),
        }
        made = {"index": call["function"].get("index", 0), "id": call.get("id"), "function": function}
        assert made["id"]
        messages += [
            {"role": "assistant", "tool_calls": [made]},
            {"role": "tool", "content": "sunny in Paris", "tool_call_id": made["id"]},
        ]
        parts = lines_of(client.post("/api/chat", json=asked | {"messages": messages}))
        told = "".join(part["message"]["content"] for part in parts)
        assert told == "The tools say: sunny in Paris."

    def test_thinking(self, client: httpx.Client) -> None:
        parts = lines_of(client.post("/api/chat", json={"model": THINKER, "messages": ASKED, "think": True}))
        thought = "".join(part["message"].get("thinking") or "" for part in parts)
        assert thought.startswith("The user says:")

    def test_unloading(self, client: httpx.Client) -> None:
        asked = {"model": MODEL, "keep_alive": 0, "prompt": ""}
        assert client.post("/api/generate", json=asked).json()["done_reason"] == "unload"

    @pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
    def test_embeddings(self, client: httpx.Client, path: str) -> None:
        asked = {"model": MODELS["EMBEDDING_MODEL"], "input": ["one", "two"], "truncate": True}
        told = client.post(path, json=asked).json()
        vectors = told.get("embeddings") or [each["embedding"] for each in told["data"]]
        assert [type(value) for vector in vectors for value in vector] == [float] * 16

    def test_a_model_of_a_user(self, client: httpx.Client) -> None:
        asked = {"model": "of-a-user", "from": MODEL, "system": "You are terse.", "stream": True}
        *_, last = lines_of(client.post("/api/create", json=asked))
        assert last == {"status": "success"}
        assert client.request("DELETE", "/api/delete", json={"model": "of-a-user"}).status_code == 200


class TestLibreChat:
    """It chats by Ollama's JavaScript client, with nulls among the options, and lists models by itself."""

    def test_names(self, client: httpx.Client) -> None:
        assert f"{MODEL}:latest" in [tag["name"] for tag in client.get("/api/tags").json()["models"]]

    def test_chat(self, client: httpx.Client) -> None:
        flat: Json = {"temperature": 0.8, "top_p": 1, "seed": None, "stop": [], "mirostat": 0}
        parts = lines_of(
            client.post("/api/chat", json={"model": MODEL, "messages": ASKED, "stream": True} | flat)
        )
        assert "".join(part["message"]["content"] for part in parts) == SKY


class TestOllamasCommandLine:
    """Its words, by what a terminal calls them. It is written in Go, which fails where a type is another."""

    HEADERS: ClassVar = {
        "accept": "application/x-ndjson",
        "user-agent": "ollama/0.33.0 (amd64 linux) Go/go1.26.0",
        "content-type": "application/json",
    }

    @pytest.fixture
    def client(self, client: httpx.Client) -> httpx.Client:
        client.headers.update(self.HEADERS)
        assert client.head("/").status_code == 200
        return client

    def test_run(self, client: httpx.Client) -> None:
        shown = client.post("/api/show", json={"model": MODEL, "system": "", "verbose": False}).json()
        assert {"completion", "vision"} <= set(shown["capabilities"])
        asked: Json = {"model": MODEL, "prompt": "", "options": {}, "think": None, "keep_alive": None}
        [loaded] = [json.loads(line) for line in client.post("/api/generate", json=asked).text.splitlines()]
        assert (loaded["done"], loaded["done_reason"]) == (True, "load")
        chat: Json = {"model": MODEL, "messages": ASKED, "format": "", "options": {}, "think": None}
        *_, last = parts = lines_of(client.post("/api/chat", json=chat))
        assert "".join(part["message"]["content"] for part in parts) == SKY
        assert all(datetime.fromisoformat(part["created_at"]) for part in parts)
        assert all(isinstance(last[name], int) for name in last if name.endswith(("_duration", "_count")))

    def test_run_a_model_that_embeds(self, client: httpx.Client) -> None:
        model = MODELS["EMBEDDING_MODEL"]
        assert client.post("/api/show", json={"model": model}).json()["capabilities"] == ["embedding"]
        [vector] = client.post("/api/embed", json={"model": model, "input": "one"}).json()["embeddings"]
        assert len(vector) == 8

    def test_stop(self, client: httpx.Client) -> None:
        told = client.post("/api/generate", json={"model": MODEL, "prompt": "", "keep_alive": 0}).json()
        assert told["done_reason"] == "unload"

    def test_list_and_ps(self, client: httpx.Client) -> None:
        for path in ("/api/tags", "/api/ps"):
            models = client.get(path).json()["models"]
            assert models
            for model in models:
                assert re.fullmatch("[0-9a-f]{12}", model["digest"][:12])
                assert isinstance(model["size"], int)
                assert isinstance(model["details"]["families"], list)

    def test_show(self, client: httpx.Client) -> None:
        info = client.post("/api/show", json={"model": MODEL}).json()["model_info"]
        assert all(type(info[name]) is int for name in info if name.endswith(("_count", "_length")))

    def test_create_from_a_modelfile(self, client: httpx.Client) -> None:
        """The Modelfile is read here, by the command line; what follows `FROM` may be a model's name."""
        asked = {
            "model": "mario",
            "from": MODEL,
            "system": "You are Mario.",
            "parameters": {"temperature": 1, "stop": ["</s>", "because"]},
            "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "It's me!"}],
            "license": ["MIT"],
        }
        *_, last = lines_of(client.post("/api/create", json=asked))
        assert last == {"status": "success"}
        parts = lines_of(client.post("/api/chat", json={"model": "mario", "messages": ASKED}))
        assert "".join(part["message"]["content"] for part in parts).strip() == "The sky is blue"
        assert client.post("/api/copy", json={"source": "mario", "destination": "luigi"}).content == b""
        for name in ("mario", "luigi"):
            shown = client.post("/api/show", json={"model": name}).json()
            assert [message["role"] for message in shown["messages"]] == ["user", "assistant"]
            assert "\nPARAMETER stop because\n" in shown["modelfile"]
            assert client.request("DELETE", "/api/delete", json={"model": name}).content == b""

    def test_rm_of_what_is_not_there(self, client: httpx.Client) -> None:
        answer = client.request("DELETE", "/api/delete", json={"model": "nobody", "name": ""})
        assert (answer.status_code, answer.json()) == (404, {"error": "model 'nobody' not found"})

    def test_pull_of_what_is_here(self, client: httpx.Client) -> None:
        first, *between, last = lines_of(client.post("/api/pull", json={"model": MODEL, "insecure": False}))
        assert (first["status"], last["status"]) == ("pulling manifest", "success")
        for part in between:
            if "digest" in part:
                assert re.fullmatch("sha256:[0-9a-f]{64}", part["digest"])
                assert 0 <= part.get("completed", 0) <= part["total"]

    def test_what_it_asks_of_an_account(self, client: httpx.Client) -> None:
        assert client.get("/api/status").json()["cloud"]["disabled"] is True
        me = client.post("/api/me")
        assert (me.status_code, me.json()["error"]) == (401, "unauthorized")
        assert client.get("/api/experimental/model-recommendations").json()["recommendations"] == []
        assert client.post("/api/experimental/web_search", json={"query": "x"}).status_code == 403
