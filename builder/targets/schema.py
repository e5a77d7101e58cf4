"""The JSON schema of targets.yaml, for editors; a test keeps the file in step with the models."""

import json

from builder.targets.model import Catalog

SCHEMA_FILE = "targets.schema.json"


def schema_text() -> str:
    schema = Catalog.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "gfxpack targets"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
