"""What can go wrong in front of a person.

GfxpackError            anything with a message and a hint; the command ends with its exit code
├── UsageError          the command line asks for something that does not exist
├── ConfigError         targets.yaml or a lock does not hold what it must
├── SourceError         a package, base or model cannot be had from the configured sources
├── EngineError         no container engine, or one that cannot do the work
├── BuildError          a step of an image failed
├── VerifyError         an image is not what its target promises
└── StackError          the stack did not start, or did not answer
"""

from collections.abc import Sequence


class GfxpackError(Exception):
    """One line that says what is wrong with the value at fault, a hint that says what to do, and
    (only where they help) the few lines of evidence."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None, evidence: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.evidence = tuple(evidence)


class UsageError(GfxpackError):
    exit_code = 2


class ConfigError(GfxpackError):
    pass


class SourceError(GfxpackError):
    pass


class EngineError(GfxpackError):
    pass


class BuildError(GfxpackError):
    pass


class VerifyError(GfxpackError):
    pass


class StackError(GfxpackError):
    pass
