"""`vllm`, of which `vllm serve` alone is here, as far as its arguments go."""

from importlib.metadata import version

from vllm.entrypoints.cli.serve import FlexibleArgumentParser, make_arg_parser


def main() -> None:
    parser = FlexibleArgumentParser(prog="vllm", description="vLLM CLI")
    parser.add_argument("-v", "--version", action="version", version=version("vllm"))
    commands = parser.add_subparsers(required=True, dest="subparser")
    make_arg_parser(commands.add_parser("serve", help="Launch a local OpenAI-compatible API server"))
    parser.parse_args()
    raise SystemExit("this vLLM is a stand-in: it serves nothing")


if __name__ == "__main__":
    main()
