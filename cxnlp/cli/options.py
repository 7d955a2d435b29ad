"""Options that several commands share, and what they mean."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from cxnlp.errors import InputError

if TYPE_CHECKING:
    from cxnlp.classifier import Classifier


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``."""
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="a model folder, models:/name@alias of MLflow, or fast or auto for the shipped "
        "model's words alone or a cascade (default: the shipped model)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def add_promise(parser: argparse.ArgumentParser) -> None:
    """Add ``--promise``."""
    parser.add_argument(
        "--promise",
        metavar="LABEL=RECALL",
        action="append",
        default=[],
        help="lower or raise the threshold of a cause so that at least this share of its "
        "messages is found, with 95%% confidence; may be given several times",
    )


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add what commands over whole files have."""
    files = parser.add_argument_group("a file of messages")
    files.add_argument(
        "--input",
        metavar="FILE",
        help=".jsonl, .json, .csv, .tsv, .txt (also with .gz), .parquet, .xlsx, or - for standard "
        "input",
    )
    files.add_argument(
        "--output",
        metavar="FILE",
        help=".jsonl, .csv, .tsv, .parquet or .xlsx; default: JSON lines on standard output (-)",
    )
    files.add_argument("--text-column", metavar="NAME", help="default: text")
    files.add_argument(
        "--id-column", metavar="NAME", help="default: id, or the row number where there is none"
    )
    files.add_argument(
        "--jobs", metavar="N", type=int, default=1, help="processes at a time (default: 1)"
    )


def model_of(args: argparse.Namespace) -> Classifier:
    """Load the model that the options ask for; what a promise rests on goes to stderr.

    Raises
    ------
    CxnlpError
        If there is no such model, or it cannot keep a promise.
    """
    from cxnlp.classifier import load

    model = load(args.model)
    asked: dict[str, float] = {}
    for given in getattr(args, "promise", ()):
        label, _, recall = given.partition("=")
        try:
            asked[label.strip()] = _share(recall)
        except ValueError:
            raise InputError(
                f"--promise takes LABEL=RECALL, such as billing=0.9; got {given!r}."
            ) from None
    for label, recall in asked.items():
        promise = model.promise(label, recall=recall)
        model = model.with_promise(recall=recall, causes=[label])
        print(
            f"{label}: finds at least {promise.recall:.0%} with {promise.confidence:.0%} "
            f"confidence from a score of {promise.threshold:.2f}; rests on {promise.n} held-out "
            f"messages, of which it finds {promise.found}.",
            file=sys.stderr,
        )
    return model


def one_text(args: argparse.Namespace) -> str:
    """The message on the command line.

    Raises
    ------
    InputError
        If there is none, or several words that are no one argument.
    """
    if len(args.text) != 1:
        got = "none" if not args.text else f"{len(args.text)} pieces"
        raise InputError(
            f"Expected one message between double quotes, got {got}. Example: "
            f'cxnlp {args.command} "Mijn pakket is nog steeds niet geleverd"'
        )
    return str(args.text[0])


def check_no_text(args: argparse.Namespace) -> None:
    """Refuse a message beside ``--input``."""
    if args.text:
        raise InputError("Give either a message or --input, not both.")


def check_no_files(args: argparse.Namespace) -> None:
    """Refuse options for files where there is no ``--input``."""
    for name in ("output", "text_column", "id_column"):
        if getattr(args, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} goes with --input FILE.")


def _share(text: str) -> float:
    text = text.strip()
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)
