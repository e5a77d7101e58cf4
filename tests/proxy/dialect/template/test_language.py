"""Go's text/template, as far as templates of models need it: a table by hand."""

from typing import Any

import pytest

from proxy.dialect.prompts.template import Template, TemplateError

VALUES: dict[str, Any] = {
    "Name": "Zo\u00eb",
    "Empty": "",
    "Yes": True,
    "Number": 3,
    "Half": 0.5,
    "Null": None,
    "List": ["a", "b", "c"],
    "Map": {"b": 2, "a": 1, "deep": {"x": "y"}},
    "Items": [{"Name": "one"}, {"Name": "two", "More": [1, 2]}],
}

RENDERED = [
    ("", ""),
    ("plain } text }}", "plain } text }}"),
    ("a {{- /* gone */ -}} b", "ab"),
    ("a {{ .Name }} b", "a Zo\u00eb b"),
    ("a\n{{- .Name -}}\n b", "aZo\u00ebb"),
    ("{{ .Missing }}|{{ .Null }}", "<no value>|<no value>"),
    ("{{ .Map.deep.x }}{{ $.Map.a }}", "y1"),
    ("{{ if .Empty }}1{{ else if .Yes }}2{{ else }}3{{ end }}", "2"),
    ("{{ with .Empty }}1{{ else with .Name }}{{ . }}{{ else }}3{{ end }}", "Zo\u00eb"),
    ("{{ range .List }}{{ . }},{{ end }}", "a,b,c,"),
    ("{{ range $i, $x := .List }}{{ $i }}{{ $x }}{{ end }}", "0a1b2c"),
    ("{{ range $k, $v := .Map }}{{ $k }}={{ $v }};{{ end }}", "a=1;b=2;deep=map[x:y];"),
    ("{{ range $i := 3 }}{{ $i }}{{ . }}{{ end }}", "001122"),
    ("{{ $i := 9 }}{{ $x := 9 }}{{ range $i, $x = .List }}{{ end }}{{ $i }}{{ $x }}", "2c"),
    ("{{ $x := 9 }}{{ range $x = .List }}{{ end }}{{ $x }}", "c"),
    ("{{ range 0 }}x{{ else }}none{{ end }}{{ range -1 }}x{{ end }}", "none"),
    ("{{ range .Empties }}x{{ else }}none{{ end }}", "none"),
    ("{{ range .List }}{{ if eq . `b` }}{{ continue }}{{ end }}{{ . }}{{ end }}", "ac"),
    ("{{ range .List }}{{ if eq . `b` }}{{ break }}{{ end }}{{ . }}{{ end }}", "a"),
    ("{{ $x := 1 }}{{ range .List }}{{ $x = . }}{{ end }}{{ $x }}", "c"),
    ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"),
    ("{{ define `t` }}<{{ .Name }}>{{ end }}{{ range .Items }}{{ template `t` . }}{{ end }}", "<one><two>"),
    ("{{ block `b` .Name }}[{{ . }}]{{ end }}", "[Zo\u00eb]"),
    ("{{ (index .Items 1).Name }}{{ index .Map `deep` `x` }}", "twoy"),
    ("{{ len .Name }} {{ len .List }} {{ len (slice .List 1) }}", "4 3 2"),
    ("{{ slice .Name 0 3 }}{{ slice .Name 3 }}", "Zo\u00eb"),
    ("{{ slice .Name 0 3 }}", "Zo\ufffd"),
    ("{{ and .Yes .Name }}{{ or .Empty 0 `x` }}{{ not .Yes }}", "Zo\u00ebxfalse"),
    ("{{ or .Yes .Name.Wrong }}", "true"),
    ("{{ eq .Number 1 2 3 }} {{ ne .Name `x` }} {{ lt 1 2 }} {{ ge `b` `a` }}", "true true true true"),
    ("{{ eq .Missing nil }}{{ eq .Missing `x` }}", "truefalse"),
    ("{{ .Name | printf `%s-%d` | len }}", "17"),
    (
        "{{ printf `%q %5d|%-4v|%05.1f|%t|%x` .Name 3 `a` 2.5 true `hi` }}",
        '"Zo\u00eb"     3|a   |002.5|true|6869',
    ),
    ("{{ print 1 2 `a` 3 nil nil }}", "1 2a3 <nil> <nil>"),
    (
        "{{ json .Map }}{{ json `<&>` }}{{ json .Null }}",
        '{"a":1,"b":2,"deep":{"x":"y"}}"\\u003c\\u0026\\u003e"null',
    ),
    ("{{ .Half }} {{ 1e21 }} {{ 0x10 }} {{ 1_000 }} {{ 'a' }} {{ 017 }}", "0.5 1e+21 16 1000 97 15"),
    ('{{ "\\t\\u00e9\\x41\\101" }}{{ `\\t` }}', "\t\u00e9AA\\t"),
]


@pytest.mark.parametrize(("template", "text"), RENDERED)
def test_what_comes_out(template: str, text: str) -> None:
    assert Template.parse(template).render(VALUES) == text


NOT_PARSED = [
    ("{{", "template: :1: unclosed action"),
    ("\n\n{{ .A", "template: :3: unclosed action"),
    ("{{ }}", "template: :1: missing value for command"),
    ("{{ nope }}", 'template: :1: function "nope" not defined'),
    ("{{ $x }}", 'template: :1: undefined variable "$x"'),
    ("{{ if .A }}", "template: :1: unexpected EOF"),
    ("{{ end }}", "template: :1: unexpected {{end}}"),
    ("{{ break }}", "template: :1: {{break}} outside {{range}}"),
    ("{{ (.A }}", "template: :1: unclosed left paren"),
    ("{{ .A) }}", "template: :1: unexpected right paren"),
    ('{{ "a }}', "template: :1: unterminated quoted string"),
    ("{{/* a }}", "template: :1: unclosed comment"),
    ("{{ .A | 3 }}", "template: :1: non executable command in pipeline stage 2"),
    ("{{ 99999999999999999999 }}", 'template: :1: integer overflow: "99999999999999999999"'),
    ("{{ template `x` }}", 'template: :1: template "x" is given no value'),
    ("{{ define `a` }}1{{ end }}{{ define `a` }}2{{ end }}", 'multiple definition of template "a"'),
]


@pytest.mark.parametrize(("template", "message"), NOT_PARSED)
def test_what_is_no_template(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(template)
    assert message in str(caught.value)


NOT_RENDERED = [
    ("\n{{ .Name.Wrong }}", "template: :2: cannot evaluate field Wrong in type string"),
    ("{{ .Null.Wrong }}", "nil pointer evaluating interface {}.Wrong"),
    ("{{ eq .Number .Name }}", "incompatible types for comparison: int and string"),
    ("{{ lt .Yes .Yes }}", "invalid type for comparison"),
    ("{{ index .List 3 }}", "index out of range: 3"),
    ("{{ slice .List 2 1 }}", "invalid slice index: 2 > 1"),
    ("{{ len 3 }}", "len of type int"),
    ("{{ range .Yes }}{{ end }}", "range cannot iterate over bool"),
    ("{{ range $i, $x := 3 }}{{ end }}", "range cannot iterate over int with two variables"),
    ("{{ template `x` . }}", 'template "x" not defined'),
    ("{{ printf 3 }}", "wrong type for value of printf; expected string; got int"),
    ("{{ .Name 3 }}", "Name is not a method but has arguments"),
    ("{{ not }}", "wrong number of args for not: got 0"),
    ("{{ currentDate }}", "no date is known here"),
]


@pytest.mark.parametrize(("template", "message"), NOT_RENDERED)
def test_what_cannot_be_rendered(template: str, message: str) -> None:
    parsed = Template.parse(template)
    with pytest.raises(TemplateError) as caught:
        parsed.render(VALUES)
    assert message in str(caught.value)


@pytest.mark.parametrize("template", ["{{ .Suffix }}", "{{ $.Suffix }}", "{{ range (.A).Suffix }}{{ end }}"])
def test_what_a_template_refers_to(template: str) -> None:
    parsed = Template.parse(template)
    assert parsed.uses("Suffix")
    assert not parsed.uses("Messages")
