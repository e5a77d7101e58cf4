"""What a template is made of once it is parsed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """{{ pipe }}: prints, unless it declares."""

    pipe: "Pipe"


@dataclass(frozen=True, slots=True)
class Arm:
    condition: "Pipe"
    body: "Body"


@dataclass(frozen=True, slots=True)
class Choice:
    """if or with: the first arm whose condition is true, or else the rest."""

    arms: tuple[Arm, ...]
    otherwise: "Body"
    rebinds: bool
    """with: the condition becomes the dot."""


@dataclass(frozen=True, slots=True)
class Loop:
    """range."""

    pipe: "Pipe"
    body: "Body"
    otherwise: "Body"


@dataclass(frozen=True, slots=True)
class Include:
    """template, and what block leaves at its place."""

    name: str
    pipe: "Pipe"


@dataclass(frozen=True, slots=True)
class Leave:
    """break, or continue where it goes on."""

    goes_on: bool


Node = Text | Action | Choice | Loop | Include | Leave
Body = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Dot:
    pass


@dataclass(frozen=True, slots=True)
class Nil:
    pass


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | float | bool


@dataclass(frozen=True, slots=True)
class Field:
    """.A.B"""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """$x.A.B"""

    variable: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """(pipe).A.B"""

    operand: "Operand"
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A function, field or value, and its arguments."""

    first: "Operand"
    arguments: tuple["Operand", ...]


@dataclass(frozen=True, slots=True)
class Pipe:
    """Commands, each given the value of the one before, and the variables that take the last value."""

    line: int
    variables: tuple[str, ...]
    declares: bool
    commands: tuple[Command, ...]


Operand = Dot | Nil | Literal | Field | Variable | Function | Chain | Pipe
