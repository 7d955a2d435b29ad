"""A rule baseline: spaCy's Matcher over wording taken from the codebook.

It shows what a list of words reaches; the list lives in ``training/config/keywords.toml``.
Nothing is learned but the calibration that every candidate gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import TrainingError
from cxnlp.labels import Taxonomy
from training.metrics import Truth

_NEGATIONS = {"niet", "geen", "nooit", "zonder", "gelukkig"}


@dataclass(frozen=True)
class FittedKeywords:
    """A matcher whose hits are counted; logits are the count, minus a half."""

    nlp: Any
    matcher: Any
    labels: tuple[str, ...]
    negatable: frozenset[str]
    neutral: int

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Hits per label minus a half, shape (n, K); a negated hit does not count."""
        found = np.full((len(texts), len(self.labels)), -0.5, dtype=np.float32)
        for row, doc in enumerate(self.nlp.pipe(texts)):
            for match, start, _ in self.matcher(doc):
                label = doc.vocab.strings[match]
                before = {word.lower_ for word in doc[max(0, start - 2) : start]}
                if not (label in self.negatable and _NEGATIONS & before):
                    found[row, self.labels.index(label)] += 1
            found[row, self.neutral] += 0.75  # so that neutral wins where nothing is found
        return found


def fit(
    texts: Sequence[str], truth: Truth, taxonomy: Taxonomy, params: Mapping[str, Any], seed: int
) -> FittedKeywords:
    """Params: ``phrases``, a table of label to phrases, and ``negatable``, a list of labels.

    A word of a phrase may end in ``*`` (any ending) and may be ``_`` (any one word). A phrase
    for a negatable label is not counted within two words after a negation.
    """
    import spacy
    from spacy.matcher import Matcher

    phrases = params.get("phrases")
    labels = taxonomy.cause_names + taxonomy.emotion_names
    if not isinstance(phrases, Mapping):
        raise TrainingError(
            "The keyword candidate needs a table params.phrases (label to phrases)."
        )
    nlp = spacy.blank("nl")
    matcher = Matcher(nlp.vocab)
    for label, wordings in phrases.items():
        if label not in labels:
            continue  # phrases for a label that another taxonomy does not have
        matcher.add(label, [[_pattern(word) for word in wording.split()] for wording in wordings])
    negatable = frozenset(params.get("negatable", ()))
    return FittedKeywords(nlp, matcher, labels, negatable, labels.index(taxonomy.neutral))


def _pattern(word: str) -> dict[str, Any]:
    if word == "_":
        return {}
    if word.endswith("*"):
        return {"LOWER": {"REGEX": f"^{word[:-1]}"}}
    return {"LOWER": word}
