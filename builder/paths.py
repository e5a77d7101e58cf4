"""Where things lie. Everything the driver writes is under the repository's own `.venv`, `.cache` and `bundle`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ROOT / "targets.yaml"
LOCKS = ROOT / "locks"
IMAGES = ROOT / "images"
COMPOSE = ROOT / "compose"
BUNDLE = ROOT / "bundle"
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
