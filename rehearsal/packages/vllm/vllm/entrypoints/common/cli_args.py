"""The options of `vllm serve`, out of the listing beside this file."""

import argparse
from importlib.resources import files

from vllm.config.device import device_type
from vllm.utils.argparse_utils import FlexibleArgumentParser

_KINDS = {"int": int, "float": float, "text": str, "json": str}


def make_arg_parser(parser: FlexibleArgumentParser) -> FlexibleArgumentParser:
    device_type()
    parser.add_argument("model_tag", nargs="?", help="The model tag to serve")
    listing = files("vllm.entrypoints.common").joinpath("options.txt").read_text(encoding="utf-8")
    for line in listing.splitlines():
        names, _, kind = line.partition("  ")
        _add(parser, names.split(), kind.split())
    return parser


def _add(parser: FlexibleArgumentParser, names: list[str], kind: list[str]) -> None:
    match kind:
        case ["flag"]:
            parser.add_argument(*names, action=argparse.BooleanOptionalAction)
        case ["choice", *choices]:
            parser.add_argument(*names, choices=choices)
        case ["list"]:
            parser.add_argument(*names, nargs="+")
        case [name]:
            parser.add_argument(*names, type=_KINDS[name])
        case _:
            raise ValueError(f"options.txt: {names} {kind}")
