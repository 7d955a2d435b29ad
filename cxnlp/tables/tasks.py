"""What is done with each message of a file: labelling, or blacking out personal data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from zlib import crc32

from cxnlp.classifier import Classifier
from cxnlp.tables.forms import Column, Record
from cxnlp.tables.rows import Message


class Task(Protocol):
    """Messages to records; it can be sent to another process."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of flat output."""
        ...

    def identity(self) -> dict[str, Any]:
        """What two runs must share to give the same records."""
        ...

    def records(self, messages: Sequence[Message]) -> list[Record]:
        """One record a message, in order, in the wire form."""
        ...

    def flat(self, record: Record, row: int) -> list[Any]:
        """Cells of a record, as `columns`."""
        ...


def failed(message: Message) -> Record:
    """The record of a bad row."""
    return {"id": message.id, "row": message.row, "error": message.error}


@dataclass(frozen=True)
class Labelling:
    """Causes and emotion of each message; records are `Prediction.to_dict`."""

    model: Classifier
    explain: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:
        """Id, decided labels, a column for every score, and what there is to say."""
        return (
            Column("id"),
            Column("causes"),
            Column("emotion"),
            Column("decision"),
            *(Column(f"cause_{name}", float) for name in self.model.classes_),
            *(Column(f"emotion_{name}", float) for name in self.model.emotion_classes_),
            *((Column("evidence"),) if self.explain else ()),
            Column("reasons"),
            Column("error"),
            Column("row", int),
        )

    def identity(self) -> dict[str, Any]:
        """The model with its thresholds, and the options."""
        fitted = self.model.bundle.calibration  # another training of one version differs here
        return {
            "task": "label",
            "model": [self.model.name, self.model.version],
            "calibration": crc32(fitted.slope.tobytes() + fitted.intercept.tobytes()),
            "thresholds": self.model.thresholds,
            "cascade": self.model.cascade,
            "explain": self.explain,
        }

    def records(self, messages: Sequence[Message]) -> list[Record]:
        """Label the messages; bad rows keep their place."""
        good = [message for message in messages if not message.error]
        answers = iter(
            self.model.predict(
                [message.text for message in good],
                ids=[message.id for message in good],
                explain=self.explain,
            )
        )
        return [failed(m) if m.error else next(answers).to_dict() for m in messages]

    def flat(self, record: Record, row: int) -> list[Any]:
        """Cells of a record; labels are joined with a semicolon."""
        width = len(self.columns)
        if "error" in record:
            return [record["id"], *[None] * (width - 3), record["error"], row]
        causes = record["causes"]
        evidence = (
            f"{cause['label']}: {found['text']}" for cause in causes for found in cause["evidence"]
        )
        return [
            record["id"],
            ";".join(cause["label"] for cause in causes),
            record["emotion"]["label"],
            record["decision"],
            *record["scores"]["causes"].values(),
            *record["scores"]["emotions"].values(),
            *(("; ".join(evidence),) if self.explain else ()),
            "; ".join(record["reasons"]),
            None,
            row,
        ]


@dataclass(frozen=True)
class Redaction:
    """Each message with its personal data blacked out, and what was found where."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Id, the redacted text and the kinds found; no other column of the input."""
        return (Column("id"), Column("text"), Column("found"), Column("error"), Column("row", int))

    def identity(self) -> dict[str, Any]:
        """Only that it is this task."""
        return {"task": "redact"}

    def records(self, messages: Sequence[Message]) -> list[Record]:
        """Redact the messages; bad rows keep their place."""
        return [failed(m) if m.error else {"id": m.id, **redaction(m.text)} for m in messages]

    def flat(self, record: Record, row: int) -> list[Any]:
        """Cells of a record; kinds are joined with a semicolon."""
        if "error" in record:
            return [record["id"], None, None, record["error"], row]
        kinds = ";".join(dict.fromkeys(span["kind"] for span in record["found"]))
        return [record["id"], record["text"], kinds, None, row]


def redaction(text: str) -> Record:
    """A text with personal data blacked out, and the spans of what was found in the original."""
    from cxnlp.text import find_pii, redact

    return {
        "text": redact(text),
        "found": [{"kind": s.kind, "start": s.start, "end": s.end} for s in find_pii(text)],
    }
