"""spaCy's multi-label text classifier on a blank Dutch pipeline."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.labels import Taxonomy
from training.metrics import Truth


@dataclass(frozen=True)
class FittedTextcat:
    """A spaCy pipeline with one `textcat_multilabel` for causes and emotions together."""

    nlp: Any
    labels: tuple[str, ...]

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Log-odds of prepared texts, shape (n, K)."""
        scores = np.array(
            [
                [doc.cats[label] for label in self.labels]
                for doc in self.nlp.pipe(texts, batch_size=128)
            ],
            dtype=np.float64,
        ).reshape(len(texts), len(self.labels))
        scores = np.clip(scores, 1e-5, 1 - 1e-5)
        return np.asarray(np.log(scores / (1 - scores)), dtype=np.float32)


def fit(
    texts: Sequence[str], truth: Truth, taxonomy: Taxonomy, params: Mapping[str, Any], seed: int
) -> FittedTextcat:
    """Params: ``architecture`` (bow or ensemble), ``epochs``, ``dropout``."""
    import spacy
    from spacy.training import Example
    from spacy.util import fix_random_seed, minibatch

    fix_random_seed(seed)
    labels = taxonomy.cause_names + taxonomy.emotion_names
    nlp = spacy.blank("nl")
    bow = {
        "exclusive_classes": False,
        "ngram_size": int(params.get("ngram_size", 2)),
        "no_output_layer": False,
    }
    if params.get("architecture", "bow") == "bow":
        model = {"@architectures": "spacy.TextCatBOW.v3", **bow, "length": 262144}
    else:
        model = {
            "@architectures": "spacy.TextCatEnsemble.v2",
            "tok2vec": {
                "@architectures": "spacy.HashEmbedCNN.v2",
                "width": 96,
                "depth": 2,
                "embed_size": 4000,
                "window_size": 1,
                "maxout_pieces": 3,
                "subword_features": True,
                "pretrained_vectors": None,
            },
            "linear_model": {"@architectures": "spacy.TextCatBOW.v3", **bow, "length": 262144},
        }
    pipe = nlp.add_pipe("textcat_multilabel", config={"model": model})
    for label in labels:
        pipe.add_label(label)
    emotions = truth.emotion[:, None] == np.arange(len(taxonomy.emotions))
    targets = np.hstack([truth.causes, emotions])  # 0 or 1: this component takes no soft targets
    examples = [
        Example.from_dict(
            nlp.make_doc(text), {"cats": dict(zip(labels, map(float, row), strict=True))}
        )
        for text, row in zip(texts, targets, strict=True)
    ]
    optimizer = nlp.initialize(lambda: examples)
    shuffle = random.Random(seed)
    for _ in range(int(params.get("epochs", 8))):
        shuffle.shuffle(examples)
        for batch in minibatch(examples, size=64):
            nlp.update(batch, sgd=optimizer, drop=float(params.get("dropout", 0.3)))
    return FittedTextcat(nlp, labels)
