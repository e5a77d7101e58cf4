"""The images as what is pushed and pulled: which layers they share, and what is left in any of them."""

import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import pytest

from builder.engine import Engine
from builder.sources import Sources
from tests.images.conftest import IMAGES, Built

if TYPE_CHECKING:
    from docker.models.images import Image

pytestmark = pytest.mark.engine

CHUNK = 8 * 1024**2
Blob = io.BufferedReader | gzip.GzipFile
GZIP = b"\x1f\x8b"
# Debian's own root has a .bashrc and a .profile.
SECRET_PLACES = re.compile(
    r"^(run/secrets/.|build/|wheels/|layers?/|root/\.(?!bashrc$|profile$)|etc/pip\.conf|.*/pip\.conf$)"
)
CERTIFICATES = re.compile(rb"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----")
DEBIANS = ["sh", "-c", "cat /usr/share/ca-certificates/mozilla/*.crt"]
# Here packages bring the certificates of public authorities, many of which this machine trusts as well.
PUBLIC_PLACES = re.compile(
    r"^etc/ssl/certs/ca-certificates\.crt$|^usr/share/ca-certificates/mozilla/"
    r"|/site-packages/(certifi/cacert|grpc/_cython/_credentials/roots)\.pem$"
)


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


def saved_layers(archive: Path) -> Iterator[tuple[str, Blob]]:
    """Every layer of a saved image, unpacked, by the digest that the image knows it by."""
    with tarfile.open(archive) as outer:
        [manifest] = json.load(member(outer, "manifest.json"))
        config: dict[str, Any] = json.load(member(outer, manifest["Config"]))
        for path, expected in zip(manifest["Layers"], config["rootfs"]["diff_ids"], strict=True):
            layer = unpacked(member(outer, path))
            assert f"sha256:{hashlib.file_digest(layer, 'sha256').hexdigest()}" == expected
            layer.seek(0)
            yield expected, layer


def member(archive: tarfile.TarFile, name: str) -> io.BufferedReader:
    content = archive.extractfile(name)
    assert isinstance(content, io.BufferedReader), name
    return content


def unpacked(blob: io.BufferedReader) -> Blob:
    packed = blob.read(len(GZIP)) == GZIP
    blob.seek(0)
    return gzip.open(blob) if packed else blob


def entries(layer: Blob) -> Iterator[tuple[str, bytes]]:
    """The name of everything in a layer, and what is in it if it is a file."""
    with tarfile.open(fileobj=layer, mode="r:") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isfile() else None
            yield entry.name.removeprefix("./"), content.read() if content is not None else b""


def pieces(bundle: bytes) -> set[bytes]:
    """From each certificate a line that no other one has."""
    found = (match.split() for match in CERTIFICATES.findall(bundle))
    return {lines[len(lines) // 2] for lines in found if len(lines) > 2}


@dataclass(frozen=True)
class Certificates:
    """The bundle that builds are given on this machine. As lines: what is in it, and what anybody's image
    may hold."""

    bundle: Path
    handed_over: set[bytes]
    public: set[bytes]

    def leaked(self, name: str, content: bytes) -> bool:
        """Where packages bring certificates only those count that no package brings."""
        sought = self.handed_over - self.public if PUBLIC_PLACES.search(name) else self.handed_over
        return b"CERTIFICATE-----" in content and any(line in content for line in sought)


@pytest.fixture(scope="module")
def certificates(engine: Engine, built_images: Built) -> Certificates:
    bundle = Sources.load().certificate
    assert bundle is not None, "builds are given this machine's bundle, and here is none"
    base = engine.sdk.images.get(built_images.tags["vllm"]).labels["org.opencontainers.image.base.name"]
    debians = pieces(engine.sdk.containers.run(base, DEBIANS, remove=True, network_mode="none"))
    assert len(debians) > 100
    certifis = pieces(Path(certifi.where()).read_bytes())
    return Certificates(bundle, pieces(bundle.read_bytes()), debians | certifis)


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


@pytest.mark.parametrize("image", IMAGES)
def test_no_layer_holds_what_a_build_was_given(
    engine: Engine,
    built_images: Built,
    archives: dict[str, Path],
    image: str,
    certificates: Certificates,
) -> None:
    """Secrets, the host's wheels, its certificates: in no layer, not even under one that hides it."""
    seen: list[str] = []
    for diff_id, layer in saved_layers(archives[image]):
        seen.append(diff_id)
        for name, content in entries(layer):
            assert not SECRET_PLACES.match(name), name
            assert not certificates.leaked(name, content), f"a certificate of this machine in {name}"
    facts = engine.image(built_images.tags[image])
    assert facts is not None
    assert seen == list(facts.diff_ids)


def test_what_a_leak_looks_like(certificates: Certificates) -> None:
    """The search above finds the bundle anywhere, and what is foreign even where certificates belong."""
    bundle = certificates.bundle.read_bytes()
    assert certificates.leaked("run/bundle.pem", bundle)
    assert not certificates.leaked("run/bundle.pem", b"")
    strange = replace(certificates, public=set())
    assert strange.leaked("etc/ssl/certs/ca-certificates.crt", bundle)
    harmless = replace(certificates, public=certificates.handed_over)
    assert not harmless.leaked("etc/ssl/certs/ca-certificates.crt", bundle)


def test_no_instruction_shows_a_secret(engine: Engine, built_images: Built) -> None:
    for tag in built_images.tags.values():
        for entry in engine.sdk.images.get(tag).history():
            assert not re.search(r"://[^/ ]*:[^/ ]*@|BEGIN CERTIFICATE|index-url", entry["CreatedBy"])
