"""The images as what is pushed and pulled: which layers they share, and what is left in any of them."""

import re
import ssl
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from builder.engine import Engine
from tests.images.conftest import Built

if TYPE_CHECKING:
    from docker.models.images import Image

pytestmark = pytest.mark.engine

CHUNK = 8 * 1024**2
SECRET_PLACES = re.compile(r"^(run/secrets/.|build/|wheels/|layers?/|root/\.|etc/pip\.conf|.*/pip\.conf$)")
CERTIFICATES = re.compile(rb"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----")
BUNDLE = "etc/ssl/certs/ca-certificates.crt"


@pytest.fixture(scope="module")
def archives(
    engine: Engine, built_images: Built, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Every image as `docker save` gives it."""
    folder = tmp_path_factory.mktemp("saved")
    return {name: save(engine.sdk.images.get(tag), folder / name) for name, tag in built_images.tags.items()}


def save(image: "Image", path: Path) -> Path:
    with path.open("wb") as file:
        for chunk in image.save(chunk_size=CHUNK):
            file.write(chunk)
    return path


def layer_files(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Every entry of every layer of a saved image: its name and, for a file, its content."""
    with tarfile.open(archive) as outer:
        for member in outer:
            if not member.isfile() or member.name.endswith(".json"):
                continue
            blob = outer.extractfile(member)
            assert blob is not None
            try:
                with tarfile.open(fileobj=blob) as layer:
                    for entry in layer:
                        yield entry.name, layer.extractfile(entry) if entry.isfile() else None
            except tarfile.ReadError:
                continue


def pieces(bundle: bytes) -> set[bytes]:
    """From each certificate a line that no other one has."""
    found = (match.split() for match in CERTIFICATES.findall(bundle))
    return {lines[len(lines) // 2] for lines in found if len(lines) > 2}


def foreign_certificates(engine: Engine, base: str) -> set[bytes]:
    """Of the certificates that this host trusts, those that its base image does not bring itself."""
    path = ssl.get_default_verify_paths().openssl_cafile
    host_bundle = Path(path) if Path(path).exists() else Path("/") / BUNDLE
    own = engine.sdk.containers.run(base, ["cat", f"/{BUNDLE}"], remove=True, network_mode="none")
    return pieces(host_bundle.read_bytes()) - pieces(own)


def test_vllm_and_embeddings_share_torch_down_to_the_layer(engine: Engine, built_images: Built) -> None:
    vllm, embeddings = (engine.image(built_images.tags[name]) for name in ("vllm", "embeddings"))
    assert vllm is not None
    assert embeddings is not None
    shared = [one for one, other in zip(vllm.diff_ids, embeddings.diff_ids, strict=False) if one == other]
    assert shared == list(vllm.diff_ids[: len(shared)]), "what is shared must come first"
    base = engine.image(vllm.labels["org.opencontainers.image.base.name"])
    assert base is not None
    assert len(shared) > len(base.diff_ids)
    torch = vllm.layers[len(base.layers)]
    assert torch.size > 300 * 10**6


def test_no_layer_holds_what_a_build_was_given(
    engine: Engine, built_images: Built, archives: dict[str, Path]
) -> None:
    """Secrets, the host's wheels, its certificates: in no layer, not even under one that hides it."""
    base = engine.sdk.images.get(built_images.tags["vllm"]).labels["org.opencontainers.image.base.name"]
    certificates = foreign_certificates(engine, base)
    for name, archive in archives.items():
        for entry, content in layer_files(archive):
            assert not SECRET_PLACES.match(entry), f"{name} holds {entry}"
            if content is not None and certificates:
                data = content.read()
                assert not any(piece in data for piece in certificates), f"{name}: certificate in {entry}"


def test_no_instruction_shows_a_secret(engine: Engine, built_images: Built) -> None:
    for tag in built_images.tags.values():
        for entry in engine.sdk.images.get(tag).history():
            assert not re.search(r"://[^/ ]*:[^/ ]*@|BEGIN CERTIFICATE|index-url", entry["CreatedBy"])
