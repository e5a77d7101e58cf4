"""Runs in an image: hand vLLM an image, a sound and a film, and print what it makes of them."""

import io
import json
import math
import struct
import wave
from collections.abc import Iterator

import av
import numpy
import numpy.typing
import PIL.Image
from vllm.multimodal.audio import AudioResampler
from vllm.multimodal.media import AudioMediaIO, ImageMediaIO, VideoMediaIO
from vllm.multimodal.parse import MultiModalDataParser

RATE, FRAMES, SIZE = 8000, 24, 64


def image() -> bytes:
    with io.BytesIO() as file:
        PIL.Image.new("RGBA", (SIZE, SIZE), (255, 0, 0, 255)).save(file, "PNG")
        return file.getvalue()


def sound() -> bytes:
    """A second of 440 Hz."""
    with io.BytesIO() as file:
        with wave.open(file, "wb") as writer:
            writer.setparams((1, 2, RATE, RATE, "NONE", ""))
            for index in range(RATE):
                writer.writeframes(struct.pack("<h", round(20000 * math.sin(math.tau * 440 * index / RATE))))
        return file.getvalue()


def film(container: str = "mp4", codec: str = "h264") -> bytes:
    """A second from black to white."""
    with io.BytesIO() as file:
        with av.open(file, "w", format=container) as out:
            stream = out.add_stream(codec, rate=FRAMES)
            stream.width, stream.height, stream.pix_fmt = SIZE, SIZE, "yuv420p"
            for frame in pictures():
                out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            out.mux(stream.encode())
        return file.getvalue()


def pictures() -> Iterator[numpy.typing.NDArray[numpy.uint8]]:
    for index in range(FRAMES):
        yield numpy.full((SIZE, SIZE, 3), 255 * index // (FRAMES - 1), dtype=numpy.uint8)


def resampled(wave_form: numpy.typing.NDArray[numpy.float32], method: str) -> int:
    return len(AudioResampler(target_sr=2 * RATE, method=method).resample(wave_form, orig_sr=RATE))


images = ImageMediaIO()
picture = images.load_bytes(image()).media
heard, rate = AudioMediaIO().load_bytes(sound())
frames, facts = VideoMediaIO(images, num_frames=8).load_bytes(film()).media
parsed = MultiModalDataParser(target_sr=2 * RATE).parse_mm_data(
    {"image": picture, "audio": (heard, rate), "video": frames}
)
print(
    json.dumps(
        {
            "image": [picture.mode, *picture.size, *picture.getpixel((0, 0))],
            "audio": [len(heard), int(rate), round(float(abs(heard).max()), 1)],
            "video": [*frames.shape, bool(frames[0].mean() < 10), bool(frames[-1].mean() > 200)],
            "decoder": facts["video_backend"],
            "resampled": {
                method: resampled(heard, method) for method in ("pyav", "scipy", "soxr", "torchaudio")
            },
            "parsed": {name: len(items) for name, items in parsed.items()},
        }
    )
)
