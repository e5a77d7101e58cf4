"""Pictures and sounds as the engine takes them."""

import base64

import pytest

from proxy.dialect.prompts.images import content_part
from proxy.errors import ApiError

PICTURES = {
    b"\x89PNG\r\n\x1a\n....": "image/png",
    b"\xff\xd8\xff\xe0....": "image/jpeg",
    b"GIF89a....": "image/gif",
    b"GIF87a....": "image/gif",
    b"RIFF\x10\0\0\0WEBPVP8 ": "image/webp",
}
SOUNDS = {
    b"RIFF\x10\0\0\0WAVEfmt ": "wav",
    b"ID3\x04....": "mp3",
    b"\xff\xfb\x90....": "mp3",
    b"fLaC....": "flac",
    b"OggS....": "ogg",
}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("data", PICTURES)
def test_a_picture_is_known_by_its_first_bytes(data: bytes) -> None:
    url = f"data:{PICTURES[data]};base64,{encoded(data)}"
    assert content_part(encoded(data)) == {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize("data", SOUNDS)
def test_a_sound_is_known_too(data: bytes) -> None:
    sound = {"data": encoded(data), "format": SOUNDS[data]}
    assert content_part(encoded(data)) == {"type": "input_audio", "input_audio": sound}


def test_what_a_data_uri_claims_counts_less_than_its_bytes() -> None:
    plain = encoded(b"GIF89a....")
    assert content_part(f"data:image/png;base64,{plain}") == content_part(plain)


def test_lines_of_any_length_are_one_text() -> None:
    plain = encoded(b"GIF89a" + bytes(90))
    lines = "\r\n".join(plain[start : start + 20] for start in range(0, len(plain), 20))
    assert content_part(f"{lines}\n") == content_part(plain)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("%%%", 0),
        ("QUJD-_==", 4),
        ("QUJDR", 5),
        ("QUJ=D", 3),
        ("QQ=", 3),
        ("QQ===", 2),
        ("http://x/y.png", 4),
        ("data:image/png,abc", 4),
        ("QUJD\u00e9", 4),
    ],
)
def test_what_is_no_base64(text: str, place: int) -> None:
    with pytest.raises(ApiError, match=rf"^illegal base64 data at input byte {place}$"):
        content_part(text)


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"BM....", b"%PDF-1.7"])
def test_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(ApiError, match=r"^images must be PNG, JPEG, GIF or WEBP$"):
        content_part(encoded(data))
