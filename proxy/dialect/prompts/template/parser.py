"""From tokens to nodes."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from proxy.dialect.prompts.template import literals, nodes
from proxy.dialect.prompts.template.budget import MAX_NESTING, MAX_TEMPLATE_CHARACTERS, MAX_VARIABLES
from proxy.dialect.prompts.template.errors import TemplateError, shown
from proxy.dialect.prompts.template.lexer import Kind, Token, tokens

ROOT = ""
_T = TypeVar("_T")
_OPERANDS = frozenset(
    (
        *(Kind.BOOL, Kind.CHARACTER, Kind.DOT, Kind.FIELD, Kind.IDENTIFIER, Kind.NUMBER, Kind.NIL),
        *(Kind.STRING, Kind.VARIABLE, Kind.OPEN),
    )
)
_LITERALS: Mapping[Kind, Callable[[str], str | float | bool]] = {
    Kind.BOOL: lambda text: text == "true",
    Kind.STRING: literals.string,
    Kind.CHARACTER: literals.character,
    Kind.NUMBER: literals.number,
}
_NOT_CALLABLE = (nodes.Dot, nodes.Nil, nodes.Literal)


def parse(text: str, functions: Collection[str]) -> Mapping[str, nodes.Body]:
    """The templates that a text defines, by name; the text itself is the one named ROOT."""
    if len(text) > MAX_TEMPLATE_CHARACTERS:
        raise TemplateError(f"the template is longer than {MAX_TEMPLATE_CHARACTERS} characters")
    parser = _Parser(tokens(text), functions)
    parser.root()
    return parser.definitions


@dataclass(frozen=True, slots=True)
class _Stop:
    """The end or else that closed a body."""

    word: str


class _Parser:
    def __init__(self, read: list[Token], functions: Collection[str]) -> None:
        self.definitions: dict[str, nodes.Body] = {}
        self._tokens = read
        self._position = 0
        self._functions = functions
        self._variables = ["$"]
        self._loops = 0
        self._nesting = 0

    def root(self) -> None:
        body: list[nodes.Node] = []
        while self._peek().kind is not Kind.END:
            if self._peek().kind is Kind.LEFT and self._keyword_at(self._position + 1) == "define":
                self._definition()
                continue
            node = self._text_or_action()
            if isinstance(node, _Stop):
                raise self._error(f"unexpected {{{{{node.word}}}}}")
            body.append(node)
        self._define(ROOT, tuple(body))

    def _definition(self) -> None:
        self._next()
        self._next_word()
        name = self._template_name("define clause")
        self._expect_right("define clause")
        self._define(name, self._own_body("define clause"))

    def _own_body(self, context: str) -> nodes.Body:
        """The body of a template of its own: it sees no variables and no loop around it."""
        outer, self._variables = self._variables, ["$"]
        loops, self._loops = self._loops, 0
        body, stop = self._body()
        if stop != "end":
            raise self._error(f"unexpected {{{{{stop}}}}} in {context}")
        self._variables, self._loops = outer, loops
        return body

    def _define(self, name: str, body: nodes.Body) -> None:
        """What is blank neither replaces nor forbids another of its name."""
        before = self.definitions.get(name, ())
        if _blank(before):
            self.definitions[name] = body
        elif not _blank(body):
            raise self._error(f"multiple definition of template {shown(name)}")

    def _body(self) -> tuple[nodes.Body, str]:
        self._nest()
        body: list[nodes.Node] = []
        while self._peek_word().kind is not Kind.END:
            node = self._text_or_action()
            if isinstance(node, _Stop):
                self._nesting -= 1
                return tuple(body), node.word
            body.append(node)
        raise self._error("unexpected EOF")

    def _text_or_action(self) -> nodes.Node | _Stop:
        token = self._next_word()
        if token.kind is Kind.TEXT:
            return nodes.Text(token.text)
        if token.kind is not Kind.LEFT:
            raise self._unexpected(token, "input")
        if self._peek_word().kind is not Kind.KEYWORD:
            return nodes.Action(self._pipe("command"))
        return self._control(self._next_word())

    def _control(self, word: Token) -> nodes.Node | _Stop:
        controls: Mapping[str, Callable[[], nodes.Node | _Stop]] = {
            "if": lambda: self._choice(rebinds=False),
            "with": lambda: self._choice(rebinds=True),
            "range": self._loop,
            "template": self._include,
            "block": self._block,
            "break": lambda: self._leave("break"),
            "continue": lambda: self._leave("continue"),
            "end": self._end,
            "else": self._else,
        }
        if word.text not in controls:
            raise self._unexpected(word, "command")
        return controls[word.text]()

    def _end(self) -> _Stop:
        self._expect_right("end")
        return _Stop("end")

    def _else(self) -> _Stop:
        """What follows in {{else if}} and {{else with}} is left to the block that goes on so."""
        if self._keyword_at(self._position_of_word()) not in ("if", "with"):
            self._expect_right("else")
        return _Stop("else")

    def _choice(self, *, rebinds: bool) -> nodes.Choice:
        context = "with" if rebinds else "if"
        visible = len(self._variables)
        arms: list[nodes.Arm] = []
        otherwise: nodes.Body = ()
        while True:
            condition = self._pipe(context)
            body, stop = self._body()
            arms.append(nodes.Arm(condition, body))
            if stop == "end":
                break
            if self._peek_word().text != context or self._peek_word().kind is not Kind.KEYWORD:
                otherwise = self._last_body()
                break
            self._next_word()
        del self._variables[visible:]
        return nodes.Choice(tuple(arms), otherwise, rebinds)

    def _loop(self) -> nodes.Loop:
        visible = len(self._variables)
        pipe = self._pipe("range")
        self._loops += 1
        body, stop = self._body()
        self._loops -= 1
        otherwise = self._last_body() if stop == "else" else ()
        del self._variables[visible:]
        return nodes.Loop(pipe, body, otherwise)

    def _last_body(self) -> nodes.Body:
        body, stop = self._body()
        if stop != "end":
            raise self._error("expected end; found {{else}}")
        return body

    def _include(self) -> nodes.Include:
        name = self._template_name("template clause")
        if self._peek_word().kind is Kind.RIGHT:
            raise self._error(f"template {shown(name)} is given no value")
        return nodes.Include(name, self._pipe("template clause"))

    def _block(self) -> nodes.Include:
        name = self._template_name("block clause")
        pipe = self._pipe("block clause")
        self._define(name, self._own_body("block clause"))
        return nodes.Include(name, pipe)

    def _leave(self, word: str) -> nodes.Leave:
        self._expect_right(f"{{{{{word}}}}}")
        if not self._loops:
            raise self._error(f"{{{{{word}}}}} outside {{{{range}}}}")
        return nodes.Leave(goes_on=word == "continue")

    def _template_name(self, context: str) -> str:
        token = self._next_word()
        if token.kind is not Kind.STRING:
            raise self._unexpected(token, context)
        return self._literal(literals.string, token)

    def _pipe(self, context: str, end: Kind = Kind.RIGHT) -> nodes.Pipe:
        self._nest()
        line = self._peek_word().line
        variables, declares = self._declarations(context)
        commands: list[nodes.Command] = []
        while self._peek_word().kind in _OPERANDS:
            commands.append(self._command())
        token = self._next_word()
        if token.kind is not end:
            raise self._unexpected(token, context)
        self._check(commands, context)
        self._nesting -= 1
        return nodes.Pipe(line, variables, declares, tuple(commands))

    def _declarations(self, context: str) -> tuple[tuple[str, ...], bool]:
        names: list[str] = []
        while self._peek_word().kind is Kind.VARIABLE:
            start = self._position
            name, sign = self._next_word().text, self._next_word()
            if sign.kind in (Kind.ASSIGN, Kind.DECLARE):
                names.append(name)
                self._see(names)
                return tuple(names), sign.kind is Kind.DECLARE
            if sign.text != ",":
                self._position = start
                break
            if context != "range" or names:
                raise self._error(f"too many declarations in {context}")
            names.append(name)
        if names:
            raise self._error("range can only initialize variables")
        return (), False

    def _see(self, names: list[str]) -> None:
        self._variables.extend(names)
        if len(self._variables) > MAX_VARIABLES:
            raise self._error(f"more than {MAX_VARIABLES} variables at once")

    def _check(self, commands: list[nodes.Command], context: str) -> None:
        if not commands:
            raise self._error(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.first, _NOT_CALLABLE):
                raise self._error(f"non executable command in pipeline stage {stage}")

    def _command(self) -> nodes.Command:
        operands: list[nodes.Operand] = []
        while True:
            self._skip_space()
            if self._peek().kind in _OPERANDS:
                operands.append(self._operand())
            token = self._peek()
            if token.kind is Kind.SPACE:
                continue
            if token.kind is Kind.PIPE:
                self._next()
            elif token.kind not in (Kind.RIGHT, Kind.CLOSE):
                raise self._unexpected(token, "operand")
            break
        if not operands:
            raise self._error("empty command")
        return nodes.Command(operands[0], tuple(operands[1:]))

    def _operand(self) -> nodes.Operand:
        term = self._term()
        names: list[str] = []
        while self._peek().kind is Kind.FIELD:
            names.append(self._next().text[1:])
        match term:
            case _ if not names:
                return term
            case nodes.Field():
                return nodes.Field((*term.names, *names))
            case nodes.Variable():
                return nodes.Variable(term.variable, (*term.names, *names))
            case nodes.Dot() | nodes.Nil() | nodes.Literal():
                raise self._error(f"unexpected .{names[0][:40]} after a value that has no fields")
        return nodes.Chain(term, tuple(names))

    def _term(self) -> nodes.Operand:
        token = self._next()
        if token.kind in _LITERALS:
            return nodes.Literal(self._literal(_LITERALS[token.kind], token))
        terms: Mapping[Kind, Callable[[], nodes.Operand]] = {
            Kind.DOT: nodes.Dot,
            Kind.NIL: nodes.Nil,
            Kind.FIELD: lambda: nodes.Field((token.text[1:],)),
            Kind.VARIABLE: lambda: self._variable(token.text),
            Kind.IDENTIFIER: lambda: self._function(token.text),
            Kind.OPEN: lambda: self._pipe("parenthesized pipeline", Kind.CLOSE),
        }
        return terms[token.kind]()

    def _variable(self, name: str) -> nodes.Variable:
        if name not in self._variables:
            raise self._error(f"undefined variable {shown(name)}")
        return nodes.Variable(name, ())

    def _function(self, name: str) -> nodes.Function:
        if name not in self._functions:
            raise self._error(f"function {shown(name)} not defined")
        return nodes.Function(name)

    def _literal(self, read: Callable[[str], _T], token: Token) -> _T:
        try:
            return read(token.text)
        except TemplateError as error:
            raise TemplateError.at(token.line, str(error)) from None

    def _peek(self) -> Token:
        return self._tokens[self._position]

    def _next(self) -> Token:
        token = self._tokens[self._position]
        if token.kind is not Kind.END:
            self._position += 1
        return token

    def _position_of_word(self) -> int:
        return self._position + (self._peek().kind is Kind.SPACE)

    def _skip_space(self) -> None:
        self._position = self._position_of_word()

    def _peek_word(self) -> Token:
        return self._tokens[self._position_of_word()]

    def _next_word(self) -> Token:
        self._skip_space()
        return self._next()

    def _keyword_at(self, position: int) -> str:
        while self._tokens[position].kind is Kind.SPACE:
            position += 1
        token = self._tokens[position]
        return token.text if token.kind is Kind.KEYWORD else ""

    def _expect_right(self, context: str) -> None:
        token = self._next_word()
        if token.kind is not Kind.RIGHT:
            raise self._unexpected(token, context)

    def _nest(self) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._error(f"more than {MAX_NESTING} levels within each other")

    def _error(self, message: str) -> TemplateError:
        return TemplateError.at(self._tokens[self._position].line, message)

    def _unexpected(self, token: Token, context: str) -> TemplateError:
        return TemplateError.at(token.line, f"unexpected {token} in {context}")


def _blank(body: nodes.Body) -> bool:
    return all(isinstance(node, nodes.Text) and not node.text.strip() for node in body)
