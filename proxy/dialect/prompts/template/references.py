"""Which fields a template refers to, wherever it does."""

from collections.abc import Iterable, Iterator

from proxy.dialect.prompts.template import nodes


def fields(bodies: Iterable[nodes.Body]) -> Iterator[str]:
    for body in bodies:
        for pipe in _pipes(body):
            yield from _of_operand(pipe)


def _pipes(body: nodes.Body) -> Iterator[nodes.Pipe]:
    for node in body:
        match node:
            case nodes.Action() | nodes.Include():
                yield node.pipe
            case nodes.Choice():
                for arm in node.arms:
                    yield arm.condition
                    yield from _pipes(arm.body)
                yield from _pipes(node.otherwise)
            case nodes.Loop():
                yield node.pipe
                yield from _pipes(node.body)
                yield from _pipes(node.otherwise)


def _of_operand(operand: nodes.Operand) -> Iterator[str]:
    match operand:
        case nodes.Field() | nodes.Variable():
            yield from operand.names
        case nodes.Chain():
            yield from _of_operand(operand.operand)
            yield from operand.names
        case nodes.Pipe():
            for command in operand.commands:
                for part in (command.first, *command.arguments):
                    yield from _of_operand(part)


def before(field: str, body: nodes.Body) -> nodes.Body:
    """The body up to what prints a field, and with it."""
    kept, _ = _cut(field, body)
    return kept


def _cut(field: str, body: nodes.Body) -> tuple[nodes.Body, bool]:
    kept: list[nodes.Node] = []
    for node in body:
        part, found = _cut_node(field, node)
        kept.append(part)
        if found:
            return tuple(kept), True
    return tuple(kept), False


def _cut_node(field: str, node: nodes.Node) -> tuple[nodes.Node, bool]:
    match node:
        case nodes.Action():
            return node, _prints(field, node.pipe)
        case nodes.Loop():
            body, found = _cut(field, node.body)
            otherwise, there = ((), True) if found else _cut(field, node.otherwise)
            return nodes.Loop(node.pipe, body, otherwise), found or there
        case nodes.Choice():
            return _cut_choice(field, node)
    return node, False


def _prints(field: str, pipe: nodes.Pipe) -> bool:
    """By its plain name: Ollama does not look for $.Response."""
    for command in pipe.commands:
        for part in (command.first, *command.arguments):
            if isinstance(part, nodes.Field) and field in part.names:
                return True
            if isinstance(part, nodes.Pipe) and _prints(field, part):
                return True
    return False


def _cut_choice(field: str, node: nodes.Choice) -> tuple[nodes.Node, bool]:
    arms: list[nodes.Arm] = []
    for arm in node.arms:
        body, found = _cut(field, arm.body)
        arms.append(nodes.Arm(arm.condition, body))
        if found:
            return nodes.Choice(tuple(arms), (), node.rebinds), True
    otherwise, found = _cut(field, node.otherwise)
    return nodes.Choice(tuple(arms), otherwise, node.rebinds), found
