"""Train candidates on the same grouped folds, then on all of the training split.

Calibration, thresholds and limits come from out-of-fold scores only; the dev and test splits
are scored once, by the model trained on the whole training split.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.calibrate import Calibration
from cxnlp.decide import Rule
from cxnlp.labels import Taxonomy
from cxnlp.record import Record
from cxnlp.text import prepare
from training.candidates import KINDS, Config, Fitted
from training.metrics import Scored, Truth
from training.tune import fit_calibration, fit_rule

FOLDS = 4
SEED = 13


@dataclass(frozen=True)
class Trained:
    """One candidate, trained.

    Attributes
    ----------
    config
        What was asked for.
    fitted
        The model trained on the whole training split.
    calibration, rule
        Fitted on `oof`.
    oof
        Calibrated scores of the training split, each by a model that did not see the message.
    seconds
        Processor-bound time spent in folds and in the final fit, summed.
    fast
        Of a candidate of two parts, its words' part as a candidate of its own.
    """

    config: Config
    fitted: Fitted
    calibration: Calibration
    rule: Rule
    oof: Scored
    seconds: float
    fast: Trained | None = None

    def score(self, texts: Sequence[str]) -> Scored:
        """Calibrated scores of raw texts."""
        return Scored(*self.calibration.apply(self.fitted.logits(model_texts(texts))))


def model_texts(texts: Sequence[str]) -> list[str]:
    """What the model sees of raw texts; the empty string where a text is out of scope."""
    prepared = (prepare(text) for text in texts)
    return [p.text if p.in_scope else "" for p in prepared]


def fold_of(groups: Sequence[str], folds: int = FOLDS, seed: int = SEED) -> NDArray[np.int64]:
    """Which fold each message is in, shape (n,); a group is never divided.

    Groups are dealt in random order, each to the fold that is smallest so far.
    """
    names, sizes = np.unique(np.asarray(groups), return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    load = np.zeros(folds, dtype=np.int64)
    fold: dict[str, int] = {}
    for i in sorted(order, key=lambda i: -sizes[i]):
        smallest = int(load.argmin())
        fold[names[i]] = smallest
        load[smallest] += sizes[i]
    return np.array([fold[group] for group in groups], dtype=np.int64)


def train(
    configs: Sequence[Config],
    records: Sequence[Record],
    taxonomy: Taxonomy,
    *,
    groups: Sequence[str] | None = None,
    also: Sequence[str] = (),
    jobs: int = 2,
    folds: int = FOLDS,
    seed: int = SEED,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> list[Trained]:
    """Train several candidates on the same folds.

    Parameters
    ----------
    configs
        What to train.
    records
        The training split.
    taxonomy
        The labels.
    groups
        Messages of one group stay in one fold; by default those of one situation.
    also
        Raw texts that will be scored later (dev, test), so that costly features of them are
        computed once and cached.
    jobs
        Processes at a time.
    progress
        Called with what was done, how many tasks are done and how many there are.
    """
    texts = model_texts([record.text for record in records])
    truth = Truth.of(records, taxonomy)
    fold = fold_of(groups or [record.situation or record.id for record in records], folds, seed)
    every = texts + model_texts(also)
    tasks = [(c, f) for c in configs for f in (*range(folds), -1)]
    # The slowest kind first, so that both processes end at about the same time.
    tasks.sort(key=lambda task: -list(KINDS).index(task[0].kind) % 3)
    for config in configs:
        prime = getattr(import_module(KINDS[config.kind]), "prime", None)
        if prime:
            prime(every, config.params)
            progress(f"{config.name}: features of {len(every):,} messages", 0, len(tasks))
    oof: dict[str, NDArray[np.float32]] = {}
    final: dict[str, Fitted] = {}
    seconds = dict.fromkeys((config.name for config in configs), 0.0)
    results = _run(tasks, texts, every, truth, fold, taxonomy, seed, jobs)
    for done, (name, f, logits, fitted, took) in enumerate(results, 1):
        seconds[name] += took
        if logits is not None:
            scores = oof.setdefault(name, np.zeros((len(texts), logits.shape[1]), np.float32))
            scores[fold == f] = logits
        if fitted is not None:
            final[name] = fitted
        what = "whole training split" if f < 0 else f"fold {f + 1}"
        progress(f"{name}: {what}", done, len(tasks))
    return [
        _trained(c, final[c.name], oof[c.name], truth, taxonomy, seconds[c.name]) for c in configs
    ]


def _trained(
    config: Config,
    fitted: Fitted,
    oof: NDArray[np.float32],
    truth: Truth,
    taxonomy: Taxonomy,
    seconds: float,
    *,
    parts: int | None = None,
) -> Trained:
    """Calibrate on out-of-fold logits, and choose thresholds on what that gives."""
    parts = config.parts if parts is None else parts
    calibration = fit_calibration(
        oof, truth, len(taxonomy.causes), len(taxonomy.emotions), parts=parts
    )
    scored = Scored(*calibration.apply(oof))
    rule = fit_rule(scored, truth, taxonomy, review_share=config.review_share)
    words = getattr(fitted, "words", None)
    fast = None
    if words is not None:
        own = oof[:, : oof.shape[1] // parts]
        fast = _trained(config, words, own, truth, taxonomy, seconds, parts=1)
    return Trained(config, fitted, calibration, rule, scored, seconds, fast)


def _run(
    tasks: Sequence[tuple[Config, int]],
    texts: Sequence[str],
    every: Sequence[str],
    truth: Truth,
    fold: NDArray[np.int64],
    taxonomy: Taxonomy,
    seed: int,
    jobs: int,
) -> Iterator[tuple[str, int, NDArray[np.float32] | None, Fitted | None, float]]:
    from joblib import Parallel, delayed

    work = delayed(_task)
    calls = (work(config, f, texts, every, truth, fold, taxonomy, seed) for config, f in tasks)
    yield from Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)


def _task(
    config: Config,
    f: int,
    texts: Sequence[str],
    every: Sequence[str],
    truth: Truth,
    fold: NDArray[np.int64],
    taxonomy: Taxonomy,
    seed: int,
) -> tuple[str, int, Any, Any, float]:
    """Fit on all folds but ``f`` and score that one; -1: fit on all."""
    prime = getattr(import_module(KINDS[config.kind]), "prime", None)
    if prime:
        prime(every, config.params)
    start = time.perf_counter()
    rows = np.flatnonzero(fold != f)
    fitted = config.fit([texts[int(i)] for i in rows], truth.take(rows), taxonomy, seed)
    if f < 0:
        return config.name, f, None, fitted, time.perf_counter() - start
    logits = fitted.logits([texts[int(i)] for i in np.flatnonzero(fold == f)])
    return config.name, f, logits, None, time.perf_counter() - start
