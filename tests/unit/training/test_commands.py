"""A company's own messages: checked, trained on, measured, compared, promoted, rolled back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import cxnlp
from training.__main__ import build_parser, main
from training.candidates import CONFIG
from training.corpus import load_corpus
from training.registry import Store


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV as an export would be: other column names, Dutch label names, some rows bad."""
    path = tmp_path_factory.mktemp("own") / "export.csv"
    records = load_corpus().records[::9][:420]
    names = cxnlp.labels.DEFAULT.dutch_names
    with path.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out, delimiter=";")
        rows.writerow(["nummer", "bericht", "oorzaken", "gevoel"])
        for r in records:
            rows.writerow([r.id, r.text, ", ".join(names[c] for c in r.causes), r.emotion])
        rows.writerow(["leeg", "", "", "neutral"])
        rows.writerow(["vreemd", "Waar blijft mijn pakket", "traagheid", "neutral"])
    return path


def columns(path: Path) -> list[str]:
    return [
        "--data", str(path), "--text", "bericht", "--causes", "oorzaken", "--emotion", "gevoel",
        "--id", "nummer", "--missing", "negative",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def trained(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        assert main(["train", *columns(own), "--output", str(folder / "model"), "--jobs", "1"]) == 0
    return folder / "model"


def test_every_verb_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    verbs = build_parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert set(verbs) >= {
        "run",
        "check",
        "train",
        "evaluate",
        "compare",
        "promote",
        "rollback",
        "card",
        "register",
    }
    for verb in verbs:
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        assert f"python -m training {verb}" in capsys.readouterr().out


def test_check_names_each_bad_row(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *columns(own)]) == 1
    out = capsys.readouterr().out
    assert "export.csv, row 421" in out
    assert "export.csv, row 422" in out
    assert "traagheid" in out
    assert "420 messages can be used; 2 problems." in out


def test_check_asks_what_an_empty_cell_means(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", *columns(own)[:-2]])
    assert "negative" in capsys.readouterr().out


def test_a_wrong_column_says_which_there_are(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--data", str(own), "--text", "tekst", "--missing", "negative"]) == 2
    err = capsys.readouterr().err
    assert "tekst" in err
    assert "bericht" in err


def test_a_trained_model_is_a_model(trained: Path) -> None:
    model = cxnlp.load(trained)
    assert model.predict("Mijn pakket is niet bezorgd").decision in {"accept", "review", "none"}
    assert (trained / "README.md").read_text(encoding="utf-8").startswith("---\nlanguage: nl")
    assert (
        json.loads((trained / "report.json").read_text(encoding="utf-8"))["version"]
        == model.version
    )


def test_a_stacked_model_can_be_trained_on_own_messages(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    fused = str(CONFIG / "fused.toml")
    options = ["--config", fused, "--output", str(tmp_path / "model"), "--jobs", "1"]
    assert main(["train", *columns(own), *options]) == 0
    assert cxnlp.load(tmp_path / "model", mode="auto").version.endswith(".auto")


def test_check_tells_an_id_twice_and_labels_that_contradict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,text,causes,emotion\n1,Waar blijft mijn pakket,delivery,impatience\n"
        "1,Waar blijft mijn pakket?,,neutral\n2,👍,,gratitude\n3,!!!,,anger\n",
        encoding="utf-8",
    )
    assert main(["check", "--data", str(path), "--missing", "negative"]) == 1
    out = capsys.readouterr().out
    assert "mine.csv, row 2: The id '1' is used before" in out
    assert "mine.csv, row 2: The same text has other labels" in out
    assert "4 messages can be used; 2 problems." in out


def test_no_processes_is_wrong_use(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", *columns(own), "--jobs", "0"])
    assert "expected 1 or more" in capsys.readouterr().err


def test_evaluate_prints_figures_with_n(
    own: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *columns(own), "--model", str(trained), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["n"] == 420
    assert 0 < figures["summary"]["macro_f1"]["value"] <= 1
    assert main(["evaluate", *columns(own), "--model", str(trained)]) == 0
    assert "n=420; 95% intervals" in capsys.readouterr().out


def test_compare_prints_the_difference(
    own: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(trained), str(trained), *columns(own), "--whole"]) == 0
    whole = capsys.readouterr().out
    assert "n=420" in whole
    assert "+0.000 (+0.000 to +0.000)" in whole
    assert main(["compare", str(trained), str(trained), *columns(own)]) == 0
    shown = capsys.readouterr().out
    n = int(shown.partition("On the test split of export.csv, n=")[2].partition(";")[0])
    assert 20 < n < 84


def test_promote_and_the_ledger(
    own: Path,
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    store = Store(models=tmp_path / "models", cache=tmp_path / "models" / ".cache")
    code = main(["promote", str(trained), *columns(own), "--models", str(store.models)])
    out = capsys.readouterr().out
    assert "F1 of every label" in out
    # Four hundred messages may not reach the floors; either way the gate decides, nobody else.
    if code == 0:
        assert cxnlp.load(store.champion).version == cxnlp.load(trained).version
        [line] = store.ledger.read_text(encoding="utf-8").splitlines()
        assert json.loads(line)["event"] == "promoted"
    else:
        assert "is refused" in out
        assert not store.champion.exists()


def test_another_taxonomy_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    labels = tmp_path / "labels.toml"
    labels.write_text(
        'neutral = "rustig"\n'
        '[[causes]]\nname = "late"\ndutch = "te laat"\n[[causes]]\nname = "rude"\ndutch = "onbeleefd"\n'
        '[[emotions]]\nname = "rustig"\ndutch = "rustig"\n[[emotions]]\nname = "boos"\ndutch = "boos"\n',
        encoding="utf-8",
    )
    data = tmp_path / "data.jsonl"
    with data.open("w", encoding="utf-8") as out:
        for r in load_corpus().records[::10][:400]:
            ours = (("delivery", "late"), ("disrespect", "rude"))
            causes = [own for cause, own in ours if cause in r.causes]
            emotion = "boos" if r.causes else "rustig"
            row = {"id": r.id, "text": r.text, "causes": causes, "emotion": emotion}
            out.write(json.dumps(row) + "\n")
    assert (
        main(
            [
                "train",
                "--data",
                str(data),
                "--taxonomy",
                str(labels),
                "--output",
                "model",
                "--jobs",
                "1",
            ]
        )
        == 0
    )
    model = cxnlp.load("model")
    assert model.classes_ == ("late", "rude")
    answer = model.with_thresholds({"late": 0.01}).predict("pakket niet bezorgd").to_dict()
    assert answer["causes"][0]["name"] == "te laat"
    assert answer["emotion"]["label"] in {"rustig", "boos"}


def test_an_unknown_candidate_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--only", "magic"]) == 2
    assert "Unknown candidate 'magic'; known are" in capsys.readouterr().err
