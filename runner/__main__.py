"""python -m runner ENGINE [FLAG...] -- [ARGUMENT...]

The image gives what stands before the `--`: the engine and the flags that it always gets. The person who
starts the container gives the rest.
"""

import os
import sys

from runner.engines import ENGINES, Invocation
from runner.preflight import RefusedError
from runner.supervise import supervise

EXIT_USAGE = 64
EXIT_REFUSED = 78


def main(arguments: list[str]) -> int:
    if "--" not in arguments or arguments[0] not in ENGINES:
        print(f"usage: runner {'|'.join(ENGINES)} [FLAG...] -- [ARGUMENT...]", file=sys.stderr)
        return EXIT_USAGE
    cut = arguments.index("--")
    engine = ENGINES[arguments[0]]
    invocation = Invocation(
        fixed=tuple(arguments[1:cut]), given=tuple(arguments[cut + 1 :]), environment=dict(os.environ)
    )
    try:
        engine.check(invocation)
    except RefusedError as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return EXIT_REFUSED
    return supervise(engine.command(invocation), engine.environment(invocation))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
