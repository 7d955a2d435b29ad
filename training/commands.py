"""What the verbs of ``python -m training`` do; each takes parsed options and returns an exit code."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import cxnlp
from cxnlp import bundle as bundles
from cxnlp.bundle import replace_folder
from cxnlp.classifier import Classifier
from cxnlp.errors import BundleError, InputError, TrainingError
from cxnlp.labels import DEFAULT, Taxonomy
from cxnlp.record import Record
from training import register as registers
from training import report as reports
from training import tracking
from training.agreement import measured_agreement
from training.bundles import evaluate_model, folder_size, score
from training.candidates import CONFIG, all_configs, read_config
from training.card import evaluation_block, fill_blocks, read_report, readme_blocks
from training.check import check as check_table
from training.check import run_check
from training.corpus import DATA, Corpus, load_corpus
from training.encoder.command import CONFIG as ENCODER_CONFIG
from training.encoder.command import tune
from training.encoder.tuned import FOLDER as ENCODER
from training.encoder.tuned import read_tuned
from training.gate import Entrant, Verdict, judge
from training.metrics import Truth, decided, paired_bootstrap, summary_vector
from training.registry import Store, settle, withdrawn
from training.registry import promote as move_champion
from training.registry import rollback as move_back
from training.run import Outcome, bar, latency_ms, run_candidates
from training.splits import by_name, group
from training.table import Problem, load_table

__all__ = [
    "CONFIG",
    "ENCODER",
    "ENCODER_CONFIG",
    "card",
    "check",
    "compare",
    "encoder",
    "evaluate",
    "promote",
    "register",
    "rollback",
    "run",
    "train",
]

ROOT = Path(__file__).parent.parent
_SAMPLES = DATA / "samples.txt"


def run(options: Namespace) -> int:
    """Train all candidates on the shipped corpus, log, judge, and label sample messages."""
    print(
        "Trains every candidate on the corpus, logs them to MLflow, puts the best through the "
        "gate and labels ten messages: about twelve minutes on two cores."
    )
    every = all_configs()
    configs = [config for config in every if not config.optional]
    if options.only:
        known = {config.name for config in every}
        for name in options.only:
            if name not in known:
                raise InputError(
                    f"Unknown candidate {name!r}; known are {', '.join(sorted(known))}."
                )
        configs = [config for config in every if config.name in options.only]
    store = Store()
    settle(store, alias=tracking.move_alias)
    corpus = load_corpus()
    with bar() as progress:
        outcome = run_candidates(
            configs,
            corpus,
            jobs=options.jobs,
            agreement=measured_agreement(corpus),
            progress=progress,
        )
    verdict = _judge(
        outcome.model,
        outcome.folder / "bundle",
        _champion(store),
        corpus.part("test"),
        withdrawn=withdrawn(store, outcome.model.version),
    )
    logged = tracking.log_run(outcome, verdict, corpus)
    _settle_verdict(verdict, outcome, store, logged)
    print("\n" + _terminal_table(outcome.report["candidates"]))
    print(f"\n{verdict.to_markdown()}\n")
    print(f"Report: {outcome.folder / 'report.md'}    MLflow: {logged.uri}\n")
    _label_samples(cxnlp.load())
    return 0 if verdict.outcome != "refused" else 1


def check(options: Namespace) -> int:
    """Validate the corpus, or a table of one's own."""
    if options.data is None:
        return run_check(DATA, real=options.real, out=sys.stdout)
    reading = {"taxonomy": _taxonomy(options), **_reading(options)}
    records, _ = load_table(options.data, **reading)
    problems = check_table(options.data, **reading)
    for problem in problems:
        print(problem)
    found = [problem for problem in problems if not problem.note]
    print(f"{len(records):,} messages can be used; {len(found):,} problems.")
    return 1 if found else 0


def train(options: Namespace) -> int:
    """Train one candidate on labelled messages of one's own."""
    config = read_config(options.config)
    if options.output.exists():
        bundles.verify(options.output)  # never overwrite anything that is not a model
    if options.encoder is not None:
        read_tuned(options.encoder)  # a wrong folder is told before a large table is read
        config = replace(config, params={**config.params, "encoder": str(options.encoder)})
    corpus = _own_corpus(options)
    with bar() as progress:
        outcome = run_candidates([config], corpus, jobs=options.jobs, progress=progress)
    logged = tracking.log_run(outcome, None, corpus)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.output.parent) as beside:
        copied = shutil.copytree(outcome.folder / "bundle", Path(beside) / "model")
        replace_folder(copied, options.output)
    print("\n" + _terminal_table(outcome.report["candidates"]))
    print(
        f"\nModel: {options.output}    report: {outcome.folder / 'report.md'}    MLflow: {logged.uri}"
    )
    print(
        f"Next: python -m training compare models/champion {options.output} --data {options.data}, "
        f"with the same column options"
    )
    return 0


def encoder(options: Namespace) -> int:
    """Fine-tune the encoder on the shipped corpus, or on a table of one's own."""
    return tune(options, load_corpus() if options.data is None else _own_corpus(options))


def evaluate(options: Namespace) -> int:
    """Measure a model on labelled messages: a file, or the test split of the corpus."""
    model = cxnlp.load(options.model)
    records, what = _records(options, model.taxonomy)
    figures = evaluate_model(model, records)
    if options.json:
        print(json.dumps(figures, indent=1))
        return 0
    if options.readme:
        fill_blocks(ROOT / "README.md", {"real": evaluation_block(figures, options.readme)})
    print(f"{model.name} {model.version} on {what}, n={figures['n']:,}; 95% intervals\n")
    for name, title in reports.SUMMARY.items():
        print(f"{title:45s} {reports.with_interval(figures['summary'][name])}")
    print("\n" + reports.causes_table(figures) + "\n\n" + reports.emotions_table(figures))
    return 0


def compare(options: Namespace) -> int:
    """Measure two models on the same messages, with the interval of the difference."""
    first, second = cxnlp.load(options.first), cxnlp.load(options.second)
    _same_labels(first, second)
    records, what = _records(options, first.taxonomy, test_only=not options.whole)
    truth = Truth.of(records, first.taxonomy)
    scored = [score(model, records) for model in (first, second)]
    answers = [decided(m.bundle.rule, s) for m, s in zip((first, second), scored, strict=True)]

    def figures(which: int, rows: Any) -> Any:
        given, emotion, _ = answers[which]
        values = summary_vector(
            truth.take(rows), scored[which].causes[rows], given[rows], emotion[rows], first.taxonomy
        )
        return np.array(list(values.values()))

    every = np.arange(len(truth))
    a, b = figures(0, every), figures(1, every)
    low, high = paired_bootstrap(figures, len(truth))
    rows = [
        [
            title,
            reports.short(a[i]),
            reports.short(b[i]),
            "too few cases"
            if np.isnan(low[i])
            else f"{b[i] - a[i]:+.3f} ({low[i]:+.3f} to {high[i]:+.3f})",
        ]
        for i, title in enumerate(reports.SUMMARY.values())
    ]
    print(f"On {what}, n={len(truth):,}; paired 95% interval of the difference\n")
    print(reports.table(["", options.first, options.second, "difference"], rows))
    return 0


def promote(options: Namespace) -> int:
    """Put a model through the gate and, if it passes, make it the champion."""
    store = (
        Store(models=options.models, cache=options.models / ".cache") if options.models else Store()
    )
    model = cxnlp.load(options.folder)
    champion = _champion(store)
    if champion is not None:
        _same_labels(champion, model)
    records, what = _records(options, model.taxonomy, test_only=True)
    verdict = _judge(model, options.folder, champion, records)
    print(f"On {what}, n={len(records):,}\n\n{verdict.to_markdown()}")
    if verdict.outcome != "promote":
        return 0 if verdict.outcome == "reproduced" else 1
    if options.models is None:  # MLflow mirrors the shipped champion, not those kept elsewhere
        tracking.log_model(options.folder)
    moved = move_champion(
        options.folder,
        model.version,
        options.why or verdict.sentence,
        figures=_figures(model),
        data=model.bundle.info.get("trained_on"),
        judged_against=verdict.champion,
        alias=None if options.models else tracking.move_alias,
        store=store,
    )
    print(moved.warning or f"\n{model.version} is champion in {store.champion}.")
    return 0


def rollback(options: Namespace) -> int:
    """Put the former champion back."""
    moved = move_back(options.why, alias=tracking.move_alias, fetch=tracking.fetch_bundle)
    print(moved.warning or f"{moved.entry['version']} is champion again.")
    return 0


def card(options: Namespace) -> int:
    """Write the champion's figures into the README."""
    report = read_report(Store().champion)
    changed = fill_blocks(ROOT / "README.md", readme_blocks(report))
    print("README.md has the champion's figures" + (" now." if changed else " already."))
    return 0


def register(options: Namespace) -> int:
    """Write a model's entry for the Dutch Algorithm Register, and say what is left to fill in."""
    folder = options.model or Store().champion
    values = registers.entry(read_report(folder), cxnlp.load(folder).taxonomy)
    for path in registers.write(values, options.output):
        print(f"Wrote {path}")
    print(f"\nFor your organisation to fill in, marked {registers.MARK.strip()} …] or empty:")
    for field in registers.to_fill(values):
        print(f"  {field.name:24s}{field.title}{' (required)' if field.required else ''}")
    return 0


def _champion(store: Store) -> Classifier | None:
    if not store.champion.exists():
        return None
    try:
        return cxnlp.load(store.champion)
    except BundleError as error:
        print(f"The champion cannot be judged against: {error}", file=sys.stderr)
        return None


def _judge(
    model: Classifier,
    folder: Path,
    champion: Classifier | None,
    records: list[Record],
    withdrawn: str | None = None,
) -> Verdict:
    texts = [record.text for record in records]

    def entrant(one: Classifier, where: Path) -> Entrant:
        return Entrant(
            version=one.version,
            scored=score(one, records),
            rule=one.bundle.rule,
            latency_ms=latency_ms(one, texts),
            size_mb=folder_size(where),
            kind=one.bundle.kind,
        )

    return judge(
        entrant(model, folder),
        entrant(champion, folder) if champion else None,
        records,
        model.taxonomy,
        withdrawn=withdrawn,
    )


def _settle_verdict(
    verdict: Verdict, outcome: Outcome, store: Store, logged: tracking.Logged
) -> None:
    """Move the champion when the gate says so, and the README's figures with it."""
    if verdict.outcome != "promote":
        return
    moved = move_champion(
        outcome.folder / "bundle",
        outcome.model.version,
        verdict.sentence,
        figures=_figures(outcome.model),
        data=outcome.report["data"],
        config={"name": outcome.winner.config.name, **outcome.winner.config.params},
        judged_against=verdict.champion,
        alias=tracking.move_alias,
        store=store,
    )
    if moved.warning:
        print(moved.warning, file=sys.stderr)
    fill_blocks(ROOT / "README.md", readme_blocks(outcome.report))


def _figures(model: Classifier) -> dict[str, float | None]:
    return {name: f["value"] for name, f in model.bundle.info.get("test", {}).items()}


def _same_labels(first: Classifier, second: Classifier) -> None:
    if (
        first.taxonomy.cause_names != second.taxonomy.cause_names
        or first.taxonomy.emotion_names != second.taxonomy.emotion_names
    ):
        raise TrainingError(
            f"{first.version} and {second.version} have different labels and cannot be compared. "
            f"Give a model with labels of its own a place of its own: promote --models FOLDER."
        )


def _taxonomy(options: Namespace) -> Taxonomy:
    return Taxonomy.from_toml(options.taxonomy) if options.taxonomy else DEFAULT


def _reading(options: Namespace) -> dict[str, Any]:
    """How a table is to be read, as `load_table` takes it."""
    columns = {
        "text": options.text,
        "causes": options.causes,
        "emotion": options.emotion,
        "id": options.id,
    }
    return {
        "columns": {field: name for field, name in columns.items() if field != name},
        "separator": options.separator,
        "missing": options.missing,
    }


def _read_table(
    options: Namespace, *, taxonomy: Taxonomy | None = None
) -> tuple[list[Record], list[Problem]]:
    records, problems = load_table(
        options.data, taxonomy=taxonomy or _taxonomy(options), **_reading(options)
    )
    for problem in problems[:20]:
        print(problem, file=sys.stderr)
    if len(problems) > 20:
        print(f"… and {len(problems) - 20:,} more; see `check`.", file=sys.stderr)
    if not records:
        raise InputError(f"No message of {str(options.data)!r} can be used; see `check`.")
    return records, problems


def _own_corpus(options: Namespace) -> Corpus:
    taxonomy = _taxonomy(options)
    records, _ = _read_table(options, taxonomy=taxonomy)
    groups = group(records)
    split = by_name(groups)
    if options.with_corpus:
        shipped = load_corpus(taxonomy=taxonomy)
        extra = [replace(r, id=f"cxnlp:{r.id}") for r in shipped.part("train")]
        records += extra
        split.update(dict.fromkeys((r.id for r in extra), "train"))
        groups.update({r.id: f"cxnlp:{shipped.groups[r.id[6:]]}" for r in extra})
    return Corpus(tuple(records), split, groups, taxonomy)


def _records(
    options: Namespace, taxonomy: Taxonomy, *, test_only: bool = False
) -> tuple[list[Record], str]:
    """Labelled messages to measure on, and what to call them."""
    if options.data is None:
        return load_corpus(taxonomy=taxonomy).part("test"), "the test split of the corpus"
    records, _ = _read_table(options, taxonomy=taxonomy)
    if test_only:
        split = by_name(group(records))
        kept = [record for record in records if split[record.id] == "test"]
        return kept, f"the test split of {options.data.name}"
    return records, options.data.name


def _terminal_table(candidates: list[dict[str, Any]]) -> str:
    """Candidates on the test split, for a terminal; nan where there are too few cases."""

    def figures(candidate: dict[str, Any]) -> dict[str, float]:
        summary = candidate["test"]["summary"]
        return {k: float("nan") if f["value"] is None else f["value"] for k, f in summary.items()}

    lines = [f"{'candidate (test split)':45s} causes F1 emotion F1    AP    time"]
    for c in sorted(candidates, key=lambda c: -figures(c)["macro_ap"]):
        f = figures(c)
        title = c["title"][:43] + ("" if c["shippable"] else " *")
        lines.append(
            f"{title:45s} {f['macro_f1']:9.3f} {f['emotion_macro_f1']:10.3f} {f['macro_ap']:5.3f} "
            f"{c['seconds']:5.0f} s"
        )
    return "\n".join([*lines, "* to compare with; has no bundle form"])


def _label_samples(model: Classifier) -> None:
    print(f"Ten messages, labelled by {model.version}:\n")
    for text in _SAMPLES.read_text(encoding="utf-8").splitlines():
        p = model.predict(text)
        causes = ", ".join(f"{c} {p.scores[c]:.2f}" for c in p.causes) or "-"
        print(f"  {p.decision:7s} {p.emotion:14s} {causes:45s} {text}")
