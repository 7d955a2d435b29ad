"""The model card, and the figures in the README: written from a report, never by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cxnlp.errors import TrainingError
from cxnlp.labels import Taxonomy
from training import report as r
from training.cascade import LOSS
from training.fit import FOLDS

Figures = Mapping[str, Any]
_BLOCK = re.compile(r"(<!-- figures:(?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_WATTS = 20.0  # assumed for one busy core with its share of a server; nothing metered it


def model_card(report: Figures, taxonomy: Taxonomy) -> str:
    """A model card with the Hugging Face sections (Mitchell et al. 2019), as Markdown."""
    best = winner_of(report)
    test = best["test"]
    data = report["data"]
    parts = [
        _front(test),
        "# cxnlp: causes and emotion of Dutch customer messages",
        f"Version `{report['version']}`. {best['title']}.",
        "## Model details",
        f"Reads one Dutch message and gives zero or more of {len(taxonomy.causes)} causes, exactly "
        f"one of {len(taxonomy.emotions)} emotions, a calibrated score for each, the words that "
        f"show them, and a decision: `accept`, `review`, `none` or `out_of_scope`. Nothing in the "
        f"bundle can run code, and nothing leaves the machine.",
        "- **Language:** Dutch, as written in the Netherlands and Flanders\n"
        f"- **Kind:** `{best['kind']}`; multi-label for causes, one of several for emotion\n"
        "- **Licence:** code and model Apache-2.0, data CC BY 4.0\n"
        f"- **Causes:** {_names(taxonomy.cause_names)}\n"
        f"- **Emotions:** {_names(taxonomy.emotion_names)}",
        "## Uses",
        "### Direct use",
        "Sorting and counting messages of customers to organisations in the "
        "Netherlands and Flanders, finding those that a person should read first, and measuring "
        "what goes wrong over time. A person decides about a customer; `review` marks the messages "
        "on which the model is unsure, and they are meant to be read.",
        "### Out-of-scope use",
        "Judging employees, applicants, pupils or students, also by the messages that customers "
        "write about them; deciding on a single customer's rights, claim, price or credit; "
        "profiling a person over time; medical or safety triage; any language but Dutch.",
        "### Position under the EU AI Act",
        "Regulation (EU) 2024/1689, as we read it; this is no legal advice. The Act calls a "
        "system emotion recognition when it infers emotions from **biometric data** (article "
        "3(39)). This model reads the text of a message and nothing else, so it is none in that "
        "sense, and the duties for such systems (article 50(3), annex III point 1(c)) do not "
        "follow from it. Emotion recognition at work and in education is prohibited (article "
        "5(1)(f)); this model is for messages of customers, and we ask that it is not used on "
        "employees or pupils even where their text alone would be read. It becomes part of a "
        "high-risk system when somebody lets it weigh in a decision of annex III (access to "
        "benefits, credit, insurance, essential services): do not. Whoever deploys it should tell "
        "customers that a machine sorts their messages, keep a person in charge of every decision "
        "about a customer (article 22 of the GDPR), and name the processing in the privacy "
        "statement.",
        "## Bias, risks and limitations",
        "The training messages are composed, not collected: most situations are made up, some "
        "are retold from publicly described ones, and they are tidier and more to the point than what people really "
        "write. On real public reviews the figures are clearly lower than on the test split (see "
        "the README for the last measurement). Names, companies, amounts and numbers are masked "
        "before the model sees a text. Flemish is a part of the corpus, dialect in writing hardly; "
        "text of people who learn Dutch was not measured apart.",
        "### Recommendations",
        "Measure it on a few hundred messages of your own before relying on it (`python -m "
        "training evaluate --data FILE`), let people read what is marked `review` and a sample of "
        "the rest, and measure again when your messages change.",
        "## How to get started",
        "```python\nimport cxnlp\n\nmodel = cxnlp.load()\n"
        'model.predict("Dinsdag zou de monteur komen, niemand gezien", explain=True)\n```',
        "## Training details",
        "### Training data",
        f"{data['train']:,} messages to train, {data['dev']:,} dev, {data['test']:,} test, by "
        f"situation, digest `{data['digest'][:16]}`; see `training/data/DATASHEET.md`.",
        "### Training procedure",
        f"{FOLDS} grouped folds give out-of-fold scores; calibration (Platt per cause, temperature "
        "and bias for emotion), thresholds (best F1 per cause) and the limits of doubt are fitted "
        "on those. The shipped model is then trained on the whole training split.",
        *([_encoder(report["encoder"])] if report.get("encoder") else []),
        "## Evaluation",
        f"Test split, n={test['n']:,}, 95% bootstrap intervals.",
        r.candidates_table(report["candidates"], "test"),
        "### Causes",
        r.causes_table(test),
        "### Emotions",
        r.emotions_table(test),
        "### Calibration",
        _calibration(test),
        "### Contrast pairs",
        _contrast(report["candidates"], best),
        "### Slices",
        r.slices_table(test),
        "### Risk against coverage",
        f"{test['review_share']:.0%} of the test messages get the decision `review`.",
        r.risk_table(test),
        "### What its thresholds can promise",
        "The thresholds above are those with the best F1 and promise nothing. Asked for a recall, "
        "`model.with_promise(recall=0.9)` or `cxnlp predict --promise LABEL=0.9` takes the one "
        "below, with which at least that share of the messages with the cause is found, with 95% "
        "confidence, for messages like the dev split's (risk control, Bates et al. 2021). A lower "
        "threshold finds more and is wrong more often.",
        r.promises_table(report["promises"]),
        "### Evidence",
        r.evidence_sentence(report.get("evidence", {})),
        *(
            [
                "### Cascade",
                'With `mode="auto"` the words answer alone where they are sure, and the encoder '
                "reads the rest. The boundary was chosen on dev: the least work that loses at most "
                f"{LOSS} of the mean macro-F1.",
                r.cascade_table(report["cascade"]),
            ]
            if report.get("cascade")
            else []
        ),
        "### Agreement of two labellings",
        _agreement(report.get("agreement"), test),
        "## Environmental impact",
        _energy(report["candidates"], best),
        "## What was not measured",
        "- Real e-mail, chat and telephone messages: no open set exists.\n"
        "- Fairness between groups of writers: age, sex, origin and mastery of Dutch are not known "
        "of composed messages.\n"
        "- Drift: how fast the figures fall as products, words and complaints change.\n"
        "- What it does to the people who work with it, and whether the explanations help them.\n"
        "- Energy, with a meter, in training or in use.",
        "## Citation",
        "See `CITATION.cff`.",
    ]
    return "\n\n".join(parts) + "\n"


def _encoder(facts: Figures) -> str:
    return (
        f"The encoder is {facts['base']} (licence: {facts['licence']}), its vocabulary cut to the "
        f"{facts['vocabulary']:,} pieces that Dutch needs, {len(facts['settings']['layers'])} of its "
        f"layers kept ({facts['parameters'] / 1e6:.0f} million weights, int8), fine-tuned on "
        f"{facts['messages']:,} messages in {facts['seconds'] / 60:.0f} minutes, once for every fold "
        f"and once on all. Words and encoder are stacked: calibration has a slope for each."
        + (_quantisation(facts["quantisation"]) if "quantisation" in facts else "")
    )


def _quantisation(cost: Figures) -> str:
    whole, small = cost["float"], cost["int8"]
    return (
        f" What int8 costs the encoder, on {cost['messages']:,} messages of the dev split: causes "
        f"mean AP {whole['mean_ap']:.3f} in floating point and {small['mean_ap']:.3f} in int8, "
        f"macro-F1 {whole['causes_f1']:.3f} and {small['causes_f1']:.3f}, emotion accuracy "
        f"{whole['emotion_accuracy']:.3f} and {small['emotion_accuracy']:.3f}."
    )


def winner_of(report: Figures) -> Figures:
    """The figures of the candidate that a report's model is.

    Raises
    ------
    TrainingError
        If the report does not have it.
    """
    for candidate in report["candidates"]:
        if candidate["name"] == report["winner"]:
            found: Figures = candidate
            return found
    names = ", ".join(c["name"] for c in report["candidates"])
    raise TrainingError(
        f"The report names {report['winner']!r} as winner and has figures of {names}; write it "
        f"again with `make run`."
    )


def _front(test: Figures) -> str:
    """The front matter that the Hugging Face hub reads: YAML between two rules."""
    metrics = [
        line
        for name, title in r.SUMMARY.items()
        if (value := test["summary"][name]["value"]) is not None
        for line in (f"    - type: {name}", f"      name: '{title}'", f"      value: {value}")
    ]
    return "\n".join(
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
            "  - task:",
            "      type: text-classification",
            "    dataset:",
            "      name: cxnlp corpus (composed Dutch messages)",
            "      type: cxnlp-corpus",
            "      split: test",
            f"      args: {{n: {test['n']}}}",
            "    metrics:",
            *metrics,
            "---",
        ]
    )


def _names(labels: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in labels)


def _calibration(test: Figures) -> str:
    parts = []
    for kind in ("causes", "emotions"):
        errors = {name: f["ece"] for name, f in test[kind].items() if f["ece"] is not None}
        worst = max(errors, key=lambda name: errors[name])
        mean = sum(errors.values()) / len(errors)
        parts.append(f"{kind} {mean:.3f} on average, at most {errors[worst]:.3f} (`{worst}`)")
    return (
        "The expected calibration error of a label (ECE, ten groups of equally many messages; in "
        "the tables above) is how far its score is from the share of messages that have it: "
        f"{'; '.join(parts)}. It holds for messages like the test split's."
    )


def _contrast(candidates: Sequence[Figures], best: Figures) -> str:
    if not any(c.get("contrast") for c in candidates):
        return "Not measured in this run."
    return (
        "Two messages that differ in a few words and are labelled differently (negated, solved, "
        "asked, persuaded …); these pairs were not trained on.\n\n"
        + r.contrast_table(candidates)
        + f"\n\nThis model, by kind of pair:\n\n{r.contrast_kinds_table(best)}"
    )


def _agreement(agreement: Figures | None, test: Figures) -> str:
    if not agreement:
        return "Not measured in this run."
    return (
        f"{agreement['n']:,} messages of the corpus were labelled a second time, without sight of "
        f"the first labels: causes macro-F1 {r.short(agreement['causes_macro_f1'])} between the two, emotion accuracy "
        f"{r.short(agreement['emotion_accuracy'])} ({r.short(agreement['emotion_accuracy_alt'])} "
        f"when either's second emotion counts)."
        f"\n\n{r.agreement_table(agreement, test)}"
    )


def _energy(candidates: Sequence[Figures], best: Figures) -> str:
    every = sum(c["seconds"] for c in candidates)
    return (
        f"Training took {best['seconds']:,.0f} s of one core, and all {len(candidates)} candidates "
        f"together {every:,.0f} s, as the run timed them. At {_WATTS:.0f} W for a busy core with its "
        f"share of a server, which is an assumption and was not metered, that is an estimated "
        f"{_watt_hours(best['seconds'])} and {_watt_hours(every)}. Not in it: the learning curve, "
        f"measuring, and what others spent on pretrained parts, where a candidate has any."
    )


def _watt_hours(seconds: float) -> str:
    """Energy of so many seconds at the assumed power."""
    return f"{seconds * _WATTS / 3600:,.1f} Wh"


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
    best = winner_of(report)
    return {
        "candidates": f"Test split, n={best['test']['n']:,}, 95% intervals; written by "
        f"`make run`.\n\n" + r.candidates_table(report["candidates"], "test"),
        "causes": f"Test split, n={best['test']['n']:,}; written by `make run`.\n\n"
        + r.causes_table(best["test"]),
        "emotions": r.emotions_table(best["test"]),
        "contrast": f"{r.contrast_table(report['candidates'])}\n\nThe shipped model, by kind of "
        f"pair:\n\n{r.contrast_kinds_table(best)}",
    }


def evaluation_block(figures: Figures, what: str) -> str:
    """The README's block for messages that are not part of the project."""
    summary = r.table(
        ["", f"{what}, n={figures['n']:,} (95% interval)"],
        [[title, r.with_interval(figures["summary"][name])] for name, title in r.SUMMARY.items()],
    )
    return (
        f"The shipped model on {what}; written by `python -m training evaluate --data FILE "
        f"--readme WHAT`.\n\n{summary}\n\n{r.causes_table(figures)}\n\n{r.emotions_table(figures)}"
    )


def read_report(folder: str | Path) -> dict[str, Any]:
    """The report.json of a bundle or a run."""
    path = Path(folder) / "report.json"
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"No readable report at {str(path)!r}: {error}.") from error
    return report
