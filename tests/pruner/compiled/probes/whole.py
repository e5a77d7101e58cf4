"""The code that the vendor's tool finds in a whole ELF file, as JSON: label -> hashes.

whole.py hip|cuda FILE
"""

import json
import sys

import taken_apart  # type: ignore[import-not-found] # lies beside it

vendor, path = sys.argv[1:]
json.dump(taken_apart.hashes(taken_apart.LIBRARY[vendor](path)), sys.stdout)
