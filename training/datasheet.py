"""The tables of DATASHEET.md, written by a command so that its numbers cannot drift.

A table goes between ``<!-- table:NAME -->`` and ``<!-- /table -->``; what stands there is
replaced. ``python -m training.datasheet [folder]`` writes, with ``--check`` it only compares.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from cxnlp.errors import TrainingError
from cxnlp.record import CHANNELS, ORIGINS, REGIONS, SECTORS, Record
from training.agreement import measured_agreement
from training.corpus import DATA, Corpus, load_corpus
from training.measure import (
    Requirement,
    batch,
    diversity,
    length,
    requirements,
    slops,
    spelling,
    telling_words,
)
from training.metrics import length_band
from training.splits import SPLITS

_BLOCK = re.compile(r"<!-- table:(?P<name>[a-z-]+) -->\n.*?<!-- /table -->", re.S)
_OPEN = re.compile(r"<!-- table:")
BANDS = ("1-7", "8-17", "18-60", "61-120", "over 120")
STYLES = ("flawless", "between", "sloppy")


def tables(
    corpus: Corpus,
    *,
    agreement: dict[str, Any] | None = None,
    only: Sequence[str] | None = None,
) -> dict[str, str]:
    """The tables by their names, in Markdown.

    Parameters
    ----------
    corpus
        What is counted.
    agreement
        With a second annotator; see `training.agreement`.
    only
        Names of the tables to make; all of them by default, which takes a quarter of a minute.
    """
    records, taxonomy = corpus.records, corpus.taxonomy
    dutch = taxonomy.dutch_names

    def by(values: Iterable[str], of: Callable[[Record], str]) -> str:
        return _splits(corpus, [(value, _is(of, value)) for value in values])

    makers: dict[str, Callable[[], str]] = {
        "splits": lambda: _splits(corpus, [("messages", lambda r: True)]),
        "causes": lambda: _splits(
            corpus,
            [
                *(
                    (f"{c} ({dutch[c]})", lambda r, c=c: c in r.causes)
                    for c in taxonomy.cause_names
                ),
                ("none", lambda r: not r.causes),
                ("two or more", lambda r: len(r.causes) > 1),
            ],
        ),
        "emotions": lambda: _splits(
            corpus,
            [
                *(
                    (f"{e} ({dutch[e]})", lambda r, e=e: r.emotion == e)
                    for e in taxonomy.emotion_names
                ),
                ("with a second emotion", lambda r: r.emotion_alt is not None),
            ],
        ),
        "channels": lambda: by(CHANNELS, lambda r: r.channel),
        "sectors": lambda: by(SECTORS, lambda r: r.sector),
        "regions": lambda: by(REGIONS, lambda r: r.region),
        "origins": lambda: by(ORIGINS, lambda r: r.origin),
        "lengths": lambda: by(BANDS, lambda r: length_band(r.text)),
        "spelling": lambda: by(STYLES, lambda r: spelling(r.text)),
        "slips": lambda: _counts(
            "slip", Counter(s for r in records for s in slops(r.text)), len(records)
        ),
        "pairs": lambda: _pairs(records, taxonomy.cause_names),
        "batches": lambda: _batches(records),
        "telling": lambda: _telling(corpus),
        "requirements": lambda: _requirements(
            "aspect",
            requirements(records, taxonomy, test=corpus.part("test"), pairs=len(corpus.pairs)),
        ),
        "variety": lambda: _requirements("measure", diversity(records)),
        "agreement": lambda: _agreement(agreement),
    }
    return {name: make() for name, make in makers.items() if only is None or name in only}


def _is(of: Callable[[Record], str], value: str) -> Callable[[Record], bool]:
    return lambda record: of(record) == value


def fill(text: str, found: dict[str, str]) -> str:
    """A text with its tables replaced.

    Raises
    ------
    TrainingError
        If a marker names no table, or is not closed.
    """

    def put(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in found:
            raise TrainingError(f"There is no table {name!r}. Known are: {', '.join(found)}.")
        return f"<!-- table:{name} -->\n{found[name]}<!-- /table -->"

    if len(_OPEN.findall(text)) != len(_BLOCK.findall(text)):
        raise TrainingError(
            "A table marker is not closed: expected <!-- table:NAME --> and <!-- /table -->, each "
            "on a line of its own."
        )
    return _BLOCK.sub(put, text)


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"


def _head(first: str, *others: str) -> str:
    return _row((first, *others)) + "|---|" + "---:|" * len(others) + "\n"


def _splits(corpus: Corpus, rows: Sequence[tuple[str, Callable[[Record], bool]]]) -> str:
    """How many messages of each kind, in all and by split."""
    parts = [corpus.records, *(corpus.part(name) for name in SPLITS)]
    lines = [_head("", "messages", "share", *SPLITS)]
    for shown, belongs in rows:
        counts = [sum(map(belongs, part)) for part in parts]
        share = counts[0] / max(len(corpus.records), 1)
        lines.append(
            _row((shown, f"{counts[0]:,}", f"{share:.1%}", *(f"{c:,}" for c in counts[1:])))
        )
    return "".join(lines)


def _counts(title: str, counts: Counter[str], n: int) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return _head(title, "messages", "share") + "".join(
        _row((name, f"{count:,}", f"{count / max(n, 1):.1%}")) for name, count in ordered
    )


def _pairs(records: Sequence[Record], causes: Sequence[str]) -> str:
    """How often two causes meet in one message."""
    both = Counter((a, b) for r in records for a in r.causes for b in r.causes)
    rows = [_row((a, *(f"{both[a, b]:,}" if a != b else "" for b in causes))) for a in causes]
    return _head("", *causes) + "".join(rows)


def _batches(records: Sequence[Record]) -> str:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(batch(record), []).append(record)
    lines = [
        _head("batch", "messages", "median words", "complaints", "Flemish", "public", "sloppy")
    ]
    for name, rows in sorted(groups.items()):
        n = len(rows)
        shares = (
            sum(bool(r.causes) for r in rows) / n,
            sum(r.region == "be" for r in rows) / n,
            sum(r.channel in ("review", "social") for r in rows) / n,
            sum(spelling(r.text) == "sloppy" for r in rows) / n,
        )
        middle = median(length(r.text) for r in rows)
        lines.append(_row((name, f"{n:,}", f"{middle:g}", *(f"{share:.0%}" for share in shares))))
    return "".join(lines)


def _telling(corpus: Corpus) -> str:
    taxonomy = corpus.taxonomy
    lines = [_row(("label", "words (of the messages with it / of the label)")), "|---|---|\n"]
    for names, of in (
        (taxonomy.cause_names, lambda r: r.causes),
        (taxonomy.emotion_names, lambda r: (r.emotion,)),
    ):
        for name in names:
            found = telling_words(corpus.records, of, name)
            shown = ", ".join(f"*{t.word}* {t.precision:.0%}/{t.recall:.0%}" for t in found)
            lines.append(_row((name, shown)))
    return "".join(lines)


def _requirements(title: str, rows: Sequence[Requirement]) -> str:
    return _head(title, "wanted", "found", "met") + "".join(
        _row((r.aspect, r.wanted, r.found, ("yes" if r.met else "no") if r.wanted else ""))
        for r in rows
    )


def _agreement(found: dict[str, Any] | None) -> str:
    if found is None:
        return _head("agreement", "found") + _row(("second labels", "none yet"))
    rows = [
        (
            f"{name}: F1 (kappa), {f['first']} and {f['second']} times",
            f"{f['f1']:.2f} ({f['kappa']:.2f})",
        )
        for name, f in found["causes"].items()
    ]
    return _head("a second annotator, blind", "agreement") + "".join(
        _row(row)
        for row in (
            ("messages", f"{found['n']:,}"),
            ("causes, macro-F1", f"{found['causes_macro_f1']:.2f}"),
            *rows,
            (
                "emotion, the same (kappa)",
                f"{found['emotion_accuracy']:.0%} ({found['emotion_kappa']:.2f})",
            ),
            ("emotion, with either's second one", f"{found['emotion_accuracy_alt']:.0%}"),
        )
    )


def main(arguments: Sequence[str]) -> int:
    """Write the tables of a corpus folder's DATASHEET.md, or compare them with ``--check``."""
    names = [a for a in arguments if a != "--check"]
    folder = Path(names[0]) if names else DATA
    path = folder / "DATASHEET.md"
    try:
        before = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"Cannot read {path.name}: {error}.") from error
    corpus = load_corpus(folder)
    agreement = measured_agreement(corpus, folder / "second_labels.jsonl")
    after = fill(before, tables(corpus, agreement=agreement))
    if "--check" in arguments:
        same = after == before
        sys.stdout.write(
            f"{path.name} is up to date.\n"
            if same
            else f"{path.name} is not up to date; run python -m training.datasheet.\n"
        )
        return 0 if same else 1
    path.write_text(after, encoding="utf-8")
    sys.stdout.write(f"Wrote the tables of {path.name}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
