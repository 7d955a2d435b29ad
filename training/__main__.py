"""``python -m training``: train, compare and promote models.

Each verb parses its options, makes one call and prints; ``--help`` shows an example.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cxnlp.errors import CxnlpError
from training import commands

_DATA = {
    "--data": {"type": Path, "help": "labelled messages: .csv, .jsonl, .parquet or .xlsx"},
    "--text": {"default": "text", "help": "column of the message (default: text)"},
    "--causes": {"default": "causes", "help": "column of the causes (default: causes)"},
    "--emotion": {"default": "emotion", "help": "column of the emotion (default: emotion)"},
    "--id": {"default": "id", "help": "column that names the message (default: id, or its row)"},
    "--separator": {"help": "what parts several causes in a cell (default: any of ; , |)"},
    "--missing": {
        "choices": ["negative", "unknown"],
        "help": "what an empty causes cell means: no cause, or not labelled (row left out)",
    },
    "--taxonomy": {"type": Path, "help": "TOML file with other labels than the codebook's"},
}


def build_parser() -> argparse.ArgumentParser:
    """The parser with every verb."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train, compare and promote models.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, what: str, example: str) -> argparse.ArgumentParser:
        return verbs.add_parser(
            name,
            help=what,
            description=what[0].upper() + what[1:] + ".",
            epilog=f"Example:\n  python -m training {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def data(sub: argparse.ArgumentParser, *, required: bool) -> None:
        for flag, settings in _DATA.items():
            sub.add_argument(flag, required=required and flag == "--data", **settings)  # type: ignore[arg-type]

    run = verb("run", "train all candidates on the corpus, log, judge, label samples", "run")
    run.add_argument("--jobs", type=_count, default=2, help="processes at a time (default: 2)")
    run.add_argument(
        "--only", nargs="*", metavar="NAME", help="some candidates (file names in config/)"
    )
    run.set_defaults(call=commands.run)

    check = verb(
        "check",
        "validate labelled messages, naming file and line",
        "check --data mine.csv --missing negative",
    )
    data(check, required=False)
    check.add_argument("--real", type=Path, help="real messages to compare the manner with")
    check.set_defaults(call=commands.check)

    train = verb(
        "train",
        "train one candidate on your own labelled messages",
        "train --data mine.csv --text bericht --causes oorzaken --missing negative",
    )
    data(train, required=True)
    train.add_argument(
        "--config", type=Path, default=commands.CONFIG / "wordgrams.toml", help="what to train"
    )
    train.add_argument(
        "--encoder", type=Path, help="a fine-tuned encoder of your own, for finetuned and fused"
    )
    train.add_argument(
        "--with-corpus", action="store_true", help="add the shipped corpus to the training split"
    )
    train.add_argument(
        "--output", type=Path, default=Path("model"), help="folder for the model (default: model)"
    )
    train.add_argument("--jobs", type=_count, default=2)
    train.set_defaults(call=commands.train)

    encoder = verb(
        "encoder",
        "fine-tune the quality tier's encoder (extra encoder; about an hour on two cores)",
        "encoder --data mine.csv --missing negative --output my-encoder",
    )
    data(encoder, required=False)
    encoder.add_argument("--base", type=Path, default=None, help="folder with base weights")
    encoder.add_argument(
        "--config", type=Path, default=commands.ENCODER_CONFIG, help="how to fine-tune"
    )
    encoder.add_argument("--with-corpus", action="store_true", help="add the shipped corpus")
    encoder.add_argument(
        "--output", type=Path, default=commands.ENCODER, help="folder (default: models/encoder)"
    )
    encoder.add_argument("--jobs", type=_count, default=2)
    encoder.set_defaults(call=commands.encoder)

    evaluate = verb(
        "evaluate",
        "measure a model on labelled messages",
        "evaluate --data mine.csv --missing negative",
    )
    data(evaluate, required=False)
    evaluate.add_argument(
        "--model", default=None, help="folder or models:/ URI (default: the champion)"
    )
    evaluate.add_argument(
        "--readme",
        metavar="WHAT",
        help="write the figures into the README, calling the messages WHAT",
    )
    evaluate.add_argument("--json", action="store_true", help="print every figure as JSON")
    evaluate.set_defaults(call=commands.evaluate)

    compare = verb(
        "compare",
        "measure two models on the same messages",
        "compare models/champion model --data mine.csv --missing negative",
    )
    compare.add_argument("first")
    compare.add_argument("second")
    data(compare, required=False)
    compare.add_argument(
        "--whole",
        action="store_true",
        help="measure on every row of --data, none of which was trained on; otherwise on the "
        "part that `train` leaves out",
    )
    compare.set_defaults(call=commands.compare)

    promote = verb(
        "promote",
        "put a model through the gate and make it champion",
        "promote model --data mine.csv --missing negative",
    )
    promote.add_argument("folder", type=Path)
    data(promote, required=False)
    promote.add_argument("--why", default="", help="a reason for the ledger")
    promote.add_argument(
        "--models", type=Path, default=None, help="where the champion lives (default: models/)"
    )
    promote.set_defaults(call=commands.promote)

    rollback = verb(
        "rollback", "put the former champion back", "rollback --why 'complaints about billing'"
    )
    rollback.add_argument("--why", default="asked for", help="a reason for the ledger")
    rollback.set_defaults(call=commands.rollback)

    card = verb("card", "write the champion's figures into the README", "card")
    card.set_defaults(call=commands.card)

    register = verb(
        "register",
        "write the entry for the Dutch Algorithm Register, as JSON and Markdown",
        "register --output register",
    )
    register.add_argument(
        "--model", type=Path, default=None, help="folder of the model (default: the champion)"
    )
    register.add_argument(
        "--output", type=Path, default=Path("register"), help="folder (default: register)"
    )
    register.set_defaults(call=commands.register)
    return parser


def _count(text: str) -> int:
    """A number of processes."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; expected 1 or more")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code (0 done, 1 refused or problems found, 2 wrong use)."""
    options = build_parser().parse_args(arguments)
    try:
        code: int = options.call(options)
    except CxnlpError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # Whoever reads has seen enough («| head»); Python must not complain again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(
            f"error: {error}. Nothing was promoted; free some space or mend the path, and run it "
            f"again.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("interrupted; the champion is as it was", file=sys.stderr)
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
