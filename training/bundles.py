"""From a trained candidate to a bundle, and from a bundle to figures."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import cxnlp
from cxnlp import bundle as bundles
from cxnlp.classifier import Classifier
from cxnlp.contents import LINEAR, STACKED
from cxnlp.errors import TrainingError
from cxnlp.heads import LinearScorer
from cxnlp.labels import Taxonomy
from cxnlp.record import Record
from cxnlp.stack import StackedScorer
from training.cascade import cascade_curve, chosen_boundary
from training.fit import Trained
from training.metrics import Scored, Truth, evaluate

_ROOT = Path(__file__).parent.parent
# What decides the weights, besides the data and the configuration.
_CODE = (
    "cxnlp/text",
    "cxnlp/features",
    "cxnlp/heads.py",
    "cxnlp/stack.py",
    "cxnlp/calibrate.py",
    "cxnlp/decide.py",
    "cxnlp/contents.py",
    "training/cascade.py",
    "training/fit.py",
    "training/tune.py",
    "training/candidates/linear.py",
    "training/candidates/wordgrams.py",
    "training/candidates/fused.py",
    "training/encoder/tuned.py",
)


def version_of(trained: Trained, corpus_digest: str) -> str:
    """A version made of its inputs: package version, then a hash of all that decides the weights.

    These are corpus, settings, code and, where there is one, the fine-tuned encoder. The same
    inputs give the same version on every machine, so a rerun can be recognised.
    """
    config = trained.config
    sha = hashlib.sha256(corpus_digest.encode())
    encoder = getattr(trained.fitted, "encoder", None)
    if encoder is not None:
        sha.update(encoder.tuned.version.encode())
    sha.update(json.dumps(asdict(config), sort_keys=True).encode())
    for name in _CODE:
        path = _ROOT / name
        files = sorted(path.rglob("*.*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                sha.update(file.relative_to(_ROOT).as_posix().encode())
                sha.update(file.read_bytes())
    return f"{cxnlp.__version__}+{sha.hexdigest()[:10]}"


def is_shippable(trained: Trained) -> bool:
    """Whether a candidate can be a bundle; the others are there to be compared with."""
    return isinstance(getattr(trained.fitted, "scorer", None), (LinearScorer, StackedScorer))


def make_bundle(
    trained: Trained,
    taxonomy: Taxonomy,
    *,
    version: str,
    heldout: Sequence[Record],
    name: str = "cxnlp",
    info: dict[str, Any] | None = None,
    fast_info: dict[str, Any] | None = None,
) -> bundles.Bundle:
    """A bundle of a trained candidate.

    Parameters
    ----------
    heldout
        Labelled messages that it was not trained on; promises of recall and the boundary of a
        cascade rest on them.

    info, fast_info
        Facts for people about the model, and about its words' part where it has one.

    Raises
    ------
    TrainingError
        If this kind of candidate has no bundle form.
    """
    if not is_shippable(trained):
        raise TrainingError(
            f"Candidate {trained.config.name!r} (kind {trained.config.kind!r}) cannot be shipped: "
            f"only the kinds 'wordgrams' and 'fused' have a bundle form. It can be compared with."
        )
    truth = Truth.of(heldout, taxonomy)
    texts = [record.text for record in heldout]
    scored = trained.score(texts)
    fast, boundary = None, None
    if trained.fast is not None:
        fast = make_bundle(
            trained.fast, taxonomy, version=version, heldout=heldout, name=name, info=fast_info
        )
        points = cascade_curve(trained.fast.score(texts), scored, truth, trained.rule, taxonomy)
        boundary = chosen_boundary(points)
    return bundles.Bundle(
        name=name,
        version=version,
        kind=LINEAR if fast is None else STACKED,
        taxonomy=taxonomy,
        scorer=trained.fitted.scorer,  # type: ignore[attr-defined]
        calibration=trained.calibration,
        rule=trained.rule,
        heldout={
            cause: np.sort(scored.causes[truth.causes[:, j] == 1, j])
            for j, cause in enumerate(taxonomy.cause_names)
        },
        info=info or {},
        fast=fast,
        boundary=boundary,
    )


def score(model: Classifier, records: Sequence[Record]) -> Scored:
    """A model's calibrated scores of some records."""
    scores = model.scores([record.text for record in records])
    return Scored(scores.causes, scores.emotions)


def evaluate_model(model: Classifier, records: Sequence[Record]) -> dict[str, Any]:
    """Every figure of a loaded model on labelled messages; see `training.metrics.evaluate`."""
    return evaluate(records, score(model, records), model.bundle.rule, model.taxonomy)


def folder_size(folder: Path) -> float:
    """Megabytes of a bundle."""
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6


def git_commit() -> str:
    """The commit of the checkout, with ``-dirty`` when it has changes; empty outside git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
