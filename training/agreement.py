"""How far a second annotator agrees with the writer of a message: the ceiling for any model.

``training/data/second_labels.jsonl`` holds labels given blind, without sight of the first
ones: objects with ``id``, ``causes``, ``emotion`` and ``emotion_alt``. Where the corpus no longer
has the writer's labels, because settling a difference changed them, they are there as ``first``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cxnlp.errors import TrainingError
from cxnlp.labels import Taxonomy
from cxnlp.record import Record
from training.corpus import DATA, Corpus, lines, parse
from training.metrics import Truth, emotion_f1, f1

SECOND = DATA / "second_labels.jsonl"


def measured_agreement(corpus: Corpus, path: Path = SECOND) -> dict[str, Any] | None:
    """Agreement between the writers' labels and the second ones; None where there are none.

    Returns
    -------
    dict
        ``n``; ``causes_macro_f1`` and ``causes`` (label to F1, Cohen's kappa and both counts);
        ``emotion_accuracy``, the same with either's second emotion counted as right, and
        ``emotion_kappa``.

    Raises
    ------
    TrainingError
        If a line does not fit the corpus; the message names it.
    """
    if not path.exists():
        return None
    records = {record.id: record for record in corpus.records}
    taxonomy = corpus.taxonomy
    first, causes, emotions, alts = [], [], [], []
    for number, content in lines(path):
        try:
            line = parse(content)
            first.append(_first(records[line["id"]], line.get("first"), taxonomy))
            causes.append(taxonomy.check_causes(line["causes"]))
            emotions.append(taxonomy.check_emotion(line["emotion"]))
            alts.append(line.get("emotion_alt"))
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{path.name}:{number}: {error}; expected the id of a message of the corpus, "
                f"causes and an emotion."
            ) from error
    a = Truth.of(first, taxonomy)
    b = taxonomy.multi_hot(causes)
    emotion = taxonomy.emotion_index(emotions)
    alt = np.array([taxonomy.emotion_names.index(x) if x else -1 for x in alts])
    scores = f1(a.causes, b)
    same = a.emotion == emotion
    either = same | (a.alt == emotion) | (alt == a.emotion)
    n_emotions = len(taxonomy.emotions)
    return {
        "n": len(first),
        "causes_macro_f1": round(float(scores.mean()), 4),
        "causes": {
            name: {
                "f1": round(float(scores[j]), 4),
                "kappa": round(_kappa(a.causes[:, j], b[:, j]), 4),
                "first": int(a.causes[:, j].sum()),
                "second": int(b[:, j].sum()),
            }
            for j, name in enumerate(taxonomy.cause_names)
        },
        "emotion_accuracy": round(float(same.mean()), 4),
        "emotion_accuracy_alt": round(float(either.mean()), 4),
        "emotion_kappa": round(_kappa(a.emotion, emotion), 4),
        "emotion_macro_f1": round(float(emotion_f1(a.emotion, emotion, n_emotions).mean()), 4),
    }


def _first(record: Record, labels: dict[str, Any] | None, taxonomy: Taxonomy) -> Record:
    """The message as its writer labelled it."""
    if labels is None:
        return record
    alt = labels["emotion_alt"]
    return replace(
        record,
        causes=taxonomy.check_causes(labels["causes"]),
        emotion=taxonomy.check_emotion(labels["emotion"]),
        emotion_alt=taxonomy.check_emotion(alt) if alt else None,
    )


def _kappa(a: Any, b: Any) -> float:
    """Cohen's kappa (1960) of two labellings."""
    labels = np.union1d(a, b)
    chance = sum(float((a == label).mean() * (b == label).mean()) for label in labels)
    return float(((a == b).mean() - chance) / (1 - chance)) if chance < 1 else 1.0
