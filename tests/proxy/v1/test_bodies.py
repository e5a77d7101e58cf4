"""Bodies that come compressed, and those that engines would not read."""

import gzip
import json
import sys
import zlib

import msgspec
import pytest

from tests.proxy.conftest import Stack

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PATH = "/v1/responses"
BODY = json.dumps({"model": "smollm2:135m", "input": "hi"}).encode()
GZIPPED = gzip.compress(BODY, mtime=0)
ZSTD = zstd.compress(BODY)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", GZIPPED),
        ("GZIP", GZIPPED),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
        ("zstd", ZSTD),
        ("identity", BODY),
    ],
    ids=["gzip", "upper case", "deflate", "deflate without its header", "zstd", "as it is"],
)
def test_what_can_be_unpacked(stack: Stack, encoding: str, body: bytes) -> None:
    answer = stack.client.post(PATH, content=body, headers={"content-encoding": encoding})
    assert answer.status_code == 200
    request = stack.engine.wait_for(PATH)
    assert request.body == BODY
    assert "content-encoding" not in request.headers


@pytest.mark.parametrize("path", [PATH, "/v1/chat/completions", "/v1/messages", "/v1/embeddings"])
@pytest.mark.parametrize("encoding", ["br", "gzip, gzip"])
def test_what_cannot(stack: Stack, path: str, encoding: str) -> None:
    answer = stack.client.post(path, content=b"(\xb5/\xfd", headers={"content-encoding": encoding})
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "gzip, deflate, zstd"
    assert encoding in answer.json()["error"]["message"]


@pytest.mark.parametrize(("encoding", "packed"), [("gzip", GZIPPED), ("zstd", ZSTD)])
def test_what_is_broken(stack: Stack, encoding: str, packed: bytes) -> None:
    for body in (b"", b"hello", packed[:-9], packed[5:]):
        answer = stack.client.post(PATH, content=body, headers={"content-encoding": encoding})
        assert answer.status_code == 400, body
    assert stack.engine.received == []


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_what_is_small_only_while_it_is_packed(stack: Stack, encoding: str) -> None:
    packer = zlib.compressobj(9, wbits=31) if encoding == "gzip" else zstd.ZstdCompressor()
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(65)) + packer.flush()
    answer = stack.client.post(PATH, content=bomb, headers={"content-encoding": encoding})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"1} trailing", 1),
        (b'"a\xffb"}', "a\ufffdb"),
        (b'"\\ud800"}', "\ufffd"),
        (b"1000000000000000000000}", 1e21),
    ],
)
def test_what_ollama_takes_and_engines_do_not_is_written_anew(
    stack: Stack, sent: bytes, read: object
) -> None:
    stack.client.post(PATH, content=BODY[:-1] + b', "x": ' + sent)
    asked = stack.engine.wait_for(PATH)
    assert msgspec.json.decode(asked.body) == json.loads(BODY) | {"x": read}
