"""Where things lie. The driver writes only to `.venv`, `.cache`, `bundle` and, on `lock`, `locks`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ROOT / "targets.yaml"
LOCKS = ROOT / "locks"
IMAGES = ROOT / "images"
BUNDLE = ROOT / "bundle"
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
