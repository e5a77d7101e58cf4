"""What an answer must look like: JSON, or JSON of one schema."""

from typing import Any

import msgspec

from proxy.dialect.messages import Generation
from proxy.errors import ApiError


def constraint(request: Generation) -> dict[str, Any]:
    """The fields of the engine's request that hold the answer to its shape."""
    return _format(request.format)


def _format(value: object) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    if value == "json":
        return {"response_format": {"type": "json_object"}}
    if isinstance(value, dict):
        schema = {"name": "schema", "schema": value}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    shown = msgspec.json.encode(value).decode()[:200]
    raise ApiError(400, f'invalid format: {shown}; expected "json" or a valid JSON Schema object')
