"""The grammar of the command line: commands, options, help with an example each."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from cxnlp import __version__
from cxnlp.cli import explain, info, predict, redact, serve
from cxnlp.errors import InputError

EXAMPLES = {
    "predict": 'cxnlp predict "Dinsdag zou de monteur komen, niemand gezien"',
    "explain": 'cxnlp explain "Jullie chatbot stuurt me in een cirkel"',
    "redact": 'cxnlp redact "Bel mij op 06-12345678"',
    "info": "cxnlp info",
    "verify": "cxnlp verify models/champion",
    "labels": "cxnlp labels",
    "serve": "cxnlp serve --port 8000",
}
"""One call of each command that works as it stands."""

_OVERVIEW = {
    "predict": "causes and emotion of a message, or of a file of them",
    "explain": "which words show what, and every score against its threshold",
    "redact": "black out personal data",
    "info": "what the model is, what it was trained on and how good it is",
    "verify": "check that a model folder is whole and unaltered",
    "labels": "the causes and emotions, and when each is given",
    "serve": "answer over HTTP, with a page for people",
}


class _Parser(argparse.ArgumentParser):
    """Fails with one line instead of a page of usage."""

    def error(self, message: str) -> NoReturn:
        """Raise for `main` to print."""
        raise InputError(f"{message}. See: {self.prog} --help")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse arguments; ``run`` of the result is the function to call with it.

    Raises
    ------
    InputError
        If they make no sense.
    SystemExit
        After printing a help text or the version.
    """
    return build().parse_args(list(argv))


def build() -> argparse.ArgumentParser:
    """The whole grammar."""
    parser = _Parser(
        prog="cxnlp",
        allow_abbrev=False,
        description="Why a Dutch customer is unhappy, and how it feels.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Each command has --help. Exit codes: 0 all right, 1 finished but some rows were "
        "bad,\n2 wrong use or unreadable input, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"cxnlp {__version__}")
    parser.set_defaults(run=_overview)
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=_Parser)
    fill: dict[str, Callable[[argparse.ArgumentParser], None]] = {
        "predict": predict.add_arguments,
        "explain": explain.add_arguments,
        "redact": redact.add_arguments,
        "info": info.add_info_arguments,
        "verify": info.add_verify_arguments,
        "labels": info.add_labels_arguments,
        "serve": serve.add_arguments,
    }
    for name, add in fill.items():
        command = commands.add_parser(
            name,
            allow_abbrev=False,
            help=_OVERVIEW[name],
            description=f"{_OVERVIEW[name][0].upper()}{_OVERVIEW[name][1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add(command)
        more = f"\n{command.epilog}" if command.epilog else ""
        command.epilog = f"example:\n  {EXAMPLES[name]}{more}"
    return parser


def _overview(args: argparse.Namespace) -> int:
    print("cxnlp: why a Dutch customer is unhappy, and how it feels.\n")
    for name, line in _OVERVIEW.items():
        print(f"  {name:<9}{line}\n           {EXAMPLES[name]}")
    print("\nA whole file:  cxnlp predict --input messages.csv --output answers.csv")
    print("More:          cxnlp COMMAND --help")
    return 0
