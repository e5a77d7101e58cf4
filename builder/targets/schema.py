"""The JSON schema of targets.yaml, for editors; a test keeps the file in step with the models."""

import json
from copy import deepcopy

from builder.targets.inherit import FAMILIES
from builder.targets.model import Catalog

_IN_PARTS = ("Target", "EngineSpec", "Rocm", "Cuda")
"""What a target and its family may say together: neither of them needs every key."""

SCHEMA_FILE = "targets.schema.json"


def schema_text() -> str:
    schema = Catalog.model_json_schema()
    for name in _IN_PARTS:
        schema["$defs"][name].pop("required", None)
    template = deepcopy(schema["$defs"]["Target"])
    template["title"] = template["description"] = "Template of targets"
    template["properties"]["extends"] = {"type": "string", "description": "a family that this one stands on"}
    schema["$defs"]["Family"] = template
    families = {"additionalProperties": {"$ref": "#/$defs/Family"}, "type": "object"}
    schema["properties"][FAMILIES] = {
        **families,
        "description": "what the targets of a family have in common",
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "gfxpack targets"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
