"""The main job: train the candidates, log them, judge the best, and label sample messages."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cxnlp import bundle as bundles
from cxnlp.classifier import Classifier
from cxnlp.errors import TrainingError
from cxnlp.labels import Taxonomy
from cxnlp.record import Record
from training import report as reports
from training.bundles import (
    is_shippable,
    make_bundle,
    version_of,
)
from training.candidates import Config
from training.card import model_card
from training.cascade import cascade_curve, chosen_boundary
from training.corpus import Corpus
from training.faithful import evidence_test
from training.fit import Trained, train
from training.metrics import Scored, Truth, contrast, decided, evaluate, summary_vector
from training.plots import save_plots

RUNS = Path(".cache") / "runs"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Outcome:
    """What one run leaves behind.

    Attributes
    ----------
    folder
        The run's folder: ``bundle/``, ``report.json``, ``report.md``, ``plots/``.
    report
        The figures; see `training.report`.
    winner
        The best candidate that can be shipped.
    model
        Its bundle, loaded from disk.
    """

    folder: Path
    report: dict[str, Any]
    winner: Trained
    model: Classifier


def run_candidates(
    configs: Sequence[Config],
    corpus: Corpus,
    *,
    jobs: int = 2,
    seed: int = 13,
    agreement: dict[str, Any] | None = None,
    runs: Path = RUNS,
    progress: Progress = lambda what, done, total: None,
) -> Outcome:
    """Train and evaluate candidates and write the best shippable one as a bundle.

    The winner is chosen on out-of-fold scores of the training split (mean of the macro-F1 of
    causes and of emotion), so that the test split stays a test.

    Raises
    ------
    TrainingError
        If no candidate can be shipped, or a split is empty.
    """
    parts = {name: corpus.part(name) for name in ("train", "dev", "test")}
    for name, records in parts.items():
        if not records:
            raise TrainingError(f"The {name} split is empty; a run needs all three splits.")
    sides = [(pair.id, side) for pair in corpus.pairs_of("train") for side in (pair.a, pair.b)]
    alone = _words_of(configs)
    trained = train(
        [config for config in configs if config.name not in alone],
        parts["train"] + [side for _, side in sides],
        corpus.taxonomy,
        groups=corpus.groups_of(parts["train"]) + [name for name, _ in sides],
        also=[record.text for name in ("dev", "test") for record in parts[name]],
        jobs=jobs,
        seed=seed,
        progress=progress,
    )
    whole = {one.config.name: one for one in trained}
    for name, words in alone.items():
        part = whole[words].fast
        assert part is not None
        config = next(config for config in configs if config.name == name)
        trained.append(replace(part, config=config))
    candidates = []
    for position, one in enumerate(trained):
        progress(f"{one.config.name}: evaluate", position, len(trained))
        candidates.append(describe(one, parts, corpus))
    shippable = [one for one in trained if is_shippable(one)]
    if not shippable:
        raise TrainingError(
            "None of the candidates can be shipped; add one of kind 'wordgrams' or 'fused'."
        )
    goodness = {c["name"]: _goodness(c["oof"]["summary"]) for c in candidates}
    winner = max(shippable, key=lambda one: goodness[one.config.name])
    version = version_of(winner, corpus.digest)
    # An encoder is not tuned anew for a curve: of a stacked winner, the words' part is drawn.
    drawn = winner
    if winner.fast:
        drawn = replace(winner.fast, config=replace(winner.config, kind="wordgrams"))
    progress(f"{winner.config.name}: learning curve", 0, 1)
    report: dict[str, Any] = {
        "version": version,
        "winner": winner.config.name,
        "data": {"digest": corpus.digest, **{name: len(rows) for name, rows in parts.items()}},
        "candidates": candidates,
        "agreement": agreement,
        "learning_curve": learning_curve(drawn, parts, corpus, jobs=jobs, seed=seed),
    }
    bundle = make_bundle(
        winner,
        corpus.taxonomy,
        version=version,
        heldout=parts["dev"],
        info=_info(winner.config.name, report),
        fast_info=_info(next(iter(alone), winner.config.name), report),
    )
    model = Classifier(bundle)
    report["promises"] = reports.promises(model)
    report["evidence"] = evidence_test(model, [record.text for record in parts["test"]])
    if winner.fast:
        report["cascade"] = _cascade(winner, parts, corpus.taxonomy)
        report["encoder"] = winner.fitted.encoder.tuned.facts  # type: ignore[attr-defined]
    folder = runs / version
    write_run(bundle, report, folder, corpus.taxonomy)
    return Outcome(folder, report, winner, Classifier(bundles.load(folder / "bundle")))


def _words_of(configs: Sequence[Config]) -> dict[str, str]:
    """Candidates that another one has as its words' part, and need not be trained twice."""
    stacked = [config for config in configs if config.parts > 1]
    return {
        config.name: other.name
        for config in configs
        for other in stacked
        if config.kind == "wordgrams" and config.params == other.params
    }


def describe(one: Trained, parts: dict[str, list[Record]], corpus: Corpus) -> dict[str, Any]:
    """A candidate's figures: out of fold, on the dev and test splits, on contrast pairs."""
    taxonomy = corpus.taxonomy
    pairs = corpus.pairs_of("test")
    a, b = [pair.a for pair in pairs], [pair.b for pair in pairs]
    own = one.oof.take(slice(0, len(parts["train"])))  # the rest are sides of contrast pairs

    def score(records: Sequence[Record]) -> Scored:
        return one.score([r.text for r in records])

    return {
        "contrast": contrast(
            a, b, (score(a), score(b)), one.rule, taxonomy, [pair.kind for pair in pairs]
        )
        if pairs
        else None,
        "name": one.config.name,
        "kind": one.config.kind,
        "title": one.config.title,
        "params": dict(one.config.params),
        "shippable": is_shippable(one),
        "seconds": round(one.seconds, 1),
        "oof": evaluate(parts["train"], own, one.rule, taxonomy),
        **{
            name: evaluate(parts[name], score(parts[name]), one.rule, taxonomy)
            for name in ("dev", "test")
        },
    }


def learning_curve(
    whole: Trained,
    parts: dict[str, list[Record]],
    corpus: Corpus,
    *,
    jobs: int,
    seed: int,
    shares: Sequence[float] = (0.125, 0.25, 0.5),
) -> list[dict[str, Any]]:
    """Macro-F1 of causes and emotion on the test split by training size.

    Whole groups are drawn, smaller draws inside larger ones; the last point is ``whole``, the
    candidate as it was trained on everything.
    """
    records = parts["train"]
    groups = corpus.groups_of(records)
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    rank = {names[i]: position / len(names) for position, i in enumerate(order)}
    points = []
    for share in (*shares, 1.0):
        some = [r for r, g in zip(records, groups, strict=True) if rank[g] < share]
        one = whole
        if share < 1:
            [one] = train(
                [whole.config],
                some,
                corpus.taxonomy,
                groups=corpus.groups_of(some),
                jobs=jobs,
                folds=3,
                seed=seed,
            )
        truth = Truth.of(parts["test"], corpus.taxonomy)
        scored = one.score([r.text for r in parts["test"]])
        given, emotion, _ = decided(one.rule, scored)
        figures = summary_vector(truth, scored.causes, given, emotion, corpus.taxonomy)
        points.append(
            {
                "n": len(some),
                "test causes": round(figures["macro_f1"], 4),
                "test emotion": round(figures["emotion_macro_f1"], 4),
            }
        )
    return points


def write_run(
    bundle: bundles.Bundle, report: dict[str, Any], folder: Path, taxonomy: Taxonomy
) -> None:
    """Put the bundle with its card, the report and the plots into the run's folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside it first: another run of the same version may be reading the folder.
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    bundles.save(
        bundle,
        fresh / "bundle",
        extra={"README.md": model_card(report, taxonomy), "report.json": text},
    )
    (fresh / "report.json").write_text(text, encoding="utf-8")
    (fresh / "report.md").write_text(reports.to_markdown(report, taxonomy), encoding="utf-8")
    save_plots(report, fresh / "plots")
    fresh.chmod(0o755)
    bundles.replace_folder(fresh, folder)


def latency_ms(model: Classifier, texts: Sequence[str], *, repeats: int = 3) -> float:
    """Median milliseconds of one prediction, warmed up, on this machine."""
    some = list(texts[:200])
    for text in some:
        model.predict(text)
    times = []
    for _ in range(repeats):
        for text in some:
            start = time.perf_counter()
            model.predict(text)
            times.append(time.perf_counter() - start)
    return float(np.median(times) * 1000)


def _info(name: str, report: dict[str, Any]) -> dict[str, Any]:
    """What a bundle tells of a candidate."""
    own = next(c for c in report["candidates"] if c["name"] == name)
    return {
        "title": own["title"],
        "trained_on": report["data"],
        "test": own["test"]["summary"],
    }


def _cascade(winner: Trained, parts: dict[str, list[Record]], taxonomy: Taxonomy) -> dict[str, Any]:
    """The boundary chosen on dev, and quality by the share passed on, on dev and test."""
    assert winner.fast is not None
    curves = {}
    for name in ("dev", "test"):
        texts = [record.text for record in parts[name]]
        curves[name] = cascade_curve(
            winner.fast.score(texts),
            winner.score(texts),
            Truth.of(parts[name], taxonomy),
            winner.rule,
            taxonomy,
        )
    return {"boundary": chosen_boundary(curves["dev"]), **curves}


def _goodness(summary: dict[str, Any]) -> float:
    return float(sum(summary[name]["value"] or 0 for name in ("macro_f1", "emotion_macro_f1")) / 2)


@contextmanager
def bar() -> Iterator[Progress]:
    """A progress function that draws a bar on a terminal and prints lines elsewhere."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as Bar,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, done, total: console.print(f"[{done}/{total}] {what}", markup=False)
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Bar(*columns, console=console) as drawn:
        task = drawn.add_task("start", total=None)
        yield lambda what, done, total: drawn.update(
            task, description=what, completed=done, total=total
        )
