"""The model card, and the figures in the README: written from a report, never by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxnlp.errors import TrainingError
from cxnlp.labels import Taxonomy
from training import report as r

Figures = Mapping[str, Any]
_BLOCK = re.compile(r"(<!-- figures:(?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def model_card(report: Figures, taxonomy: Taxonomy) -> str:
    """A model card with the Hugging Face sections (Mitchell et al. 2019), as Markdown."""
    best = next(c for c in report["candidates"] if c["name"] == report["winner"])
    test = best["test"]
    macro = test["summary"]["macro_f1"]["value"]
    data = report["data"]
    front = "\n".join(
        [
            "---",
            "language: nl",
            "license: apache-2.0",
            "library_name: cxnlp",
            "pipeline_tag: text-classification",
            "tags: [dutch, customer-feedback, complaints, emotion, multi-label]",
            "model-index:",
            "- name: cxnlp",
            "  results:",
            "  - task: {type: text-classification}",
            f"    dataset: {{name: cxnlp corpus (composed Dutch messages), type: test split, n: {test['n']}}}",
            f"    metrics: [{{type: f1, name: causes macro-F1, value: {macro}}}]",
            "---",
        ]
    )
    parts = [
        front,
        "# cxnlp: causes and emotion of Dutch customer messages",
        f"Version `{report['version']}`. {best['title']}.",
        "## Model details",
        f"Reads one Dutch message and gives zero or more of {len(taxonomy.causes)} causes, exactly "
        f"one of {len(taxonomy.emotions)} emotions, a calibrated score for each, the words that "
        f"show them, and a decision: `accept`, `review`, `none` or `out_of_scope`. Linear heads "
        f"over n-grams; nothing in the bundle can run code. Code Apache-2.0, data CC BY 4.0.",
        "## Uses",
        "**Meant for** sorting and counting messages of customers to organisations in the "
        "Netherlands and Flanders, finding those that a person should read first, and measuring "
        "what goes wrong over time. A person decides about a customer; `review` marks the messages "
        "on which the model is unsure, and they are meant to be read.",
        "**Not meant for** judging employees, applicants or pupils (emotion recognition at work and "
        "in education is prohibited by article 5(1)(f) of the EU AI Act), deciding on a single "
        "customer's rights, medical or safety triage, or any language but Dutch. Text-based "
        "emotion labels of customers are no biometric emotion recognition in the sense of the Act; "
        "whoever deploys this should still tell customers that a machine sorts their messages.",
        "## Bias, risks and limitations",
        "The training messages are composed, not collected: their situations are retold from "
        "publicly described ones, and they are tidier and more to the point than what people really "
        "write. On real public reviews the figures are clearly lower than on the test split (see "
        "the README for the last measurement). Names, companies, amounts and numbers are masked "
        "before the model sees a text. Flemish is a part of the corpus, dialect in writing hardly; "
        "text of people who learn Dutch was not measured apart.",
        "## Training data",
        f"{data['train']:,} messages to train, {data['dev']:,} dev, {data['test']:,} test, by "
        f"situation, digest `{data['digest'][:16]}`; see `training/data/DATASHEET.md`.",
        "## Training procedure",
        f"Five grouped folds give out-of-fold scores; calibration (Platt per cause, temperature and "
        f"bias for emotion), thresholds (best F1 per cause) and the limits of doubt are fitted on "
        f"those. The shipped model is then trained on the whole training split. Time: "
        f"{best['seconds']:.0f} s of one core, well under 0.01 kWh.",
        "## Evaluation",
        f"Test split, n={test['n']:,}, 95% bootstrap intervals.",
        r.candidates_table(report["candidates"], "test"),
        "### Causes",
        r.causes_table(test),
        "### Emotions",
        r.emotions_table(test),
        "### Contrast pairs",
        "Two messages that differ in a few words and are labelled differently (negated, solved, "
        "asked, persuaded …); these pairs were not trained on.",
        r.contrast_table(report["candidates"]),
        "### Slices",
        r.slices_table(test),
        "### Risk against coverage",
        f"{test['review_share']:.0%} of the test messages get the decision `review`.",
        r.risk_table(test),
        "### What its thresholds can promise",
        "Recall that holds with 95% confidence for messages like the dev split's (risk control, "
        "Bates et al. 2021):",
        r.promises_table(report["promises"]),
        "### The human ceiling",
        _agreement(report.get("agreement")),
        "## What was not measured",
        "Real e-mail, chat and telephone messages (no open set exists); fairness between groups of "
        "writers; drift; energy use on the user's machine.",
        "## How to get started",
        "```python\nimport cxnlp\n\nmodel = cxnlp.load()\n"
        'model.predict("Dinsdag zou de monteur komen, niemand gezien", explain=True)\n```',
    ]
    return "\n\n".join(parts) + "\n"


def _agreement(agreement: Figures | None) -> str:
    if not agreement:
        return "Not measured in this run."
    return (
        f"A second annotator labelled {agreement['n']:,} messages of the corpus blind: causes "
        f"macro-F1 {r.short(agreement['causes_macro_f1'])} between the two, emotion accuracy "
        f"{r.short(agreement['emotion_accuracy'])} ({r.short(agreement['emotion_accuracy_alt'])} "
        f"when either's second emotion counts). No model can be shown to do better than that."
    )


def fill_blocks(path: Path, blocks: Mapping[str, str]) -> bool:
    """Replace what stands between ``<!-- figures:NAME -->`` and ``<!-- end -->``.

    Returns
    -------
    bool
        Whether the file changed.

    Raises
    ------
    TrainingError
        If a block of that name is not in the file.
    """
    text = path.read_text(encoding="utf-8")
    present = {match["name"] for match in _BLOCK.finditer(text)}
    for name in blocks:
        if name not in present:
            raise TrainingError(
                f"{path.name} has no block <!-- figures:{name} --> … <!-- end -->; add it where "
                f"the figures should stand."
            )
    new = _BLOCK.sub(
        lambda m: f"{m[1]}{blocks[m['name']]}\n{m[3]}" if m["name"] in blocks else m[0], text
    )
    if new != text:
        path.write_text(new, encoding="utf-8")
    return new != text


def readme_blocks(report: Figures) -> dict[str, str]:
    """The README's blocks that come from the report."""
    best = next(c for c in report["candidates"] if c["name"] == report["winner"])
    return {
        "candidates": f"Test split, n={best['test']['n']:,}, 95% intervals; written by "
        f"`make run`.\n\n" + r.candidates_table(report["candidates"], "test"),
        "causes": f"Test split, n={best['test']['n']:,}; written by `make run`.\n\n"
        + r.causes_table(best["test"]),
        "emotions": r.emotions_table(best["test"]),
        "contrast": r.contrast_table(report["candidates"]),
    }


def evaluation_block(figures: Figures, what: str) -> str:
    """The README's block for messages that are not part of the project."""
    summary = r.table(
        ["", f"{what}, n={figures['n']:,} (95% interval)"],
        [[title, r.with_interval(figures["summary"][name])] for name, title in r.SUMMARY.items()],
    )
    return (
        f"The shipped model on {what}; written by `python -m training evaluate --data FILE "
        f"--readme`.\n\n{summary}\n\n{r.causes_table(figures)}\n\n{r.emotions_table(figures)}"
    )


def read_report(folder: str | Path) -> dict[str, Any]:
    """The report.json of a bundle or a run."""
    path = Path(folder) / "report.json"
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"No readable report at {str(path)!r}: {error}.") from error
    return report
