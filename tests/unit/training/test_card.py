"""Figures get into the README and the card by a command, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxnlp.errors import TrainingError
from cxnlp.labels import DEFAULT
from training.card import fill_blocks, model_card, read_report, readme_blocks, winner_of
from training.report import short

CHAMPION = Path(__file__).parents[3] / "models" / "champion"
README = Path(__file__).parents[3] / "README.md"


def test_a_block_is_replaced_and_the_rest_is_left(tmp_path: Path) -> None:
    path = tmp_path / "r.md"
    path.write_text("a\n<!-- figures:x -->\nold\n<!-- end -->\nb\n", encoding="utf-8")
    assert fill_blocks(path, {"x": "new"})
    assert path.read_text(encoding="utf-8") == "a\n<!-- figures:x -->\nnew\n<!-- end -->\nb\n"
    assert not fill_blocks(path, {"x": "new"})


def test_a_missing_block_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.md"
    path.write_text("nothing", encoding="utf-8")
    with pytest.raises(TrainingError, match="figures:x"):
        fill_blocks(path, {"x": "new"})


def tables(card: str) -> list[str]:
    return [line for line in card.splitlines() if line.startswith("|")]


def test_the_card_of_the_champion_has_the_figures_of_its_report() -> None:
    # Its words may be of an earlier day: a bundle's files are sealed when it is made.
    report = read_report(CHAMPION)
    card = (CHAMPION / "README.md").read_text(encoding="utf-8")
    assert set(tables(card)) <= set(tables(model_card(report, DEFAULT)))
    assert f"`{report['version']}`" in card


@pytest.fixture(scope="module")
def card() -> str:
    return model_card(read_report(CHAMPION), DEFAULT)


def test_the_sections_are_those_of_a_hugging_face_card(card: str) -> None:
    sections = [line[3:] for line in card.splitlines() if line.startswith("## ")]
    assert sections == [
        "Model details",
        "Uses",
        "Bias, risks and limitations",
        "How to get started",
        "Training details",
        "Evaluation",
        "Environmental impact",
        "What was not measured",
        "Citation",
    ]


def test_the_front_matter_is_read_by_the_hub(card: str) -> None:
    from huggingface_hub import ModelCard

    report = read_report(CHAMPION)
    data = ModelCard(card).data
    assert (data.language, data.license, data.pipeline_tag) == (
        "nl",
        "apache-2.0",
        "text-classification",
    )
    assert data.eval_results is not None
    found = {e.metric_type: e.metric_value for e in data.eval_results}
    assert found["macro_f1"] == winner_of(report)["test"]["summary"]["macro_f1"]["value"]
    assert {e.dataset_split for e in data.eval_results} == {"test"}


def test_every_label_has_n_interval_threshold_and_calibration(card: str) -> None:
    test = winner_of(read_report(CHAMPION))["test"]
    for name, f in {**test["causes"], **test["emotions"]}.items():
        assert f"| `{name}` | {f['n']} |" in card
        assert f"({short(f['f1_low'])} to {short(f['f1_high'])})" in card
    worst = max(test["causes"], key=lambda name: test["causes"][name]["ece"])
    assert f"at most {test['causes'][worst]['ece']:.3f} (`{worst}`)" in card
    assert "| cause | n | precision | recall | F1 (95% interval) | AP | ECE | threshold |" in card


def test_the_card_says_where_it_stands_in_law(card: str) -> None:
    for part in ("3(39)", "biometric data", "5(1)(f)", "no legal advice", "A person decides"):
        assert part in card


def test_people_stand_beside_the_model(card: str) -> None:
    report = read_report(CHAMPION)
    people = report["agreement"]["causes"]["billing"]
    model = winner_of(report)["test"]["causes"]["billing"]
    assert (
        f"| `billing` | {short(people['f1'])} ({short(people['kappa'])}) | {short(model['f1'])} ("
        in card
    )


def test_energy_is_the_time_of_the_run_and_said_to_be_an_estimate() -> None:
    report = {**read_report(CHAMPION)}
    report["candidates"] = [{**winner_of(report), "seconds": 1800.0}]
    card = model_card(report, DEFAULT)
    assert "took 1,800 s of one core" in card
    assert "At 20 W" in card
    assert "estimated 10.0 Wh and 10.0 Wh" in card
    assert "an assumption and was not metered" in card


def test_what_was_not_measured_is_said() -> None:
    report = {**read_report(CHAMPION), "agreement": None}
    report["candidates"] = [{**c, "contrast": None} for c in report["candidates"]]
    assert model_card(report, DEFAULT).count("Not measured in this run.") == 2


def test_a_report_without_its_winner_is_a_clear_error() -> None:
    with pytest.raises(TrainingError, match="'magic' as winner and has figures of"):
        winner_of({**read_report(CHAMPION), "winner": "magic"})


def test_the_readme_has_the_champions_figures() -> None:
    text = README.read_text(encoding="utf-8")
    for name, block in readme_blocks(read_report(CHAMPION)).items():
        assert f"<!-- figures:{name} -->\n{block}\n<!-- end -->" in text, (
            f"{name}: run training card"
        )


def test_no_report_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="No readable report"):
        read_report(tmp_path)
