"""A stand-in for vLLM's server that costs little: words at a steady pace, each token a write of its own.

An answer begins at the word that the request names (`say 17`), so that no two neighbours say the same."""

import asyncio
import re
from collections.abc import Iterator
from itertools import chain
from multiprocessing.connection import Connection
from typing import cast

import uvloop

MODEL = "bench"
# Once in every token, so that tokens can be counted wherever the stream is cut.
MARK = b"~"

_WORDS = (
    "the",
    "engine",
    "says",
    "what",
    "it",
    "was",
    "asked",
    "in",
    "Zürich's",
    "日本",
    '"words"',
    "of",
    "us",
)
_TOKENS = tuple(f" ~{word}" for word in _WORDS)
_JSON = tuple(token.encode().replace(b'"', b'\\"') for token in _TOKENS)

_FIRST = re.compile(rb"say (\d+)")
_COUNT = re.compile(rb'"max_tokens": ?(\d+)')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)
_CARDS = b'{"object":"list","data":[{"id":"%s","object":"model","max_model_len":4096}]}' % MODEL.encode()
_HEAD = (
    b'{"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"chat.completion.chunk",'
    b'"created":1764000000,"model":"%s","choices":[' % MODEL.encode()
)
_CHOICE = b'{"index":0,"delta":{%s},"logprobs":null,"finish_reason":%s}]}'
_USAGE = b'],"usage":{"prompt_tokens":7,"total_tokens":%d,"completion_tokens":%d}}'


def text(first: int, count: int) -> str:
    """What an answer says."""
    return "".join(_TOKENS[number % len(_TOKENS)] for number in range(first, first + count))


def serve(port: Connection, interval: float) -> None:
    """Runs until it is killed; sends the port that it took. `interval` is the seconds between two tokens."""
    uvloop.run(_serve(port, interval))


async def _serve(port: Connection, interval: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Client(interval), "127.0.0.1", 0)
    port.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


class _Client(asyncio.Protocol):
    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or len(body) < (int(length[1]) if length else 0):
            return
        self._received = b""
        if head.startswith(b"GET"):
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(_CARDS), _CARDS))
            return
        (first,), (count,) = _FIRST.findall(body), _COUNT.findall(body)
        self._transport.write(_STREAM_HEAD)
        self._speak(_events(int(first), int(count)), int(count), self._loop.time())

    def _speak(self, events: Iterator[bytes], left: int, due: float) -> None:
        """One token now, the next when it is due. The role comes with the first, the end with the last."""
        for event in events:
            if self._transport.is_closing():
                return
            self._transport.write(event)
            left -= MARK in event
            if self._interval and left and MARK in event:
                due += self._interval
                self._loop.call_at(due, self._speak, events, left, due)
                return


def _events(first: int, count: int) -> Iterator[bytes]:
    role = _CHOICE % (b'"role":"assistant","content":""', b"null")
    said = (_JSON[number % len(_JSON)] for number in range(first, first + count))
    contents = (_CHOICE % (b'"content":"%s"' % token, b"null") for token in said)
    end = (_CHOICE % (b'"content":""', b'"stop"'), _USAGE % (7 + count, count))
    for data in chain((role,), contents, end):
        yield _chunk(b"data: " + _HEAD + data + b"\n\n")
    yield _chunk(b"data: [DONE]\n\n")
    yield _chunk(b"")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)
