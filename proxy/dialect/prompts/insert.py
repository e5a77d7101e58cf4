"""Filling in the middle: what stands around the text before the gap and the text after it, by family.

A family is known by the names of a model. Whether its markers are right is for the model's tokenizer to say:
each must be one token there. Families that were trained with two spellings have a row for each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from proxy.model import Manifest

_ABILITY = "insert"
_PROMPT = "{{ .Prompt }}"
_SUFFIX = "{{ .Suffix }}"


@dataclass(frozen=True, slots=True)
class Family:
    """`form` is the whole prompt, with P and S where the texts go and markers at even places. `ends` are
    special tokens with which these models begin something else: another gap, another file."""

    names: re.Pattern[str]
    form: tuple[str, ...]
    ends: tuple[str, ...] = ()

    @property
    def markers(self) -> tuple[str, ...]:
        return tuple(part for part in self.form if part not in ("P", "S"))

    def prompt(self, before: str, after: str) -> str:
        texts = {"P": before, "S": after}
        return "".join(texts.get(part, part) for part in self.form)


def _bars(name: str) -> str:
    return f"<|{name}|>"


def _wide(name: str) -> str:
    return f"<\uff5c{name}\uff5c>"


_BARS = (_bars("fim_prefix"), "P", _bars("fim_suffix"), "S", _bars("fim_middle"))
_PLAIN = ("<fim_prefix>", "P", "<fim_suffix>", "S", "<fim_middle>")
_HYPHENS = ("<fim-prefix>", "P", "<fim-suffix>", "S", "<fim-middle>")

_FAMILIES = (
    Family(
        re.compile(r"qwen[\d._-]*coder"),
        _BARS,
        tuple(map(_bars, ("endoftext", "fim_pad", "repo_name", "file_sep", "im_start", "im_end"))),
    ),
    Family(re.compile(r"codeqwen"), _PLAIN, ("<|endoftext|>", "<file_sep>", "<repo_name>")),
    Family(re.compile(r"codegemma"), _BARS, (_bars("file_separator"), "<eos>")),
    Family(
        re.compile(r"starcoder|gpt_?bigcode|stable-?code|refact"),
        _PLAIN,
        ("<|endoftext|>", "<file_sep>", "<repo_name>"),
    ),
    Family(re.compile(r"santacoder"), _HYPHENS, ("<|endoftext|>",)),
    Family(
        re.compile(r"deepseek-?coder"),
        (_wide("fim▁begin"), "P", _wide("fim▁hole"), "S", _wide("fim▁end")),
        (_wide("end▁of▁sentence"), "<|EOT|>"),
    ),
    Family(re.compile(r"code-?llama"), ("▁<PRE>", "P", "▁<SUF>", "S", "▁<MID>"), ("▁<EOT>",)),
    Family(re.compile(r"code-?llama"), ("<PRE>", "P", "<SUF>", "S", "<MID>"), ("<EOT>",)),
    Family(re.compile(r"codestral"), ("[SUFFIX]", "S", "[PREFIX]", "P"), ("</s>",)),
    Family(re.compile(r"granite"), _BARS, ("<|end_of_text|>", "<|endoftext|>", "<|filename|>")),
    Family(re.compile(r"granite"), _PLAIN, ("<|end_of_text|>", "<|endoftext|>", "<filename>")),
    Family(
        re.compile(r"seed-?coder"),
        ("<[fim-suffix]>", "S", "<[fim-prefix]>", "P", "<[fim-middle]>"),
        ("<[end▁of▁sentence]>",),
    ),
    Family(
        re.compile(r"mellum"),
        ("<fim_suffix>", "S", "<fim_prefix>", "P", "<fim_middle>"),
        ("<|endoftext|>", "<filename>"),
    ),
)


def families(manifest: Manifest) -> Iterator[Family]:
    """Those that the model may belong to, the likeliest first."""
    known_as = " ".join((manifest.name, manifest.base, manifest.source, manifest.architecture)).lower()
    return (family for family in _FAMILIES if family.names.search(known_as))


def template(manifest: Manifest) -> str:
    """What to show as the template of a model that fills in the middle and has none of its own; nothing
    where it does not. It is for clients that look for `.Suffix` in it, not for making models of."""
    family = next(families(manifest), None)
    if family is None or manifest.role != "chat":
        return ""
    return f"{{{{- if .Suffix }}}}{family.prompt(_PROMPT, _SUFFIX)}{{{{ else }}}}{_PROMPT}{{{{ end }}}}"


def abilities(manifest: Manifest, others: tuple[str, ...]) -> tuple[str, ...]:
    """What the model can do, with `insert` where its names or its Modelfile's template say so."""
    fills_in = ".Suffix" in manifest.overlay.template or bool(template(manifest))
    return (*others, _ABILITY) if fills_in and _ABILITY not in others else others
