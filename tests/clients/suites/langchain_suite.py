"""LangChain's own tests for integrations, on its integration of Ollama."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_ollama import ChatOllama, OllamaEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

HOST = os.environ["OLLAMA_HOST"]


@pytest.fixture(autouse=True)
def _pictures_of_the_web(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tests fetch a picture from the web; it is not the web that is tested here."""

    def get(_url: str, **_: object) -> httpx.Response:
        return httpx.Response(200, content=Path(os.environ["PICTURE"]).read_bytes())

    monkeypatch.setattr(httpx, "get", get)


@pytest.fixture(scope="session")
def vcr_cassette_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where one test records what it asks. Nothing is ever replayed from there."""
    return os.fspath(tmp_path_factory.mktemp("cassettes"))


class TestChat(ChatModelIntegrationTests):
    """All abilities are claimed: what ChatOllama lacks is expected to fail, and would be noticed if it did
    not."""

    @property
    def chat_model_class(self) -> type[ChatOllama]:
        return ChatOllama

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": os.environ["CHAT_MODEL"], "base_url": HOST}

    @property
    def model_override_value(self) -> str:
        return os.environ["THINKING_MODEL"]

    has_tool_choice = True
    supports_json_mode = True
    supports_image_inputs = True
    supports_image_tool_message = True
    supports_pdf_inputs = True
    supports_audio_inputs = True
    supports_pdf_tool_message = True
    supports_anthropic_inputs = True
    enable_vcr_tests = True

    @pytest.mark.xfail(reason="ChatOllama drops tool_choice")
    def test_tool_choice(self, model: BaseChatModel) -> None:
        super().test_tool_choice(model)

    @pytest.mark.xfail(reason="ChatOllama takes no files", raises=ValueError)
    def test_pdf_inputs(self, model: BaseChatModel) -> None:
        super().test_pdf_inputs(model)

    @pytest.mark.xfail(reason="ChatOllama takes no files in a tool's answer", raises=ValueError)
    def test_pdf_tool_message(self, model: BaseChatModel) -> None:
        super().test_pdf_tool_message(model)

    @pytest.mark.xfail(reason="ChatOllama takes no sound", raises=ValueError)
    def test_audio_inputs(self, model: BaseChatModel) -> None:
        super().test_audio_inputs(model)

    @pytest.mark.xfail(reason="ChatOllama takes no thinking in Anthropic's form", raises=ValueError)
    def test_anthropic_inputs(self, model: BaseChatModel) -> None:
        super().test_anthropic_inputs(model)


class TestEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[OllamaEmbeddings]:
        return OllamaEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": os.environ["EMBEDDING_MODEL"], "base_url": HOST}
