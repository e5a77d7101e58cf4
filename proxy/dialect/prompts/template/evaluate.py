"""Runs a parsed template."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from proxy.dialect.prompts.template import functions, nodes
from proxy.dialect.prompts.template.budget import MAX_DEPTH, Budget
from proxy.dialect.prompts.template.errors import TemplateError, shown
from proxy.dialect.prompts.template.functions import SHORT_CIRCUIT, Context
from proxy.dialect.prompts.template.printing import printed
from proxy.dialect.prompts.template.values import NO_VALUE, Described, Struct, encoded, kind, truth

Bodies = Mapping[str, nodes.Body]
_NOTHING_BEFORE = object()
"""Stands for the value of the command before where there is none."""


def run(definitions: Bodies, name: str, dot: object, context: Context) -> str:
    evaluation = _Evaluation(definitions, dot, context)
    try:
        evaluation.body(definitions[name], dot)
    except TemplateError as error:
        raise TemplateError.at(evaluation.line, str(error)) from None
    return encoded("".join(evaluation.written)).decode("utf-8", "replace")


class _Evaluation:
    def __init__(self, definitions: Bodies, dot: object, context: Context) -> None:
        self.written: list[str] = []
        self.line = 1
        self._definitions = definitions
        self._context = context
        self._budget = context.budget
        self._variables: list[tuple[str, object]] = [("$", dot)]
        self._depth = 0

    def body(self, body: nodes.Body, dot: object) -> nodes.Leave | None:
        """What leaves a loop is handed to it."""
        self._deeper()
        leave = None
        for node in body:
            self._budget.spend()
            leave = _WALKS[type(node)](self, node, dot)
            if leave is not None:
                break
        self._depth -= 1
        return leave

    def text(self, node: nodes.Text, _: object) -> None:
        self._write(node.text)

    def action(self, node: nodes.Action, dot: object) -> None:
        value = self._pipe(node.pipe, dot)
        if not node.pipe.variables:
            self._write("<no value>" if value is NO_VALUE else printed(value, self._budget))

    def choice(self, node: nodes.Choice, dot: object) -> nodes.Leave | None:
        visible = len(self._variables)
        chosen, inner = node.otherwise, dot
        for arm in node.arms:
            value = self._pipe(arm.condition, dot)
            if truth(value):
                chosen, inner = arm.body, value if node.rebinds else dot
                break
        leave = self.body(chosen, inner)
        del self._variables[visible:]
        return leave

    def loop(self, node: nodes.Loop, dot: object) -> nodes.Leave | None:
        visible = len(self._variables)
        items = self._items(self._pipe(node.pipe, dot), node.pipe)
        inner = len(self._variables)
        leave, empty = None, True
        for key, value in items:
            empty = False
            self._budget.spend()
            self._bind(node.pipe, key, value)
            leave = self.body(node.body, value)
            del self._variables[inner:]
            if leave is not None and not leave.goes_on:
                break
        leave = self.body(node.otherwise, dot) if empty else None
        del self._variables[visible:]
        # Go's range takes a break in its else for its own, but not a continue.
        return leave if leave is not None and leave.goes_on else None

    def _items(self, value: object, pipe: nodes.Pipe) -> Iterable[tuple[object, object]]:
        match value:
            case bool() | str() | Struct():
                pass
            case int() if len(pipe.variables) < 2:
                return ((number, number) for number in range(value))
            case Mapping():
                self._budget.spend(len(value))
                return sorted(value.items())
            case Sequence():
                return enumerate(value)
            case _ if value is NO_VALUE:
                return ()
        with_two = " with two variables" if len(pipe.variables) > 1 else ""
        raise TemplateError(f"range cannot iterate over {kind(value)}{with_two}")

    def _bind(self, pipe: nodes.Pipe, key: object, value: object) -> None:
        """One variable takes the value, two take the key and the value."""
        taken = (key, value)[-len(pipe.variables) :] if pipe.variables else ()
        for number, (name, item) in enumerate(zip(pipe.variables, taken, strict=True)):
            if pipe.declares:
                self._variables[number - len(taken)] = (name, item)
            else:
                self._assign(name, item)

    def include(self, node: nodes.Include, dot: object) -> None:
        self.line = node.pipe.line
        body = self._definitions.get(node.name)
        if body is None:
            raise TemplateError(f"template {shown(node.name)} not defined")
        given = self._pipe(node.pipe, dot)
        outer, self._variables = self._variables, [("$", given)]
        self.body(body, given)
        self._variables = outer

    def leave(self, node: nodes.Leave, _: object) -> nodes.Leave:
        return node

    def _pipe(self, pipe: nodes.Pipe, dot: object) -> object:
        self._deeper()
        self.line = pipe.line
        value = _NOTHING_BEFORE
        for command in pipe.commands:
            self._budget.spend()
            value = self._command(command, dot, value)
            if value is None:
                value = NO_VALUE
        for name in pipe.variables:
            if pipe.declares:
                self._variables.append((name, value))
            else:
                self._assign(name, value)
        self._depth -= 1
        return value

    def _assign(self, name: str, value: object) -> None:
        self._variables[self._place(name)] = (name, value)

    def _place(self, name: str) -> int:
        """Where the variable of that name is that was declared last."""
        for place in range(len(self._variables) - 1, -1, -1):
            if self._variables[place][0] == name:
                self._budget.spend((len(self._variables) - place) // 16)
                return place
        raise TemplateError(f"undefined variable: {name}")

    def _command(self, command: nodes.Command, dot: object, before: object) -> object:
        first = command.first
        if isinstance(first, nodes.Function):
            return self._call(first.name, command.arguments, dot, before)
        given = bool(command.arguments) or before is not _NOTHING_BEFORE
        match first:
            case nodes.Field(names=names) | nodes.Chain(names=names):
                return self._fields(self._receiver(first, dot), names, given=given)
            case nodes.Variable(names=names) if names:
                return self._fields(self._variables[self._place(first.variable)][1], names, given=given)
            case nodes.Nil():
                raise TemplateError("nil is not a command")
        if given:
            raise TemplateError("cannot give an argument to what is no function")
        return self._operand(first, dot)

    def _operand(self, operand: nodes.Operand, dot: object) -> object:
        match operand:
            case nodes.Dot() | nodes.Nil():
                return dot if isinstance(operand, nodes.Dot) else None
            case nodes.Literal():
                return operand.value
            case nodes.Pipe():
                return self._pipe(operand, dot)
            case nodes.Function():
                return self._call(operand.name, (), dot, _NOTHING_BEFORE)
            case nodes.Variable():
                return self._fields(self._variables[self._place(operand.variable)][1], operand.names)
        return self._fields(self._receiver(operand, dot), operand.names)

    def _receiver(self, operand: nodes.Field | nodes.Chain, dot: object) -> object:
        return dot if isinstance(operand, nodes.Field) else self._operand(operand.operand, dot)

    def _call(self, name: str, arguments: Sequence[nodes.Operand], dot: object, before: object) -> object:
        self._budget.spend(1 + len(arguments))
        if name in SHORT_CIRCUIT:
            return self._first_decisive(name, arguments, dot, before)
        values = [self._operand(argument, dot) for argument in arguments]
        if before is not _NOTHING_BEFORE:
            values.append(before)
        return functions.call(name, values, self._context)

    def _first_decisive(
        self, name: str, arguments: Sequence[nodes.Operand], dot: object, before: object
    ) -> object:
        value = _NOTHING_BEFORE
        for argument in arguments:
            value = self._operand(argument, dot)
            if truth(value) is SHORT_CIRCUIT[name]:
                return value
        value = value if before is _NOTHING_BEFORE else before
        if value is _NOTHING_BEFORE:
            raise TemplateError(f"wrong number of args for {name}: got 0")
        return value

    def _fields(self, value: object, names: Sequence[str], *, given: bool = False) -> object:
        self._budget.spend(len(names))
        for number, name in enumerate(names, 1):
            value = _field(value, name, self._budget, given=given and number == len(names))
        return value

    def _write(self, text: str) -> None:
        self.written.append(self._budget.written(text))

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError(f"more than {MAX_DEPTH} levels within each other")


def _field(value: object, name: str, budget: Budget, *, given: bool) -> object:
    """A field or an entry, looked up in mappings only. What a pipeline made of nothing has all."""
    if value is NO_VALUE:
        return NO_VALUE
    if value is None:
        raise TemplateError(f"nil pointer evaluating interface {{}}.{name}")
    if given:
        raise TemplateError(f"{name} is not a method but has arguments")
    if isinstance(value, Described) and name == "String":
        return value.text(budget)
    if isinstance(value, Struct):
        for fields in (value.fields, value.hidden):
            if name in fields:
                return fields[name]
    elif isinstance(value, Mapping):
        return value.get(name)
    raise TemplateError(f"cannot evaluate field {name} in type {kind(value)}")


_WALKS: Mapping[type[nodes.Node], Callable[..., nodes.Leave | None]] = {
    nodes.Text: _Evaluation.text,
    nodes.Action: _Evaluation.action,
    nodes.Choice: _Evaluation.choice,
    nodes.Loop: _Evaluation.loop,
    nodes.Include: _Evaluation.include,
    nodes.Leave: _Evaluation.leave,
}
