"""What people ask of predictions: what went wrong, what to read first, what happened when.

The notebooks call these; each works with any model that `cxnlp.load` gives and any taxonomy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.classifier import Classifier
from cxnlp.errors import InputError
from cxnlp.labels import Taxonomy
from cxnlp.record import Record
from cxnlp.text import redact
from cxnlp.types import Evidence, Prediction
from training.report import short, table

_DECISIONS = ("review", "accept", "out_of_scope", "none")  # in the order in which to read
_DUTCH = {
    "review": "nakijken",
    "accept": "zeker",
    "out_of_scope": "buiten bereik",
    "none": "geen klacht",
}
_CALM = ("neutral", "gratitude")


@dataclass(frozen=True)
class Mistake:
    """A message that was labelled otherwise than by people.

    ``surety`` is how sure the model was of its worst wrong cause, in [0, 1]: the score of one
    given wrongly, or one minus the score of one missed; 0 where only the emotion is wrong.
    """

    record: Record
    answer: Prediction
    missed: tuple[str, ...]
    wrong: tuple[str, ...]
    surety: float


def mistakes(records: Sequence[Record], answers: Sequence[Prediction]) -> list[Mistake]:
    """The messages whose causes or emotion are wrong, those of which the model was surest first.

    An emotion counts as right when it is the second one that people gave.
    """
    found = []
    for record, answer in zip(records, answers, strict=True):
        missed = tuple(c for c in record.causes if c not in answer.causes)
        wrong = tuple(c for c in answer.causes if c not in record.causes)
        if missed or wrong or answer.emotion not in (record.emotion, record.emotion_alt):
            doubts = [1 - answer.scores[c] for c in missed] + [answer.scores[c] for c in wrong]
            found.append(Mistake(record, answer, missed, wrong, max(doubts, default=0.0)))
    return sorted(found, key=lambda m: (-m.surety, m.record.id))


def weakest(slices: Mapping[str, Mapping[str, Any]], column: str) -> str:
    """The value of a column with the lowest macro-F1 of causes; see `training.metrics.slices`.

    Raises
    ------
    InputError
        If no slice of that column was measured.
    """
    values = {v: f["macro_f1"] for v, f in slices.get(column, {}).items() if f["macro_f1"]}
    if not values:
        raise InputError(
            f"No slice {column!r} was measured. Known are: {', '.join(slices) or 'none'}; a slice "
            f"takes at least 20 messages."
        )
    return min(values, key=lambda value: float(values[value]))


def by_decision(records: Sequence[Record], answers: Sequence[Prediction]) -> str:
    """A Markdown table: how often the answer is wrong, by decision."""
    wrong = {m.record.id: m for m in mistakes(records, answers)}
    rows = []
    for decision in _DECISIONS:
        ids = [r.id for r, a in zip(records, answers, strict=True) if a.decision == decision]
        if ids:
            found = [wrong[i] for i in ids if i in wrong]
            causes = sum(bool(m.missed or m.wrong) for m in found)
            emotion = sum(
                m.answer.emotion not in (m.record.emotion, m.record.emotion_alt) for m in found
            )
            rows.append(
                [
                    f"`{decision}`",
                    f"{len(ids):,}",
                    f"{len(ids) / len(records):.0%}",
                    f"{causes / len(ids):.0%}",
                    f"{emotion / len(ids):.0%}",
                ]
            )
    return table(["decision", "messages", "share", "a cause wrong", "emotion wrong"], rows)


def marked(text: str, evidence: Sequence[Evidence], names: Mapping[str, str] | None = None) -> str:
    """A text as HTML: the words that show a label are marked, the label stands where they end.

    Bold and the label carry the mark as well as colour, so it survives greyscale.

    Parameters
    ----------
    text
        The text that was predicted.
    evidence
        Of `Prediction.evidence`; spans may overlap.
    names
        What to call the labels; by default their own names.
    """
    cuts = sorted({0, len(text), *(e.start for e in evidence), *(e.end for e in evidence)})
    parts = []
    for start, end in pairwise(cuts):
        piece = escape(text[start:end]).replace("\n", "<br>")
        over = [e for e in evidence if e.start <= start and end <= e.end]
        ending = [escape((names or {}).get(e.label, e.label)) for e in over if e.end == end]
        parts.append(f"<mark><b>{piece}</b></mark>" if over else piece)
        parts.append(f"<sub>{', '.join(ending)}</sub>" if ending else "")
    return "".join(parts)


def show_mistakes(found: Sequence[Mistake], model: Classifier) -> str:
    """Mistakes as HTML: what people said, what the model said, and the words that led it there.

    Marked is what speaks for a label given wrongly, or else for the causes and emotion given.
    """
    answers = model.predict([m.record.text for m in found], explain=True)
    parts = []
    for m, a in zip(found, answers, strict=True):
        astray = [e for e in a.evidence if e.label in m.wrong] or list(a.evidence)
        parts.append(
            f"<p><b>{escape(m.record.id)}</b>: people {_labels(m.record.causes, m.record.emotion)}"
            f"; model {_labels(a.causes, a.emotion)}; decision {a.decision}"
            f"<br>{marked(m.record.text, astray)}</p>\n"
        )
    return "".join(parts)


def _labels(causes: Sequence[str], emotion: str) -> str:
    return f"{', '.join(causes) or 'no cause'} / {emotion}"


def weekly(
    days: Sequence[date], answers: Sequence[Prediction], taxonomy: Taxonomy
) -> tuple[list[str], NDArray[np.int64]]:
    """Messages counted by cause, emotion and ISO week.

    Returns
    -------
    weeks
        ``wk 36`` and so on, from the first to the last, also those without messages.
    counts
        Shape (n_causes, n_emotions, n_weeks); a message counts once for each of its causes.

    Raises
    ------
    InputError
        If there are no days, or one is missing.
    """
    for position, day in enumerate(days):
        if not isinstance(day, date) or day != day:  # pandas' NaT is a date that equals nothing
            raise InputError(
                f"Message {position} has no date; got {day!r}. Leave the row out, or repair it."
            )
    if not len(days):
        raise InputError("There are no messages to count by week; got an empty list of dates.")
    mondays = [date(d.year, d.month, d.day) - timedelta(days=d.weekday()) for d in days]
    first = min(mondays)
    n = (max(mondays) - first).days // 7 + 1
    weeks = [f"wk {(first + timedelta(weeks=k)).isocalendar().week}" for k in range(n)]
    counts = np.zeros((len(taxonomy.causes), len(taxonomy.emotions), n), dtype=np.int64)
    for monday, answer in zip(mondays, answers, strict=True):
        for cause in answer.causes:
            at = taxonomy.cause_names.index(cause), taxonomy.emotion_names.index(answer.emotion)
            counts[(*at, (monday - first).days // 7)] += 1
    return weeks, counts


def reading_order(answers: Sequence[Prediction]) -> list[int]:
    """Positions of the answers in the order in which a person should read the messages.

    First what the model asks to be read, then sure complaints, then what it cannot read, last
    what complains of nothing; within these the most causes first, then the least calm.
    """
    return sorted(
        range(len(answers)),
        key=lambda i: (
            _DECISIONS.index(answers[i].decision),
            -len(answers[i].causes),
            sum(answers[i].emotion_scores.get(calm, 0.0) for calm in _CALM),
            i,
        ),
    )


def reading_list(
    texts: Sequence[str],
    answers: Sequence[Prediction],
    days: Sequence[date],
    *,
    most: int = 12,
    width: int = 140,
) -> str:
    """The messages to read first, as a Markdown table in Dutch, with personal data blacked out.

    Parameters
    ----------
    texts, answers, days
        Of the same messages, in the same order; answers with evidence.
    most
        How many to show.
    width
        Characters of a message to show.
    """
    rows = []
    for number, i in enumerate(reading_order(answers)[:most], 1):
        answer = answers[i]
        causes = [f"{answer.names.get(c, c)} {short(answer.scores[c])}" for c in answer.causes]
        proof = [redact(e.text) for e in answer.evidence if e.label in answer.causes]
        cells = (
            number,
            answer.id,
            f"{days[i]:%d-%m}",
            _DUTCH[answer.decision],
            ", ".join(causes) or "–",
            answer.names.get(answer.emotion, answer.emotion),
            _doubts(answer) or "–",
            " … ".join(f"«{p}»" for p in proof[:2]) or "–",
            _cut(redact(texts[i]), width),
        )
        rows.append([_cell(cell) for cell in cells])
    header = ["", "bericht", "datum", "besluit", "oorzaken", "emotie", "twijfel over"]
    # All columns are text, so none is set to the right.
    return table([*header, "woorden die het laten zien", "tekst"], rows).replace("---:", "---")


def decisions(answers: Sequence[Prediction]) -> str:
    """A Markdown table in Dutch: how many messages got each decision."""
    counts = {d: sum(a.decision == d for a in answers) for d in _DECISIONS}
    return table(
        ["besluit", "berichten", "deel"],
        [[_DUTCH[d], n, f"{n / max(len(answers), 1):.0%}"] for d, n in counts.items()],
    )


def _doubts(answer: Prediction) -> str:
    """What the model is unsure of, in Dutch."""
    said = [r.removeprefix("unsure: ") for r in answer.reasons if r.startswith("unsure: ")]
    names = [answer.names.get(c, c) for c in answer.scores if any(r.split()[0] == c for r in said)]
    return ", ".join(names + ["emotie"] * any(r.startswith("emotion,") for r in said))


def _cut(text: str, width: int) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= width else plain[: width - 1].rstrip() + "…"


def _cell(value: object) -> str:
    """A cell of a Markdown table that no message can break out of."""
    text = escape(" ".join(str(value).split()), quote=False)
    for sign in "|*_`[]$":
        text = text.replace(sign, f"&#{ord(sign)};")
    return text
