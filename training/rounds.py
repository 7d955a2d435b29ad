"""The learning curves of the datasheet: by round of writing, and by number of messages.

``python -m training.rounds --real FILE`` trains the default candidate on what each round of
writing had brought (batches are numbered by round), measures it on the test split and on a file
of real messages that stays where it is, and writes the tables into DATASHEET.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cxnlp.errors import CxnlpError
from cxnlp.record import Record
from training.candidates import CONFIG, Config, read_config
from training.card import fill_blocks
from training.corpus import DATA, Corpus, load_corpus
from training.fit import train
from training.manner import compare
from training.metrics import Truth, decided, summary_vector
from training.report import short, table
from training.table import load_table


def round_of(record: Record) -> int:
    """The round in which a message was written: the first digit of its batch."""
    return int(record.id.removeprefix("batch-")[0])


def measure(
    config: Config, some: Sequence[Record], corpus: Corpus, sets: dict[str, Sequence[Record]]
) -> dict[str, dict[str, float]]:
    """Train on some messages and give the summary on each set."""
    [one] = train([config], some, corpus.taxonomy, groups=corpus.groups_of(some), jobs=2, folds=3)
    found = {}
    for name, records in sets.items():
        truth = Truth.of(records, corpus.taxonomy)
        scored = one.score([r.text for r in records])
        given, emotion, _ = decided(one.rule, scored)
        found[name] = summary_vector(truth, scored.causes, given, emotion, corpus.taxonomy)
    return found


def by_round(config: Config, corpus: Corpus, sets: dict[str, Sequence[Record]], real: Path) -> str:
    """What each round brought, cumulatively, and how real its public messages look."""
    rows = []
    records = corpus.part("train")
    for last in sorted({round_of(r) for r in records}):
        some = [r for r in records if round_of(r) <= last]
        alone = [r for r in corpus.records if round_of(r) == last]
        figures = measure(config, some, corpus, sets)
        rows.append([f"{last}", f"{len(some):,}", *_cells(figures), short(_manner(alone, real))])
    found = table(
        ["rounds up to", "messages to train", *_header(sets), "manner AUC of this round"], rows
    )
    every = compare(corpus.records, real)
    return (
        f"{found}\n\nOf all rounds together the manner AUC is {short(every.auc)}. Among {every.n} "
        f"reviews and posts, {every.shared_composed:.1%} of the composed ones have six words in a "
        f"row in common with another of them, and {every.shared_real:.1%} of the real ones."
    )


def by_size(config: Config, corpus: Corpus, sets: dict[str, Sequence[Record]]) -> str:
    """The same by number of messages, drawn by situation over all rounds."""
    records = corpus.part("train")
    order = {g: i for i, g in enumerate(_shuffled(sorted(set(corpus.groups_of(records)))))}
    rows = []
    for share in (0.125, 0.25, 0.5, 0.75, 1.0):
        some = [r for r in records if order[corpus.groups[r.id]] < share * len(order)]
        rows.append([f"{len(some):,}", *_cells(measure(config, some, corpus, sets))])
    return table(["messages to train", *_header(sets)], rows)


def _shuffled(names: list[str]) -> list[str]:
    import random

    random.Random(13).shuffle(names)
    return names


def _header(sets: dict[str, Sequence[Record]]) -> list[str]:
    return [
        f"{name} (n={len(records):,}): {what}"
        for name, records in sets.items()
        for what in ("causes F1", "mean AP", "emotion F1")
    ]


def _cells(figures: dict[str, dict[str, float]]) -> list[str]:
    names = ("macro_f1", "macro_ap", "emotion_macro_f1")
    return [f"{f[name]:.3f}" for f in figures.values() for name in names]


def _manner(records: Sequence[Record], real: Path) -> float | None:
    try:
        return compare(records, real).auc
    except CxnlpError:
        return None  # too few reviews and posts in this round


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write both tables."""
    parser = argparse.ArgumentParser(prog="python -m training.rounds", description=__doc__)
    parser.add_argument("--real", type=Path, required=True, help="labelled real messages (JSONL)")
    options = parser.parse_args(arguments)
    corpus = load_corpus()
    real, problems = load_table(options.real)
    for problem in problems:
        print(problem, file=sys.stderr)
    sets: dict[str, Sequence[Record]] = {"test": corpus.part("test"), "real": real}
    config = read_config(CONFIG / "wordgrams.toml")
    blocks = {
        "rounds": by_round(config, corpus, sets, options.real),
        "curve": by_size(config, corpus, sets),
    }
    fill_blocks(DATA / "DATASHEET.md", blocks)
    print("\n\n".join(blocks.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
