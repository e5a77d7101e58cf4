"""Runs in an image: what its distributions' RECORD files say that is not so. One line per untruth."""

import base64
import hashlib
import sys
from importlib.metadata import PackagePath, distributions
from pathlib import Path


def untruth(file: PackagePath) -> str:
    path = Path(file.locate())
    if not path.exists():
        return "is not there"
    if file.hash is None or file.size is None:
        return ""
    content = path.read_bytes()
    if len(content) != file.size:
        return f"has {len(content)} bytes, not {file.size}"
    digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, content).digest()).rstrip(b"=").decode()
    return "" if digest == file.hash.value else "has another hash"


for distribution in distributions():
    if distribution.files is None:
        sys.stdout.write(f"{distribution.name} has no RECORD\n")
    for record in distribution.files or ():
        problem = untruth(record)
        if problem:
            sys.stdout.write(f"{distribution.name}: {record} {problem}\n")
