"""--embeddings: who may embed, and what is wrong with a URL that no container could use."""

import argparse
import os
from pathlib import Path

import pytest

from builder.choices import embeddings_choice, stack_options
from builder.errors import UsageError
from builder.render import EmbeddingsServer, StackOptions
from builder.stack.ask import first_key


@pytest.mark.parametrize("service", ["infinity", "vllm"])
def test_a_service_of_the_stack(service: str) -> None:
    assert embeddings_choice(service) == service


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://embed.example", "https://embed.example"),
        ("https://embed.example:8443/team/v1/", "https://embed.example:8443/team/v1"),
        ("http://host.docker.internal:8080/v1", "http://host.docker.internal:8080/v1"),
        ("http://192.168.1.7:7997", "http://192.168.1.7:7997"),
        ("http://[fd00::7]:7997", "http://[fd00::7]:7997"),
        ("http://nas.lan/v1", "http://nas.lan/v1"),
        ("http://tei:80", "http://tei:80"),
    ],
)
def test_a_server(text: str, url: str) -> None:
    assert embeddings_choice(text) == EmbeddingsServer(url)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("tei", "'tei' is no kind of embeddings", "infinity, vllm"),
        ("", "'' is no kind of embeddings", "infinity, vllm"),
        ("embed.example/v1", "is no kind of embeddings", "https://HOST"),
        ("ftp://embed.example", "is no server's URL", "https://HOST"),
        ("https://", "is no server's URL", "https://HOST"),
        ("https://user:secret@embed.example", "is no server's URL", "without login"),
        ("https://embed.example/v1?key=1", "is no server's URL", "query"),
        ("https://embed.example/$HOME", "is no server's URL", "special characters"),
        ("https://embed.example/v1\n- --listen=x", "is no server's URL", "special characters"),
        ("https://embed.example:0", "is no server's URL", "https://HOST"),
        ("https://embed.example:99999", "is no server's URL", "https://HOST"),
        ("https://[::1", "is no server's URL", "https://HOST"),
        (
            "http://localhost:8080",
            "inside a container localhost is the container itself",
            "host.docker.internal",
        ),
        ("https://127.0.0.1/v1", "127.0.0.1 is the container itself", "host.docker.internal"),
        ("http://[::1]:80", "::1 is the container itself", "host.docker.internal"),
        ("http://0.0.0.0:80", "0.0.0.0 is the container itself", "host.docker.internal"),
        ("http://embed.example/v1", "would send every text readable", "use https"),
        ("http://9.9.9.9/v1", "would send every text readable", "use https"),
    ],
)
def test_what_cannot_work_is_one_line(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        embeddings_choice(text)
    assert message in caught.value.message
    assert repr(text) in caught.value.message
    assert hint in (caught.value.hint or "")


def test_the_machines_certificates_are_looked_up_only_for_a_server() -> None:
    def unasked() -> Path:
        raise AssertionError("nobody needs them")

    asked = {"gpus": 2, "keys": None, "address": "127.0.0.1"}
    assert stack_options(argparse.Namespace(embeddings="vllm", **asked), unasked).gpus == 2
    server = argparse.Namespace(embeddings="https://embed.example", **asked)
    trusting = stack_options(server, lambda: Path("/etc/ca.pem"))
    assert trusting.embeddings == EmbeddingsServer("https://embed.example", Path("/etc/ca.pem"))
    assert trusting.files == {"ca": Path("/etc/ca.pem")}


class TestWhoMayCall:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        file = tmp_path / "keys"
        file.write_text("# ours\n\nalice: s3cret\nplain\n")
        file.chmod(0o644)
        return file

    @staticmethod
    def options(address: str = "127.0.0.1", keys: object = None) -> StackOptions:
        name = None if keys is None else str(keys)
        return stack_options(argparse.Namespace(embeddings="vllm", gpus=1, address=address, keys=name))

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
    def test_this_machine_alone_needs_no_keys(self, address: str) -> None:
        assert self.options(address).address == address

    @pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", "::", "fe80::1"])
    def test_others_need_one(self, address: str, file: Path) -> None:
        with pytest.raises(UsageError, match="would let everyone call") as caught:
            self.options(address)
        assert "--keys" in (caught.value.hint or "")
        options = self.options(address, file)
        assert (options.address, options.files) == (address, {"api_keys": file})

    @pytest.mark.parametrize("address", ["", "localhost", "0.0.0.0:80", "256.1.1.1", "1.2.3.4\n- x"])
    def test_what_is_no_address(self, address: str, file: Path) -> None:
        with pytest.raises(UsageError, match="is no IP address"):
            self.options(address, file)

    def test_a_file_that_was_changed_is_another_one(self, file: Path) -> None:
        before = self.options(keys=file).keys
        os.utime(file, ns=(1, 1))
        assert self.options(keys=file).keys != before

    def test_a_file_that_cannot_be_used(self, file: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="No such file"):
            self.options(keys=tmp_path / "nothing")
        with pytest.raises(UsageError, match="holds no key"):
            self.options(keys=tmp_path)
        file.chmod(0o600)
        with pytest.raises(UsageError, match="may not read it") as caught:
            self.options(keys=file)
        assert "chmod o+r" in (caught.value.hint or "")
        file.write_text("")
        with pytest.raises(UsageError, match="holds no key"):
            self.options(keys=file)

    def test_the_first_question_is_asked_with_the_first_key(self, file: Path) -> None:
        assert first_key(file) == "s3cret"
        file.write_text("plain\nalice:other")
        assert first_key(file) == "plain"
