import json
from dataclasses import replace
from pathlib import Path

import pytest

from cxnlp.errors import TrainingError
from cxnlp.record import Record
from training.corpus import DATA, lines, message_files, parse
from training.manner import PUBLIC, compare, mask, read_real, traits


@pytest.fixture(scope="module")
def public() -> list[Record]:
    """Shipped reviews and posts."""
    found = [Record.from_dict(parse(line)) for p in message_files(DATA) for _, line in lines(p)]
    return [r for r in found if r.channel in PUBLIC][:300]


def hurried(text: str) -> str:
    """The same message in another manner."""
    return text.replace(". ", "...").replace(", ", " ,").lower() + "!!"


def test_mask_hides_the_subject_and_keeps_the_manner() -> None:
    assert mask("Gisteren 45 min gewacht bij BOL.. NIET doen!! 😡") == (
        "Gisteren 99 w w bij WW.. NIET doen!! ☺"
    )
    assert mask("De monteur van Ziggo kwam niet") == mask("De koerier van Bpost kwam niet")
    assert mask("") == ""


def test_traits_are_rates() -> None:
    figures = traits("Slecht!! Nooit meer (2 uur gewacht)...")
    assert figures["exclamation marks per 100 words"] == 40
    assert figures["numbers per 100 words"] == 20
    assert figures["has «!!»"] == figures["has «...»"] == 1
    assert set(traits("")) == set(figures)


def test_the_same_manner_cannot_be_told_apart(public: list[Record]) -> None:
    found = compare(public[::2], [r.text for r in public[1::2]])
    assert 0.32 < found.auc < 0.68
    assert 0.32 < found.auc_matched < 0.68
    assert found.n == len(public[1::2])


def test_another_manner_is_told_apart_and_named(public: list[Record]) -> None:
    real = [hurried(r.text) for r in public[1::2]]
    found = compare(public[::2], real)
    assert found.auc > 0.95
    assert found.auc_without_length > 0.95
    told = " ".join(t.name for t in found.towards_real)
    assert "space before a mark" in told
    assert "!" in told
    assert all(t.weight > 0 for t in found.towards_real)
    assert all(t.weight < 0 for t in found.towards_composed)
    assert "AUC" in found.to_text()
    assert compare(public[::2], real) == found


def test_other_channels_do_not_count(public: list[Record]) -> None:
    real = [hurried(r.text) for r in public[1:80:2]]
    letters = [replace(r, channel="letter", text=hurried(r.text)) for r in public[:100]]
    assert compare([*public[::2], *letters], real) == compare(public[::2], real)


def test_real_messages_are_read_from_public_channels(tmp_path: Path) -> None:
    path = tmp_path / "real.jsonl"
    rows = [{"text": "a", "channel": "review"}, {"text": "b", "channel": "form"}, {"text": "c"}]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert read_real(path) == ["a", "c"]
    path.write_text('{"tekst": "a"}\n')
    with pytest.raises(TrainingError, match=r"real.jsonl: KeyError\('text'\); expected JSON lines"):
        read_real(path)
    with pytest.raises(TrainingError, match="Cannot read real messages"):
        read_real(tmp_path / "none.jsonl")


def test_too_few_messages_are_refused(public: list[Record]) -> None:
    with pytest.raises(TrainingError, match="got 3 and 300"):
        compare(public, ["a", "b", "c"])
