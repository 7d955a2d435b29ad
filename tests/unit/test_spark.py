"""Predictions on a real local Spark, and the frame around them."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cxnlp import Classifier
from cxnlp.errors import BundleError, InputError
from cxnlp.spark import add_predictions, record_type

TEXTS = [
    "Dinsdag zou de monteur komen, niemand gezien",
    "Jullie hebben dubbel afgeschreven, oplichters 😡",
    "",
    "The delivery was late and nobody called me back about it",
    "Heel blij met de snelle levering, dank jullie wel",
]


def records(frame: Any, column: str = "cxnlp") -> list[dict[str, Any]]:
    return [row[column].asDict(recursive=True) for row in frame.collect()]


def wire(model: Classifier, texts: list[Any], **options: Any) -> list[dict[str, Any]]:
    return [one.to_dict() for one in model.predict(texts, **options)]


@pytest.fixture(scope="module")
def messages(spark: Any) -> Any:
    rows = [(i, text) for i, text in enumerate(TEXTS)]
    return spark.createDataFrame(rows, "nr long, text string").coalesce(1)


@pytest.mark.parametrize("explain", [False, True])
def test_records_are_the_wire_form(
    messages: Any, tiny_model: Classifier, tiny_bundle: Path, explain: bool
) -> None:
    labelled = add_predictions(messages, model=tiny_bundle, explain=explain, id_col="nr")
    expected = wire(tiny_model, TEXTS, explain=explain, ids=range(len(TEXTS)))
    assert records(labelled) == expected
    assert bool(expected[0]["causes"][0]["evidence"]) is explain
    assert labelled.schema["cxnlp"].dataType.fieldNames() == list(expected[0])
    assert labelled.schema["cxnlp"].dataType["id"].dataType == messages.schema["nr"].dataType


def test_fields_of_the_record_are_columns(messages: Any, tiny_model: Classifier) -> None:
    labelled = add_predictions(messages, model=tiny_model).filter(
        "cxnlp.decision != 'out_of_scope'"
    )
    found = labelled.select("cxnlp.scores.causes.billing", "cxnlp.causes.label").collect()
    kept = [one for one in wire(tiny_model, TEXTS) if one["decision"] != "out_of_scope"]
    assert [row["billing"] for row in found] == [one["scores"]["causes"]["billing"] for one in kept]
    assert [row["label"] for row in found] == [[c["label"] for c in one["causes"]] for one in kept]


def test_a_model_with_thresholds_of_its_own(messages: Any, tiny_model: Classifier) -> None:
    keen = tiny_model.with_thresholds(dict.fromkeys(tiny_model.classes_, 0.05))
    assert records(add_predictions(messages, model=keen)) == wire(keen, TEXTS)
    assert wire(keen, TEXTS) != wire(tiny_model, TEXTS)


def test_other_columns_stay_as_they_are(spark: Any, tiny_model: Classifier) -> None:
    rows = spark.sql(
        """
        SELECT * FROM VALUES
          (1, 'Waar blijft mijn pakket?', 1.50BD, TIMESTAMP '2024-03-31 02:30:00', DATE '2024-02-29',
           ARRAY(1, NULL), MAP('a', 1.5D), STRUCT('x' AS a, NULL AS b), X'00FF', TRUE, 1Y, NULL),
          (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
        AS t(`a.b`, text, money, moment, day, list, map, struct, bytes, flag, tiny, nothing)
        """
    )
    before = rows.withMetadata("money", {"unit": "EUR"})
    after = add_predictions(before, model=tiny_model)
    assert after.columns == [*before.columns, "cxnlp"]
    assert after.drop("cxnlp").schema == before.schema
    assert after.schema["money"].metadata == {"unit": "EUR"}
    assert after.drop("cxnlp").collect() == before.collect()
    assert before.first()["day"] == datetime.date(2024, 2, 29)


def test_columns_of_the_same_name(spark: Any, tiny_model: Classifier) -> None:
    twice = spark.sql("SELECT 'Waar blijft mijn pakket?' AS text, 1 AS n, 2 AS n")
    [row] = add_predictions(twice, model=tiny_model).collect()
    assert tuple(row)[1:3] == (1, 2)
    with pytest.raises(InputError, match="2 columns 'n'"):
        add_predictions(twice, model=tiny_model, id_col="n")


def test_a_null_is_out_of_scope_and_says_so(spark: Any, tiny_model: Classifier) -> None:
    frame = spark.sql("SELECT CAST(NULL AS STRING) AS text")
    [record] = records(add_predictions(frame, model=tiny_model))
    [expected] = wire(tiny_model, [None])
    expected["reasons"] = ["not_text: expected a string, got null"]
    assert record == expected
    assert record["decision"] == "out_of_scope"


def test_a_string_that_is_no_utf8_is_read_as_far_as_it_goes(
    spark: Any, tiny_model: Classifier
) -> None:
    frame = spark.sql("SELECT CAST(unhex('4465206661637475757220E96B6C6F7074') AS STRING) AS text")
    assert records(add_predictions(frame, model=tiny_model)) == wire(
        tiny_model, ["De factuur \ufffdklopt"]
    )


def test_an_empty_frame_keeps_its_type(messages: Any, tiny_model: Classifier) -> None:
    labelled = add_predictions(messages.limit(0), model=tiny_model, output_col="answer")
    assert labelled.collect() == []
    assert labelled.schema["answer"].dataType == record_type(tiny_model)


def test_many_rows_in_many_partitions(spark: Any, tiny_model: Classifier) -> None:
    rows = spark.range(5_000).selectExpr(
        "id", "concat('De factuur ', id, ' klopt niet, waar blijft mijn geld') AS text"
    )
    labelled = add_predictions(rows.repartition(3), model=tiny_model, id_col="id")
    found = {r["id"]: r for r in records(labelled)}
    ids = list(range(5_000))
    texts = [f"De factuur {i} klopt niet, waar blijft mijn geld" for i in ids]
    assert [found[i] for i in ids] == wire(tiny_model, texts, ids=ids)


def test_nothing_runs_until_it_is_asked_for(spark: Any, tiny_model: Classifier) -> None:
    broken = spark.sql("SELECT CAST(raise_error('it ran') AS STRING) AS text")
    labelled = add_predictions(broken, model=tiny_model)
    with pytest.raises(Exception, match="it ran"):
        labelled.collect()


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas")
def test_the_model_is_loaded_once_a_worker(spark: Any, tiny_model: Classifier) -> None:
    """Worker processes outlive tasks and queries, and keep the model that a query brought."""
    own = tiny_model.with_thresholds({"billing": 0.123})  # no other test has this model
    frame = spark.range(40).selectExpr("'pakket' AS text").repartition(20)
    for _ in range(2):
        add_predictions(frame, model=own).collect()

    def look(batches: Any) -> Any:
        import os

        import pyarrow as pa

        from cxnlp.spark import _arrived

        for _ in batches:
            info = _arrived.cache_info()
            row = {"pid": [os.getpid()], "hits": [info.hits], "loads": [info.misses]}
            yield pa.RecordBatch.from_pydict(row)

    seen = frame.mapInArrow(look, "pid long, hits long, loads long").distinct().collect()
    by_worker = {row["pid"]: row for row in seen}
    assert sum(row["hits"] for row in by_worker.values()) >= 40 - len(by_worker)
    models = 4  # of the tests until here: from the folder, as it is, two with own thresholds
    assert max(row["loads"] for row in by_worker.values()) <= models


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"text_col": "bericht"}, r"no column 'bericht'\. Its columns are: nr, text"),
        ({"text_col": "nr"}, "Column 'nr' holds bigint, expected string"),
        ({"id_col": "number"}, "no column 'number'"),
        ({"output_col": "Text"}, "has a column 'Text' already"),
    ],
)
def test_wrong_columns_are_named_at_once(
    messages: Any, tiny_model: Classifier, options: dict[str, str], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        add_predictions(messages, model=tiny_model, **options)


def test_a_missing_model_is_told_at_once(messages: Any) -> None:
    with pytest.raises(BundleError, match="No model folder at 'nowhere'"):
        add_predictions(messages, model="nowhere")


@pytest.mark.parametrize("package", ["pyspark", "pyarrow"])
def test_without_the_extra(package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from cxnlp.spark import add_predictions\n"
        "add_predictions(None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"needs the package '{package}'" in done.stderr
    assert 'pip install "cxnlp[spark]"' in done.stderr
