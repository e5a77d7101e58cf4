"""Where the image's own amdsmi is, once it has loaded its library, as JSON."""

import json
from importlib import import_module

print("\n" + json.dumps({"module": import_module("amdsmi").__file__}))
