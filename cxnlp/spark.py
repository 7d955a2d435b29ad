"""Predictions as a column of a Spark frame, through Arrow; the extra ``spark``.

::

    from cxnlp.spark import add_predictions

    labelled = add_predictions(spark.read.parquet("messages"), text_col="bericht", id_col="id")
    labelled.select("id", "cxnlp.decision", "cxnlp.causes.label").show()

The model travels inside the query, as the files of its bundle: executors need `cxnlp` installed,
and neither the model folder nor the extra's pandas. A worker process loads it once.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cxnlp import bundle as _bundle
from cxnlp.classifier import Classifier, load
from cxnlp.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType, StructType

_ROWS = 1_000  # labelled at a time, whatever the size of Spark's batches, to bound memory
_NULL = "not_text: expected a string, got null"


def add_predictions(
    df: DataFrame,
    text_col: str = "text",
    model: Classifier | str | Path | None = None,
    output_col: str = "cxnlp",
    *,
    explain: bool = False,
    id_col: str | None = None,
) -> DataFrame:
    """Add a struct column with the record of each message; every other column stays as it is.

    Lazy, as Spark is: nothing runs until the result is asked for. Works on streams too.

    Parameters
    ----------
    df
        Any frame; the column of texts holds strings. A null is answered ``out_of_scope``.
    text_col
        Name of the column of texts.
    model
        What `cxnlp.load` takes, or a loaded model (with thresholds of one's own, for one). It is
        read here, on the driver.
    output_col
        Name of the new column, of the type `record_type`.
    explain
        Whether to look for the words that show each cause (about as long again).
    id_col
        Column whose values become the ``id`` of the records; without it they have none.

    Raises
    ------
    InputError
        If a column is missing, is there twice, or holds something else than strings.
    BundleError
        If there is no such model.
    MissingExtraError
        If Spark or Arrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401
        from pyspark.sql.pandas.types import to_arrow_type
        from pyspark.sql.types import StringType, StructField, StructType
    except ImportError as error:
        package = (error.name or "pyspark").partition(".")[0]
        raise MissingExtraError(package, "spark", "Labelling a Spark frame") from error
    names = list(df.columns)
    text = _position(names, text_col)
    text_type = df.schema[text].dataType
    if not isinstance(text_type, StringType):
        raise InputError(
            f"Column {text_col!r} holds {text_type.simpleString()}, expected string. "
            f"Cast it first, or name the column of the texts with text_col."
        )
    if output_col.lower() in (name.lower() for name in names):  # Spark does not tell case apart
        raise InputError(
            f"The frame has a column {output_col!r} already. Drop it, or give another output_col."
        )
    loaded = model if isinstance(model, Classifier) else load(model)
    id_position = None if id_col is None else _position(names, id_col)
    id_type = StringType() if id_position is None else df.schema[id_position].dataType
    record = record_type(loaded, id_type)
    labeller = _Labeller(_ship(loaded), text, id_position, explain, to_arrow_type(record))
    with warnings.catch_warnings():
        # Of pandas 3, which Spark loads here and does not use: the rows go through Arrow alone.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        # By position, since Spark looks names up and trips over dots and doubles.
        return df.toDF(*(f"c{i}" for i in range(len(names)))).mapInArrow(
            labeller, StructType([*df.schema.fields, StructField(output_col, record)])
        )


def record_type(model: Classifier, id_type: DataType | None = None) -> StructType:
    """The wire form (`Prediction.to_dict`) as a Spark type.

    Parameters
    ----------
    model
        Its labels name the fields of ``scores.causes`` and ``scores.emotions``.
    id_type
        Type of ``id``; a string by default.
    """
    from pyspark.sql.types import ArrayType, DoubleType, IntegerType, StringType, StructType

    text, number = StringType(), DoubleType()

    def struct(**fields: Any) -> StructType:
        made = StructType()
        for name, kind in fields.items():
            made.add(name, kind)
        return made

    evidence = struct(start=IntegerType(), end=IntegerType(), text=text, weight=number)
    cause = struct(
        label=text, name=text, score=number, threshold=number, evidence=ArrayType(evidence)
    )
    return struct(
        id=id_type or text,
        causes=ArrayType(cause),
        emotion=struct(label=text, name=text, score=number),
        scores=struct(
            causes=struct(**dict.fromkeys(model.classes_, number)),
            emotions=struct(**dict.fromkeys(model.emotion_classes_, number)),
        ),
        decision=text,
        reasons=ArrayType(text),
        language=text,
        model=struct(name=text, version=text),
    )


@dataclass(frozen=True)
class _Shipped:
    """The files of a bundle, on their way to the workers; equal when their content is."""

    digest: str
    cascade: bool
    files: dict[str, bytes] = field(compare=False, repr=False)


def _ship(model: Classifier) -> _Shipped:
    with TemporaryDirectory() as folder:
        _bundle.save(model.bundle, Path(folder) / "model")
        files = {file.name: file.read_bytes() for file in (Path(folder) / "model").iterdir()}
    # The manifest holds the digests of all the others.
    return _Shipped(hashlib.sha256(files[_bundle.MANIFEST]).hexdigest(), model.cascade, files)


@lru_cache(maxsize=4)
def _arrived(shipped: _Shipped) -> Classifier:
    """The model, loaded once a worker process."""
    with TemporaryDirectory() as folder:
        for name, content in shipped.files.items():
            (Path(folder) / name).write_bytes(content)
        return load(folder, mode="auto" if shipped.cascade else None)


@dataclass(frozen=True)
class _Labeller:
    """What runs on the workers: batches in, the same batches with one more column out."""

    shipped: _Shipped
    text: int
    id: int | None
    explain: bool
    type: Any

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        model = _arrived(self.shipped)
        for batch in batches:
            for start in range(0, batch.num_rows, _ROWS):
                rows = batch.slice(start, _ROWS)
                records = pa.array(self._records(model, rows), self.type)
                yield pa.RecordBatch.from_arrays(
                    [*rows.columns, records], [*rows.schema.names, "record"]
                )

    def _records(self, model: Classifier, rows: Any) -> list[dict[str, Any]]:
        # Spark does not check that a string is UTF-8, and Arrow fails on one that is not.
        raw = rows.column(self.text).cast("binary").to_pylist()
        texts = [None if text is None else text.decode("utf-8", "replace") for text in raw]
        ids = None if self.id is None else rows.column(self.id).to_pylist()
        records = [one.to_dict() for one in model.predict(texts, explain=self.explain, ids=ids)]
        for text, record in zip(texts, records, strict=True):
            if text is None:  # a position in a batch would say nothing
                record["reasons"] = [_NULL]
        return records


def _position(names: list[str], name: str) -> int:
    if names.count(name) != 1:
        found = f"{names.count(name)} columns" if name in names else "no column"
        raise InputError(f"The frame has {found} {name!r}. Its columns are: {', '.join(names)}.")
    return names.index(name)
