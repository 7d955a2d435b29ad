"""Is the data sound? Every problem with its file and line, then what the data look like."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from cxnlp.errors import CxnlpError, RecordError, TrainingError
from cxnlp.labels import DEFAULT, Taxonomy
from cxnlp.record import Record
from cxnlp.text import find_pii
from training.corpus import DATA, Pair, lines, load_contrast, load_corpus, message_files, parse
from training.measure import Requirement, diversity, requirements, shared_runs, telling_words, words
from training.splits import group, near_duplicates, read_splits
from training.table import Problem, read_table

FEW = 20  # cases below which a label cannot be learned, let alone judged
PERSONAL = {
    "phone": "a telephone number",
    "iban": "an IBAN",
    "email": "an e-mail address",
    "bsn": "a BSN",
    "rijksregisternummer": "a rijksregisternummer",
    "card": "a card number",
    "address": "an address",
    "licence_plate": "a licence plate",
    "birth_date": "a date of birth",
}
OPENING, RUN, REPEATED = 8, 12, 3  # words, words, messages that may have the same

_MOJIBAKE = re.compile(r"Ã[\x80-\xbf¡-¿ƒŠšŒœŽžŸ‚„…†‡ˆ‰‹›]|â€|â‚¬|Â[\xa0-\xbf]|ï»¿|ï¿½|\ufffd")


@dataclass(frozen=True, slots=True)
class Placed:
    """A record and where it was read."""

    file: str
    line: int
    record: Record
    unit: str = "line"

    def problem(self, message: str) -> Problem:
        """A problem of this record."""
        return Problem(self.file, self.line, message, self.unit)

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.file}, {self.unit} {self.line}"

    def __str__(self) -> str:
        return f"{self.record.id!r} ({self.place})"


def check(source: Path, *, taxonomy: Taxonomy = DEFAULT, **table: Any) -> list[Problem]:
    """Every problem of a corpus folder, or of a table of one's own messages.

    Parameters
    ----------
    source
        A folder with ``messages/*.jsonl``, or a file.
    taxonomy
        The labels that are allowed.
    table
        How to read the file; personal data and repetition are then no problem, since the data
        are not to be published.

    Raises
    ------
    TrainingError
        If there is nothing to check.
    TableError
        If the table cannot be read at all.
    """
    if source.is_dir():
        return _check_folder(source, taxonomy)
    rows = list(read_table(source, taxonomy=taxonomy, **table))
    placed = [Placed(source.name, n, row, "row") for n, row in rows if isinstance(row, Record)]
    problems = [row for _, row in rows if isinstance(row, Problem)]
    problems += [p for one in placed for p in _text_problems(one, personal=False)]
    problems += _used_twice(placed) + _judged_twice(placed)
    problems += [replace(few, note=True) for few in _few(placed, taxonomy, source.name)]
    return sorted(problems)


def _check_folder(folder: Path, taxonomy: Taxonomy) -> list[Problem]:
    placed: list[Placed] = []
    problems: list[Problem] = []
    for path in message_files(folder):
        found, bad = _read(path, taxonomy)
        placed += found
        problems += bad
    for one in placed:
        problems += _text_problems(one, personal=True)
    try:
        split = read_splits(folder / "splits.json")
    except TrainingError as error:
        problems.append(Problem("splits.json", 1, str(error)))
        split = {}
    problems += _used_twice(placed) + _alike(placed, split)
    problems += _split_problems(placed, split)
    problems += _templates(placed)
    problems += _few(placed, taxonomy, "messages")
    if (folder / "contrast.jsonl").exists():
        problems += _contrast_problems(folder / "contrast.jsonl", taxonomy)
    return sorted(problems)


def _read(path: Path, taxonomy: Taxonomy) -> tuple[list[Placed], list[Problem]]:
    """The records of a batch file, and what is wrong with the other lines."""
    placed: list[Placed] = []
    problems: list[Problem] = []
    for number, line in lines(path):
        try:
            data = parse(line)
            record = Record.from_dict(data, taxonomy=taxonomy)
            missing = [name for name in Record.__slots__ if name not in data]
            empty = [n for n in Record.__slots__ if data.get(n) == "" and n not in missing]
            if missing or empty:
                raise RecordError(
                    f"Missing field {missing[0]!r}; every record needs all of "
                    f"{', '.join(Record.__slots__)}."
                    if missing
                    else f"Field {empty[0]!r} is empty; expected a value."
                )
        except RecordError as error:
            problems.append(Problem(path.name, number, str(error)))
        else:
            placed.append(Placed(path.name, number, record))
    return placed, problems


def _text_problems(one: Placed, *, personal: bool) -> list[Problem]:
    text = one.record.text
    problems = []
    if match := _MOJIBAKE.search(text):
        near = text[max(0, match.start() - 10) : match.end() + 10]
        problems.append(one.problem(f"Text read in the wrong encoding near {near!r}; mend it."))
    control = [c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    if control:
        problems.append(
            one.problem(
                f"Control character {control[0]!r} in the text; expected none but \\n, \\t."
            )
        )
    if personal:
        kinds = sorted({span.kind for span in find_pii(text)} & set(PERSONAL))
        problems += [
            one.problem(f"The text holds {PERSONAL[kind]}; leave it out or write it as a gap.")
            for kind in kinds
        ]
    return problems


def _used_twice(placed: Sequence[Placed]) -> list[Problem]:
    first: dict[str, Placed] = {}
    return [
        one.problem(f"The id {one.record.id!r} is used before, in {before.place}.")
        for one in placed
        if (before := first.setdefault(one.record.id, one)) is not one
    ]


def _judged_twice(placed: Sequence[Placed]) -> list[Problem]:
    """Texts that are there twice with other labels; the same labels twice do no harm."""
    first: dict[str, Placed] = {}
    return [
        one.problem(f"The same text has other labels in {before.place}; settle which are right.")
        for one in placed
        if (text := " ".join(words(one.record.text)))  # emoji and marks alone are no same text
        and (before := first.setdefault(text, one)) is not one
        and (before.record.causes, before.record.emotion) != (one.record.causes, one.record.emotion)
    ]


def _alike(placed: Sequence[Placed], split: Mapping[str, str]) -> list[Problem]:
    """Texts that are the same or nearly so."""
    problems = []
    for i, j, similarity in near_duplicates([one.record.text for one in placed]):
        sides = [split.get(placed[k].record.id) for k in (i, j)]
        across = f", across {sides[0]} and {sides[1]}" if sides[0] != sides[1] else ""
        what = "The same text as" if similarity == 1 else f"A text {similarity:.0%} the same as"
        problems.append(placed[j].problem(f"{what} {placed[i]}{across}; keep one, or rewrite it."))
    return problems


def _split_problems(placed: Sequence[Placed], split: Mapping[str, str]) -> list[Problem]:
    """Ids that splits.json lacks or does not know, and groups that it divides."""
    if not split:
        return []
    problems = []
    ids = {one.record.id for one in placed}
    again = "run python -m training.splits"
    for what, names in (
        ("has no split for", [one.record.id for one in placed if one.record.id not in split]),
        ("has ids that are no messages:", sorted(set(split) - ids)),
    ):
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if names[3:] else "")
            problems.append(Problem("splits.json", 1, f"It {what} {shown}; {again}."))
    members: dict[str, Placed] = {}
    groups = group([one.record for one in placed])
    for one in placed:
        if one.record.id not in split:
            continue
        before = members.setdefault(groups[one.record.id], one)
        sides = split[before.record.id], split[one.record.id]
        if sides[0] != sides[1]:
            problems.append(
                one.problem(
                    f"In {sides[1]}, and {before} of the same situation or wording is in "
                    f"{sides[0]}; put both in one split."
                )
            )
    return problems


def _templates(placed: Sequence[Placed]) -> list[Problem]:
    """Openings and runs of words that come back in too many messages."""
    tokens = [words(one.record.text) for one in placed]
    problems = []
    openings: dict[tuple[str, ...], list[int]] = {}
    for i, row in enumerate(tokens):
        if len(row) >= OPENING:
            openings.setdefault(tuple(row[:OPENING]), []).append(i)
    found = [("open with", run, rows) for run, rows in openings.items() if len(rows) > REPEATED]
    told = set()
    for run, rows in shared_runs(tokens, RUN, REPEATED + 1).where.items():
        if tuple(rows) not in told:  # one report for a longer run, not one for each of its parts
            told.add(tuple(rows))
            found.append(("hold", run, rows))
    for what, run, rows in found:
        problems.append(
            placed[rows[REPEATED]].problem(
                f"{len(rows)} messages {what} «{' '.join(run)}», the first is {placed[rows[0]]}; "
                f"at most {REPEATED} may. Rewrite the others."
            )
        )
    return problems


def _few(placed: Sequence[Placed], taxonomy: Taxonomy, file: str) -> list[Problem]:
    counts = Counter(label for p in placed for label in (*p.record.causes, p.record.emotion))
    return [
        Problem(file, 0, f"The label {name!r} has {counts[name]} cases; expected at least {FEW}.")
        for name in (*taxonomy.cause_names, *taxonomy.emotion_names)
        if counts[name] < FEW
    ]


def _contrast_problems(path: Path, taxonomy: Taxonomy) -> list[Problem]:
    """Pairs that cannot be read, have an id twice, or are no contrast."""
    problems = []
    first: dict[str, int] = {}
    for number, line in lines(path):
        try:
            pair = Pair.from_dict(parse(line), taxonomy=taxonomy)
        except RecordError as error:
            problems.append(Problem(path.name, number, str(error)))
            continue
        before = first.setdefault(pair.id, number)
        if before != number:
            problems.append(
                Problem(path.name, number, f"The id {pair.id!r} is used before, on line {before}.")
            )
        if (fault := _no_contrast(pair)) is not None:
            problems.append(Problem(path.name, number, fault))
        for side in (pair.a, pair.b):
            problems += _text_problems(Placed(path.name, number, side), personal=True)
    return problems


def _no_contrast(pair: Pair) -> str | None:
    a, b = pair.a, pair.b
    if (a.causes, a.emotion) == (b.causes, b.emotion):
        return f"Both sides are labelled {list(a.causes)} and {a.emotion!r}; expected a difference."
    left, right = Counter(words(a.text)), Counter(words(b.text))
    if a.text.strip() == b.text.strip():
        return "Both sides have the same text; expected a small difference."
    same = 2 * (left & right).total() / max(left.total() + right.total(), 1)
    if same < 1 / 3:
        return f"The sides share {same:.0%} of their words; expected texts that differ little."
    return None


def run_check(folder: Path = DATA, *, real: Path | None = None, out: TextIO) -> int:
    """Print the problems of a corpus folder, and what its messages look like.

    Parameters
    ----------
    folder
        The corpus.
    real
        Real public messages (JSONL with ``text`` and ``channel``), to compare the manner with.
    out
        Where to print.

    Returns
    -------
    int
        0 where the data are sound, 1 where there are problems.
    """
    try:
        found = check(folder)
    except CxnlpError as error:
        found = [Problem(folder.name, 0, str(error))]
    for problem in found:
        out.write(f"{problem}\n")
    problems = [problem for problem in found if not problem.note]
    try:
        corpus = load_corpus(folder)
        contrast = folder / "contrast.jsonl"
        pairs = len(load_contrast(contrast)) if contrast.exists() else 0
    except CxnlpError:
        out.write("\nThe figures wait until every line can be read.\n")
    else:
        records = corpus.records
        rows = requirements(records, corpus.taxonomy, test=corpus.part("test"), pairs=pairs)
        out.write("\n" + _table("aspect", rows) + "\n" + _table("variety", diversity(records)))
        out.write("\n" + _repeated(records) + "\n" + _telling(records, corpus.taxonomy))
        if real:
            out.write("\n" + _manner(records, real))
    count = f"{len(problems):,} problem{'s' if len(problems) > 1 else ''}.\n"
    out.write("\n" + (count if problems else "The data are sound.\n"))
    return 1 if problems else 0


def _table(title: str, rows: Sequence[Requirement]) -> str:
    cells = [(title, "wanted", "found", "met")]
    cells += [
        (r.aspect, r.wanted, r.found, "" if not r.wanted else "yes" if r.met else "NO")
        for r in rows
    ]
    widths = [max(len(row[k]) for row in cells) for k in range(4)]
    return "".join(
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in cells
    )


def _repeated(records: Sequence[Record], top: int = 10) -> str:
    """The runs of six words that most messages share."""
    runs = shared_runs([words(record.text) for record in records], 6, 3).where
    often = sorted(runs.items(), key=lambda item: (-len(item[1]), item[0]))[:top]
    found = [f"{len(rows)} × {' '.join(run)}\n" for run, rows in often]
    return "".join(["six words that three messages or more share, the most frequent\n", *found])


def _manner(records: Sequence[Record], real: Path) -> str:
    from training.manner import compare

    try:
        return compare(records, real).to_text()
    except TrainingError as error:
        return f"{error}\n"


def _telling(records: Sequence[Record], taxonomy: Taxonomy) -> str:
    """The words that point most to each label."""
    lines = ["words that point to a label (of the messages with it / of the label)\n"]
    kinds: list[tuple[Sequence[str], Any]] = [
        (taxonomy.cause_names, lambda r: r.causes),
        (taxonomy.emotion_names, lambda r: (r.emotion,)),
    ]
    for names, labels_of in kinds:
        for name in names:
            found = telling_words(records, labels_of, name)
            shown = ", ".join(f"{t.word} {t.precision:.0%}/{t.recall:.0%}" for t in found)
            lines.append(f"{name}: {shown}\n")
    return "".join(lines)
