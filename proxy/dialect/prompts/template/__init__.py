"""Ollama's prompt templates: Go's text/template with a few functions more.

    text ── lexer ── parser ── evaluate ── text
              │        │           │
          literals   nodes     functions ── comparing, printing (printf, formatting, floats), gojson

`template.Template` is the face. `prompt.prompt_of` feeds it as Ollama does, with messages and tools in the
`shapes` that templates know, among other `values`. Templates come from clients, so that each has bounds
(`budget`), and a field of a value is looked up in mappings only."""

from proxy.dialect.prompts.template.errors import TemplateError
from proxy.dialect.prompts.template.template import Template

__all__ = ["Template", "TemplateError"]
