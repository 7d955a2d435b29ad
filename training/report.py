"""The report of one run: a JSON tree of figures and its Markdown form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cxnlp.classifier import Classifier
from cxnlp.errors import InputError
from cxnlp.labels import Taxonomy

Figures = Mapping[str, Any]

SUMMARY = {
    "macro_f1": "causes, macro-F1",
    "macro_f1_key": "key causes, macro-F1",
    "macro_ap": "causes, mean AP",
    "emotion_macro_f1": "emotion, macro-F1",
    "emotion_accuracy": "emotion, accuracy",
    "emotion_accuracy_alt": "emotion, accuracy with the second one",
}
_TUNED = ("finetuned", "fused", "student")  # rest on an encoder that was tuned once
_CASCADE = {"macro_f1": "causes", "emotion_macro_f1": "emotion"}
_PROMISES = (0.8, 0.9, 0.95)


def promises(model: Classifier) -> dict[str, dict[str, Any]]:
    """What recall can be promised for each cause with 95% confidence, or why it cannot."""
    found: dict[str, dict[str, Any]] = {}
    for cause in model.classes_:
        for recall in _PROMISES:
            try:
                promise = model.promise(cause, recall=recall)
            except InputError as error:
                entry: dict[str, Any] = {"threshold": None, "why": str(error)}
            else:
                entry = {
                    "threshold": round(promise.threshold, 4),
                    "n": promise.n,
                    "found": promise.found,
                }
            found.setdefault(cause, {})[f"{recall:.2f}"] = entry
    return found


def with_interval(figure: Figures) -> str:
    """``.71 (.68 to .74)`` from a summary entry."""
    if figure["value"] is None:
        return "n/a"
    return f"{short(figure['value'])} ({short(figure['low'])} to {short(figure['high'])})"


def short(value: float | None) -> str:
    """Two decimals without the leading zero; ``n/a`` for nothing, and for nan."""
    if value is None or math.isnan(value):
        return "n/a"
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0") else text


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; all columns but the first are right-aligned."""
    lines = [
        "| " + " | ".join(header) + " |",
        "|" + "|".join(["---"] + ["---:"] * (len(header) - 1)) + "|",
    ]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def candidates_table(candidates: Sequence[Figures], part: str) -> str:
    """One row a candidate: its summary figures on one part of the data."""
    rows = [
        [
            c["title"],
            *(with_interval(c[part]["summary"][name]) for name in SUMMARY),
            f"{c['seconds']:.0f} s" + (" + encoder" if c["kind"] in _TUNED else ""),
        ]
        for c in candidates
    ]
    return table(["candidate", *SUMMARY.values(), "time to train"], rows)


def contrast_table(candidates: Sequence[Figures]) -> str:
    """How often each candidate tells the sides of held-out contrast pairs apart."""
    rows = [
        [
            c["title"],
            f"{short(f['ordered'])}",
            f"{short(f['causes_right'])} (n={f['causes_n']})",
            f"{short(f['emotion_right'])} (n={f['emotion_n']})",
        ]
        for c in candidates
        if (f := c.get("contrast"))
    ]
    return table(
        [
            "candidate",
            "the side with the cause scores higher",
            "both sides right on the cause",
            "both emotions right",
        ],
        rows,
    )


def contrast_kinds_table(candidate: Figures) -> str:
    """On how many held-out contrast pairs of each kind a candidate is right on both sides."""
    kinds = (candidate.get("contrast") or {}).get("kinds", {})
    return table(
        ["kind of pair", "n", "both sides right on the cause"],
        [[kind, str(f["n"]), short(f["causes_right"])] for kind, f in kinds.items()],
    )


def causes_table(figures: Figures) -> str:
    """Per cause: n, precision, recall, F1 with its interval, AP, calibration error, threshold."""
    return _labels_table("cause", figures["causes"], ["threshold"])


def emotions_table(figures: Figures) -> str:
    """Per emotion: n, precision, recall, F1 with its interval, AP and calibration error."""
    return _labels_table("emotion", figures["emotions"], [])


def _labels_table(kind: str, labels: Mapping[str, Figures], more: Sequence[str]) -> str:
    return table(
        [kind, "n", "precision", "recall", "F1 (95% interval)", "AP", "ECE", *more],
        [
            [
                f"`{name}`",
                f["n"],
                short(f["precision"]),
                short(f["recall"]),
                f"{short(f['f1'])} ({short(f['f1_low'])} to {short(f['f1_high'])})",
                short(f["average_precision"]),
                f"{f['ece']:.3f}",
                *(short(f[column]) for column in more),
            ]
            for name, f in labels.items()
        ],
    )


def slices_table(figures: Figures) -> str:
    """The summary for each slice of at least 20 messages."""
    rows = [
        [f"{column}: {value}", f["n"], *(short(f[name]) for name in SUMMARY)]
        for column, values in figures["slices"].items()
        for value, f in values.items()
    ]
    return table(["slice", "n", *SUMMARY.values()], rows)


def confusion_table(figures: Figures) -> str:
    """Emotions confused: a row is the truth, a column the answer."""
    labels = figures["confusion"]["labels"]
    return table(
        ["truth \\ answer", *labels],
        [[name, *row] for name, row in zip(labels, figures["confusion"]["rows"], strict=True)],
    )


def risk_table(figures: Figures) -> str:
    """How often a cause is wrong among the surest part of the messages."""
    return table(
        ["share of messages kept, surest first", "messages with a wrong or missed cause"],
        [
            [f"{p['coverage']:.0%}", f"{p['risk']:.0%}"]
            for p in figures["risk_coverage"]
            if round(p["coverage"] * 20) % 4 == 0
        ],
    )


def promises_table(found: Figures) -> str:
    """Thresholds that promise a recall with 95% confidence."""
    header = ["cause", *(f"finds at least {r:.0%}" for r in _PROMISES)]
    rows = []
    for cause, entries in found.items():
        cells = [
            f"from {short(e['threshold'])} ({e['found']} of {e['n']} found)"
            if e["threshold"] is not None
            else "cannot be promised"
            for e in entries.values()
        ]
        rows.append([f"`{cause}`", *cells])
    return table(header, rows)


def agreement_table(agreement: Figures, figures: Figures) -> str:
    """Two labellings beside a model: F1 and kappa between them, F1 of the model."""
    rows = [
        [
            f"`{cause}`",
            f"{short(f['f1'])} ({short(f['kappa'])})",
            f"{short(own['f1'])} ({short(own['f1_low'])} to {short(own['f1_high'])})",
        ]
        for cause, f in agreement["causes"].items()
        if (own := figures["causes"].get(cause))
    ]
    rows.append(
        [
            "emotion, accuracy",
            f"{short(agreement['emotion_accuracy'])} ({short(agreement['emotion_kappa'])})",
            with_interval(figures["summary"]["emotion_accuracy"]),
        ]
    )
    return table(["", "two labellers, F1 (kappa)", "this model, F1 (95% interval)"], rows)


def curve_table(curve: Sequence[Figures]) -> str:
    """F1 against the number of training messages."""
    sets = [key for key in curve[0] if key != "n"] if curve else []
    return table(
        ["training messages", *(f"{name}, macro-F1" for name in sets)],
        [[f"{point['n']:,}", *(short(point[name]) for name in sets)] for point in curve],
    )


def cascade_table(cascade: Figures) -> str:
    """Quality on dev and test by the share of messages that the encoder reads."""
    rows = [
        [
            f"{dev['asked']:.0%}" + (" (chosen)" if dev["boundary"] == cascade["boundary"] else ""),
            f"{dev['boundary']:.2f}" if dev["boundary"] >= 0 else "-",
            *(f"{point[name]:.3f}" for point in (dev, test) for name in _CASCADE),
        ]
        for dev, test in zip(cascade["dev"], cascade["test"], strict=True)
    ]
    header = [f"{part}: {what}" for part in ("dev", "test") for what in _CASCADE.values()]
    return table(["share the encoder reads", "doubt above", *header], rows)


def evidence_sentence(found: Figures) -> str:
    """What deleting and keeping the evidence does."""
    if not found.get("labels"):
        return "No message with a cause and evidence was there to try."
    return (
        f"On the first {found['messages']} test messages with a cause ({found['labels']} labels), "
        f"evidence is {found['share']:.0%} of the characters. Without it the score falls below its "
        f"threshold for {found['deleted_below']:.0%} of the labels; with nothing else it stays "
        f"above for {found['kept_above']:.0%}."
    )


def to_markdown(report: Figures, taxonomy: Taxonomy) -> str:
    """The whole report as Markdown."""
    best = next(c for c in report["candidates"] if c["name"] == report["winner"])
    test = best["test"]
    parts = [
        f"# Report of run {report['version']}",
        f"Corpus {report['data']['digest'][:12]}: {report['data']['train']:,} messages to train, "
        f"{report['data']['dev']:,} dev, {report['data']['test']:,} test. Intervals are 95% "
        f"bootstraps over messages. {len(taxonomy.causes)} causes, "
        f"{len(taxonomy.emotions)} emotions.",
        f"## Candidates, on the {test['n']:,} messages of the test split",
        candidates_table(report["candidates"], "test"),
        "## Candidates, out of fold on the training split",
        candidates_table(report["candidates"], "oof"),
        f"## Causes: {best['title']}",
        causes_table(test),
        "## Emotions",
        emotions_table(test),
        "Truth (rows) against answer (columns):",
        confusion_table(test),
        "## Contrast pairs held out",
        contrast_table(report["candidates"]),
        contrast_kinds_table(best),
        "## Slices",
        slices_table(test),
        "## Risk against coverage",
        f"{test['review_share']:.0%} of the test messages are sent to a person.",
        risk_table(test),
        "## What can be promised",
        promises_table(report["promises"]),
        "## Evidence",
        evidence_sentence(report.get("evidence", {})),
        "## Learning curve",
        curve_table(report["learning_curve"]),
    ]
    if report.get("cascade"):
        parts += ["## Cascade", cascade_table(report["cascade"])]
    if report.get("gate"):
        parts += ["## Gate", report["gate"]]
    return "\n\n".join(parts) + "\n"
