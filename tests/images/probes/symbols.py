"""Runs in an image: print the libraries that still have a table of symbols which no loader reads."""

import struct
from pathlib import Path

SYMTAB = 2

for path in sorted(Path("/opt/venv/lib").rglob("*.so*")):
    data = path.read_bytes()
    if path.is_symlink() or data[:4] != b"\x7fELF":
        continue
    table, size, count = *struct.unpack_from("<Q", data, 40), *struct.unpack_from("<HH", data, 58)
    if any(struct.unpack_from("<I", data, table + index * size + 4)[0] == SYMTAB for index in range(count)):
        print(path)
