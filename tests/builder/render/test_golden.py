"""The rendered text as a whole, so that a review sees what a change does to it. Meaning is in test_render.py.

After a change that is meant: GFXPACK_UPDATE_GOLDEN=1 python build.py test --quick tests/builder/render
"""

import os
import re
from pathlib import Path

import pytest

from builder import paths
from builder.render import HubModel, StackOptions, read_inputs, render
from builder.targets import load_catalog

GOLDEN = Path(__file__).with_name("golden")
UPDATE = "GFXPACK_UPDATE_GOLDEN" in os.environ
HUB = HubModel("Qwen/Qwen3-0.6B", Path("/etc/hub.env"), {"ca": Path("/etc/ca.pem")})
CASES = {
    "vllm.Dockerfile": ("vllm/Dockerfile", StackOptions()),
    "embeddings.Dockerfile": ("embeddings/Dockerfile", StackOptions()),
    "proxy.Dockerfile": ("proxy/Dockerfile", StackOptions()),
    "models.Dockerfile": ("models/Dockerfile", StackOptions()),
    "compose.yaml": ("compose.yaml", StackOptions()),
    "compose-hub.yaml": ("compose.yaml", StackOptions(port=8080, model=HUB)),
    "llamacpp.Dockerfile": ("llamacpp/Dockerfile", StackOptions()),
    "docker-bake.json": ("docker-bake.json", StackOptions()),
}


def without_hashes(text: str) -> str:
    """Hashes follow every input; the text around them is what a person reviews."""
    return re.sub(r"[0-9a-f]{64}", "<hash>", text)


@pytest.mark.parametrize("name", CASES)
def test_the_text_is_as_reviewed(name: str) -> None:
    path, options = CASES[name]
    catalog = load_catalog(paths.TARGETS)
    text = without_hashes(
        render(catalog, "cpu", read_inputs(paths.ROOT, catalog), options).files[path].decode()
    )
    if UPDATE:
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / name).read_text(encoding="utf-8")
