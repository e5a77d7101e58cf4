"""The pruner's command line, with something else in the place of `prune_library`."""

import sys
from functools import partial

from pruner import cli
from pruner.tree.result import Request

if __name__ == "__main__":
    stand_in, *arguments = sys.argv[1:]
    setattr(cli, "Request", partial(Request, prune=f"tests.pruner.tree.stand_ins:{stand_in}"))  # noqa: B010
    sys.exit(cli.main(arguments))
