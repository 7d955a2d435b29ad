"""``cxnlp explain``: mark the words that show each label, and set scores against thresholds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cxnlp.cli.options import add_json, add_model, add_promise, model_of, one_text
from cxnlp.cli.show import on_terminal, print_json, print_table, safe

if TYPE_CHECKING:
    from cxnlp.types import Evidence, Prediction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("text", nargs="*", metavar="TEXT", help="the message, between quotes")
    add_promise(parser)
    add_model(parser)
    add_json(parser)
    parser.set_defaults(run=run, command="explain")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    text = one_text(args)
    prediction = model_of(args).predict(text, explain=True)
    if args.json:
        print_json(prediction.to_dict())
        return 0
    for label in (*prediction.causes, prediction.emotion):
        found = [evidence for evidence in prediction.evidence if evidence.label == label]
        if found or label in prediction.causes:
            print(f"{label} ({prediction.names[label]})")
            print_marked(text, found)
            print()
    print_table(_scores(prediction), header=["label", "score", "from", ""], right=[1, 2])
    print(f"\ndecision: {prediction.decision}")
    for reason in prediction.reasons:
        print(f"  {safe(reason)}")
    return 0


def print_marked(text: str, evidence: Sequence[Evidence]) -> None:
    """Print a text with its evidence in colour on a terminal, else in square brackets."""
    shown = safe(text)
    if on_terminal():
        from rich.console import Console
        from rich.text import Text

        marked = Text(shown)
        for found in evidence:
            marked.stylize("black on yellow", found.start, found.end)
        Console().print(marked)
        return
    parts, at = [], 0
    for found in evidence:
        parts += [shown[at : found.start], "[", shown[found.start : found.end], "]"]
        at = found.end
    print("".join([*parts, shown[at:]]))


def _scores(prediction: Prediction) -> list[list[str]]:
    rows = [
        [
            cause,
            f"{score:.2f}",
            f"{prediction.thresholds[cause]:.2f}",
            "given" if cause in prediction.causes else "",
        ]
        for cause, score in prediction.scores.items()
    ]
    return rows + [
        [emotion, f"{score:.2f}", "", "chosen" if emotion == prediction.emotion else ""]
        for emotion, score in prediction.emotion_scores.items()
    ]
