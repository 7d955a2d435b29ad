"""``cxnlp redact``: black out personal data in one message, or in a file of them."""

from __future__ import annotations

import argparse

from cxnlp.cli.files import over_file
from cxnlp.cli.options import add_files, add_json, check_no_files, check_no_text, one_text
from cxnlp.cli.show import print_json, safe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("text", nargs="*", metavar="TEXT", help="the message, between quotes")
    add_files(parser)
    add_json(parser)
    parser.set_defaults(run=run, command="redact")
    parser.epilog = (
        "  cxnlp redact --input messages.csv --output redacted.csv --text-column bericht\n\n"
        "The output of a file has the id and the redacted text only: other columns of it may\n"
        "hold personal data as well."
    )


def run(args: argparse.Namespace) -> int:
    """Do it."""
    from cxnlp.tables import redact_file, redaction

    if args.text == ["-"] and args.input is None:
        args.text, args.input = [], "-"
    if args.input is None:
        check_no_files(args)
        found = redaction(one_text(args))
        if args.json:
            print_json(found)
        else:
            print(safe(found["text"]))
        return 0
    check_no_text(args)
    return over_file(
        args,
        "redacted",
        lambda source, target, progress: redact_file(
            source,
            target,
            text_column=args.text_column,
            id_column=args.id_column,
            jobs=args.jobs,
            progress=progress,
        ),
    )
