"""One answer, whatever the door: the same messages through each of them, whole records compared."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cxnlp import Classifier
from cxnlp.text import MAX_CHARS

CORPUS = Path(__file__).parents[2] / "training" / "data" / "messages"
Records = list[dict[str, Any]]

BAD = [
    "",
    "   \n\t ",
    "😡😡",
    "?!",
    "Die Lieferung kam zu spät und niemand hat mich zurückgerufen, das ist eine Frechheit",
    "The delivery was late and nobody called me back about it",
    "Waar blijft mijn pakket? 👨‍👩‍👧 Ik wacht al een week 😡 e\u0301n ik wil mijn geld terug!",
    "Mail me op jan.jansen@example.nl of bel 06-12345678, NL91 ABNA 0417 1643 00",
    "regel een\r\nregel twee\x00\x07 \u200bonzichtbaar, \ufeff\u202eomgekeerd",
    "Jullie komen nooit een afspraak na. " * (MAX_CHARS // 30),  # read in part
    '{"text": "geen json", "explain": true} <script>alert(1)</script>; "a";"b"',
]


@pytest.fixture(scope="module")
def messages() -> dict[str, str]:
    """The texts by id: 200 of the corpus, a fixed step apart, and the bad kinds."""
    texts = [
        json.loads(line)["text"]
        for file in sorted(CORPUS.glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    chosen = texts[:: len(texts) // 200][:200]
    assert len(set(chosen)) == 200
    return {f"m{i}": text for i, text in enumerate([*chosen, *BAD])}


@pytest.fixture(scope="module")
def expected(messages: dict[str, str], tiny_model: Classifier) -> Records:
    """What the library says, as it travels."""
    answers = tiny_model.predict(list(messages.values()), explain=True, ids=list(messages))
    return [one.to_dict() for one in answers]


@pytest.fixture(scope="module")
def without_ids(expected: Records) -> Records:
    return [{**record, "id": None} for record in expected]


def test_the_messages_show_every_kind_of_answer(expected: Records) -> None:
    assert {record["decision"] for record in expected} == {
        "accept",
        "review",
        "none",
        "out_of_scope",
    }
    assert any(len(record["causes"]) > 1 for record in expected)
    assert any(cause["evidence"] for record in expected for cause in record["causes"])
    assert any("truncated" in reason for record in expected for reason in record["reasons"])


def test_one_by_one(messages: dict[str, str], expected: Records, tiny_model: Classifier) -> None:
    found = [
        tiny_model.predict(text, explain=True, ids=name).to_dict()
        for name, text in messages.items()
    ]
    assert found == expected


def test_json_changes_nothing(expected: Records) -> None:
    assert json.loads(json.dumps(expected)) == expected


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_command_line(
    messages: dict[str, str], expected: Records, tiny_bundle: Path, tmp_path: Path, jobs: str
) -> None:
    from cxnlp.cli import main

    source, target = tmp_path / "messages.jsonl", tmp_path / "answers.jsonl"
    rows = (json.dumps({"id": name, "text": text}) for name, text in messages.items())
    source.write_text("\n".join(rows), encoding="utf-8")
    files = ["--input", str(source), "--output", str(target), "--jobs", jobs]
    code = main(["predict", *files, "--explain", "--model", str(tiny_bundle)])
    found = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert (code, found) == (0, expected)


def test_rest(
    messages: dict[str, str], expected: Records, without_ids: Records, tiny_bundle: Path
) -> None:
    from fastapi.testclient import TestClient

    from cxnlp.server.app import create_app
    from cxnlp.server.settings import Settings

    asked = {
        "messages": [{"id": name, "text": text} for name, text in messages.items()],
        "explain": True,
    }
    # By default this door refuses what the others read the beginning of.
    settings = Settings(model=str(tiny_bundle), max_characters=2 * MAX_CHARS)
    with TestClient(create_app(settings)) as client:
        answer = client.post("/predict", json=asked)
        assert answer.status_code == 200, answer.text
        assert answer.json()["predictions"] == expected
        one = client.post("/predict", json={"text": messages["m0"], "explain": True})
        assert one.json()["predictions"] == without_ids[:1]
        as_mlflow = {"inputs": list(messages.values()), "params": {"explain": True}}
        answer = client.post("/invocations", json=as_mlflow)
        assert answer.json()["predictions"] == without_ids


@pytest.fixture(scope="module")
def logged(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """MLflow, and the URI of the model that was logged to it."""
    from training import experiments, tracking

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "STORE", tmp_path_factory.mktemp("store"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(sys, "path", list(sys.path))
        uri = tracking.log_model(tiny_bundle)
        patch.setenv("MLFLOW_TRACKING_URI", tracking.tracking_uri())
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow

        yield mlflow, uri


def test_pyfunc(messages: dict[str, str], without_ids: Records, logged: Any) -> None:
    mlflow, uri = logged
    found = mlflow.pyfunc.load_model(uri).predict(
        list(messages.values()), params={"explain": True, "recall": 0.0}
    )
    assert [one.model_dump() for one in found] == without_ids


def test_spark(spark: Any, messages: dict[str, str], expected: Records, tiny_bundle: Path) -> None:
    from cxnlp.spark import add_predictions

    frame = spark.createDataFrame(list(messages.items()), "id string, text string").repartition(3)
    labelled = add_predictions(frame, model=tiny_bundle, explain=True, id_col="id")
    rows = {row["id"]: row["cxnlp"].asDict(recursive=True) for row in labelled.collect()}
    assert [rows[name] for name in messages] == expected


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas")
def test_spark_udf(spark: Any, messages: dict[str, str], without_ids: Records, logged: Any) -> None:
    mlflow, uri = logged
    frame = spark.createDataFrame(list(messages.items()), "id string, text string")
    predict = mlflow.pyfunc.spark_udf(
        spark, uri, env_manager="local", params={"explain": True, "recall": 0.0}
    )
    labelled = frame.withColumn("record", predict("text")).collect()
    rows = {row["id"]: row["record"].asDict(recursive=True) for row in labelled}
    assert [rows[name] for name in messages] == without_ids


@pytest.mark.parametrize("processes", [1, 2])
def test_spacy(
    messages: dict[str, str], without_ids: Records, tiny_bundle: Path, processes: int
) -> None:
    import spacy

    nlp = spacy.blank("nl")
    nlp.add_pipe("cxnlp", config={"model": str(tiny_bundle)})
    docs = nlp.pipe(messages.values(), batch_size=50, n_process=processes)
    assert [doc._.cxnlp for doc in docs] == without_ids
