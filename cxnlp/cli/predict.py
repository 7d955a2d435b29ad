"""``cxnlp predict``: label one message, or a file of them."""

from __future__ import annotations

import argparse
from itertools import islice
from typing import TYPE_CHECKING

from cxnlp.cli.files import over_file
from cxnlp.cli.options import (
    add_files,
    add_json,
    add_model,
    add_promise,
    check_no_files,
    check_no_text,
    model_of,
    one_text,
)
from cxnlp.cli.show import on_terminal, print_json, print_table

if TYPE_CHECKING:
    from cxnlp.classifier import Classifier
    from cxnlp.tables import Summary
    from cxnlp.types import Prediction

_SCREEN = 200  # messages in one table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("text", nargs="*", metavar="TEXT", help="the message, between quotes")
    add_files(parser)
    parser.add_argument("--explain", action="store_true", help="add the words that show each cause")
    add_promise(parser)
    add_model(parser)
    add_json(parser)
    parser.set_defaults(run=run, command="predict")
    parser.epilog = (
        "  cxnlp predict --input messages.csv --output answers.jsonl --text-column bericht\n"
        "  cxnlp predict --input messages.xlsx --output answers.xlsx --promise billing=0.9\n\n"
        "A bad row becomes a record with an error, and the exit code is 1. An output appears\n"
        "when it is whole; after an interruption the same command goes on where it was\n"
        "(output to .jsonl or .csv)."
    )


def run(args: argparse.Namespace) -> int:
    """Do it."""
    if args.text == ["-"] and args.input is None:
        args.text, args.input = [], "-"
    if args.input is None:
        check_no_files(args)
        text = one_text(args)
        prediction = model_of(args).predict(text, explain=args.explain)
        if args.json:
            print_json(prediction.to_dict())
        else:
            _show(prediction)
        return 0
    check_no_text(args)
    from cxnlp.tables import label_file

    model = model_of(args)
    if args.output is None and on_terminal() and not args.json:
        return over_file(args, "labelled", lambda source, _, __: _on_screen(model, args))
    return over_file(
        args,
        "labelled",
        lambda source, target, progress: label_file(
            model,
            source,
            target,
            text_column=args.text_column,
            id_column=args.id_column,
            explain=args.explain,
            jobs=args.jobs,
            progress=progress,
        ),
    )


def _on_screen(model: Classifier, args: argparse.Namespace) -> Summary:
    """A line for each message of a file, for a person who looks at the screen."""
    from cxnlp.tables import Summary, read_messages

    rows = bad = 0
    messages = read_messages(args.input, text_column=args.text_column, id_column=args.id_column)
    while some := list(islice(messages, _SCREEN)):
        predictions = model.predict([message.text for message in some])
        print_table(
            [
                [str(m.id), "bad row", "", "", m.error]
                if m.error
                else [str(m.id), p.decision, ", ".join(p.causes), p.emotion, m.text[:200]]
                for m, p in zip(some, predictions, strict=True)
            ],
            header=["id", "decision", "causes", "emotion", "message"],
        )
        rows, bad = rows + len(some), bad + sum(bool(m.error) for m in some)
    return Summary(rows, bad)


def _show(prediction: Prediction) -> None:
    answer = prediction.to_dict()
    rows = []
    for cause in answer["causes"]:
        words = " … ".join(found["text"] for found in cause["evidence"])
        rows.append(
            [
                "cause",
                f"{cause['label']} ({cause['name']})",
                f"{cause['score']:.2f}",
                f"from {cause['threshold']:.2f}" + (f": «{words}»" if words else ""),
            ]
        )
    emotion = answer["emotion"]
    rows.append(
        ["emotion", f"{emotion['label']} ({emotion['name']})", f"{emotion['score']:.2f}", ""]
    )
    rows.append(["decision", answer["decision"], "", ""])
    rows += [["because" if i == 0 else "", r, "", ""] for i, r in enumerate(answer["reasons"])]
    if not answer["causes"]:
        rows.insert(0, ["cause", "none", "", ""])
    print_table(rows, right=[2])
