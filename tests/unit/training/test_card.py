"""Figures get into the README and the card by a command, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxnlp.errors import TrainingError
from cxnlp.labels import DEFAULT
from training.card import fill_blocks, model_card, read_report, readme_blocks

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


def test_the_card_of_the_champion_is_what_its_report_gives() -> None:
    card = (CHAMPION / "README.md").read_text(encoding="utf-8")
    assert card == model_card(read_report(CHAMPION), DEFAULT)
    for section in ("Uses", "Training data", "Evaluation", "Bias, risks and limitations"):
        assert f"## {section}" in card


def test_the_readme_has_the_champions_figures() -> None:
    text = README.read_text(encoding="utf-8")
    for name, block in readme_blocks(read_report(CHAMPION)).items():
        assert f"<!-- figures:{name} -->\n{block}\n<!-- end -->" in text, (
            f"{name}: run training card"
        )


def test_no_report_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="No readable report"):
        read_report(tmp_path)
