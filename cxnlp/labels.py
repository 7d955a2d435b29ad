"""The codebook as code: which labels exist, in which order, and what they mean.

A `Taxonomy` is what a model is trained on and what its bundle carries. `DEFAULT` is the
codebook of this project; a company may bring its own as a TOML file (``Taxonomy.from_toml``),
which the whole pipeline then obeys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import LabelError


@dataclass(frozen=True, slots=True)
class Label:
    """One label: its name in data and code, its Dutch name, and when it is given."""

    name: str
    dutch: str
    when: str = ""


@dataclass(frozen=True)
class Taxonomy:
    """An ordered set of causes (zero or more a message) and emotions (exactly one).

    Parameters
    ----------
    causes, emotions
        Labels in the order in which every array, list and table has them.
    key_causes
        Names of the causes that are reported as a group of their own.
    neutral
        The emotion of a message that shows none.
    """

    causes: tuple[Label, ...]
    emotions: tuple[Label, ...]
    key_causes: tuple[str, ...] = ()
    neutral: str = "neutral"

    def __post_init__(self) -> None:
        for kind, labels in (("causes", self.causes), ("emotions", self.emotions)):
            names = [label.name for label in labels]
            twice = sorted({n for n in names if names.count(n) > 1})
            if not names or twice:
                problem = f"{', '.join(twice)} twice" if twice else "none"
                raise LabelError(f"A taxonomy needs distinct {kind}; got {problem}.")
        both = sorted(set(self.cause_names) & set(self.emotion_names))
        if both:
            raise LabelError(f"{', '.join(both)}: a label is a cause or an emotion, not both.")
        for name, known, kind in (
            *((key, self.cause_names, "cause") for key in self.key_causes),
            (self.neutral, self.emotion_names, "emotion"),
        ):
            if name not in known:
                raise LabelError(_unknown(kind, name, known))

    @cached_property
    def cause_names(self) -> tuple[str, ...]:
        """Names of the causes, in order."""
        return tuple(label.name for label in self.causes)

    @cached_property
    def emotion_names(self) -> tuple[str, ...]:
        """Names of the emotions, in order."""
        return tuple(label.name for label in self.emotions)

    @cached_property
    def dutch_names(self) -> dict[str, str]:
        """The Dutch name of each cause and emotion."""
        return {label.name: label.dutch for label in self.causes + self.emotions}

    def check_causes(self, names: Iterable[str]) -> tuple[str, ...]:
        """The causes in codebook order; raises `LabelError` for an unknown or doubled one."""
        given = list(names)
        for name in given:
            if name not in self.cause_names:
                raise LabelError(_unknown("cause", name, self.cause_names))
            if given.count(name) > 1:
                raise LabelError(f"Cause {name!r} is given twice; give it once.")
        return tuple(name for name in self.cause_names if name in given)

    def check_emotion(self, name: str) -> str:
        """The emotion's name; raises `LabelError` for an unknown one."""
        if name not in self.emotion_names:
            raise LabelError(_unknown("emotion", name, self.emotion_names))
        return name

    def multi_hot(self, causes: Sequence[Iterable[str]]) -> NDArray[np.int8]:
        """Causes of n messages as an array of 0 and 1, shape (n, number of causes)."""
        hot = np.zeros((len(causes), len(self.causes)), dtype=np.int8)
        for row, names in enumerate(causes):
            for name in self.check_causes(names):
                hot[row, self.cause_names.index(name)] = 1
        return hot

    def emotion_index(self, emotions: Sequence[str]) -> NDArray[np.int64]:
        """Emotions of n messages as positions in `emotion_names`, shape (n,)."""
        return np.array([self.emotion_names.index(self.check_emotion(e)) for e in emotions], int)

    def to_dict(self) -> dict[str, Any]:
        """The form in which a bundle keeps it; `from_dict` reads it back."""
        return {
            "causes": [_label_dict(label) for label in self.causes],
            "emotions": [_label_dict(label) for label in self.emotions],
            "key_causes": list(self.key_causes),
            "neutral": self.neutral,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Taxonomy:
        """Build a taxonomy from `to_dict`'s form or a parsed TOML file.

        Raises
        ------
        LabelError
            If a part is missing or of the wrong form; the message names it.
        """
        groups: dict[str, tuple[Label, ...]] = {}
        for kind in ("causes", "emotions"):
            rows = data.get(kind)
            if not isinstance(rows, list) or not rows:
                raise LabelError(
                    f"A taxonomy needs a non-empty list {kind!r} of tables with 'name' and "
                    f"'dutch'; got {rows!r}."
                )
            for position, row in enumerate(rows):
                if not isinstance(row, dict) or not isinstance(row.get("name"), str):
                    raise LabelError(f"{kind}[{position}] needs a 'name'; got {row!r}.")
            groups[kind] = tuple(
                Label(row["name"], str(row.get("dutch", row["name"])), str(row.get("when", "")))
                for row in rows
            )
        return cls(
            causes=groups["causes"],
            emotions=groups["emotions"],
            key_causes=tuple(data.get("key_causes", ())),
            neutral=str(data.get("neutral", groups["emotions"][-1].name)),
        )

    @classmethod
    def from_toml(cls, path: str | Path) -> Taxonomy:
        """Read a taxonomy from a TOML file with ``[[causes]]`` and ``[[emotions]]`` tables."""
        try:
            data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise LabelError(f"Cannot read the taxonomy {str(path)!r}: {error}.") from error
        return cls.from_dict(data)


def _label_dict(label: Label) -> dict[str, str]:
    return {"name": label.name, "dutch": label.dutch, "when": label.when}


def _unknown(kind: str, name: object, known: Sequence[str]) -> str:
    return f"Unknown {kind} {name!r}. Known are: {', '.join(known)}."


DEFAULT = Taxonomy(
    causes=(
        Label(
            "broken_promise",
            "gebroken belofte",
            "the organisation made a concrete commitment (an appointment, a call back, a date, "
            "a price, a refund, a repair) and did not keep it",
        ),
        Label(
            "ignored_rejection",
            "genegeerde afwijzing",
            "the customer said no (to an offer, calls, mail, a subscription) and the "
            "organisation goes on selling, calling, mailing or persuading",
        ),
        Label(
            "no_human_contact",
            "geen menselijk contact",
            "the customer cannot get to a person: a bot or menu in a loop, no number, given up "
            "in the queue, a branch closed in favour of an app",
        ),
        Label(
            "billing",
            "facturatie",
            "money between customer and organisation is wrong or disputed: charged wrongly, "
            "unexpected costs, a late or refused refund, a price rise objected to",
        ),
        Label(
            "unanswered",
            "geen antwoord",
            "no reply, a late or canned reply, sent from one department to the next, the same "
            "story again and again, no progress",
        ),
        Label(
            "disrespect",
            "geen respect",
            "the person was treated badly: rude, ignored, talked down to, not believed, "
            "accused, discriminated against",
        ),
        Label(
            "delivery",
            "bezorging",
            "a parcel, meal or other goods came late, never, damaged, incomplete or at the "
            "wrong place",
        ),
        Label(
            "product_fault",
            "gebrek of storing",
            "the product or the service itself fails: broken, poor quality, an outage, work "
            "done badly, not as described",
        ),
        Label("other", "overig", "the message complains, but of nothing that another cause covers"),
    ),
    emotions=(
        Label("anger", "woede", "indignation or attack: insults, moral judgement, threats"),
        Label(
            "frustration",
            "frustratie",
            "stuck, fed up, irritated by repetition or obstacles, with no attack on anyone",
        ),
        Label("impatience", "ongeduld", "time presses and that is the point"),
        Label("disappointment", "teleurstelling", "let down, trust lost, sad rather than sharp"),
        Label("anxiety", "bezorgdheid", "worry, fear, stress or shame about what may come"),
        Label("gratitude", "dankbaarheid", "thanks, praise, relief, satisfaction"),
        Label("neutral", "neutraal", "businesslike: facts or a question, and no feeling shown"),
    ),
    key_causes=("broken_promise", "ignored_rejection", "no_human_contact", "billing"),
    neutral="neutral",
)

CAUSES: tuple[str, ...] = DEFAULT.cause_names
EMOTIONS: tuple[str, ...] = DEFAULT.emotion_names
