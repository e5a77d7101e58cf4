"""What Go itself makes of some hundreds of templates: golden.json says which, reference.go how."""

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.dialect.prompts.template import Template, TemplateError

GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("golden.json").read_text())


def made_of(text: str) -> dict[str, str]:
    try:
        parsed = Template.parse(text)
    except TemplateError:
        return {"fails": "parse"}
    try:
        output = parsed.render(GOLDEN["values"])
    except TemplateError:
        return {"fails": "render"}
    return {"output": output} if output else {}


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: repr(case["template"])[:60])
def test_it_is_as_go_has_it(case: dict[str, str]) -> None:
    assert {"template": case["template"], **made_of(case["template"])} == case
