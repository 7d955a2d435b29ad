"""An archive on Spark: Parquet in, the same rows with a column of records out.

``python -m training.batch --input messages/ --output labelled/`` labels a Parquet folder, part
by part, on the cores of this machine or on a cluster (``--master``, or under ``spark-submit``;
any place that Spark can read and write). After an interruption the same command goes on with the
part that was not finished, and later it labels only the files that are new.

The output is one Parquet table, ``spark.read.parquet("labelled/")``, partitioned by
``cxnlp_part``; ``labelled/_cxnlp`` says which files each finished part holds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cxnlp
from cxnlp.classifier import Classifier
from cxnlp.errors import CxnlpError, InputError
from cxnlp.spark import add_predictions
from cxnlp.tables.tasks import Labelling
from training.spark_session import session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PART = "cxnlp_part"
_BYTES_A_CORE = 32 << 20  # of input in a part: a minute or two of work
_JOURNAL = "part int, files array<string>, bytes long, rows long, settings string"


@dataclass(frozen=True, slots=True)
class File:
    """A file of the archive and its size in bytes."""

    path: str
    bytes: int


def label_archive(
    spark: SparkSession,
    source: str,
    target: str,
    *,
    model: Classifier,
    text_column: str = "text",
    id_column: str | None = None,
    explain: bool = False,
    partitions: int | None = None,
    say: Callable[[str], None] = print,
) -> int:
    """Label the files of a Parquet folder that are not labelled yet.

    Parameters
    ----------
    source, target
        Folders, as Spark names them.
    partitions
        In how many parts to do what is left, at most one a file; by default by size.
    say
        Is told how far it is.

    Returns
    -------
    int
        Rows labelled by this call.

    Raises
    ------
    InputError
        If there is nothing to read, a column is missing, the target holds something else or was
        begun with other settings, or a file that was labelled has changed.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    if partitions is not None and partitions < 1:
        raise InputError(f"Expected 1 part or more, got {partitions}.")
    files = _files(spark, source)
    if not files:
        raise InputError(f"No files in {source!r}; expected a folder of Parquet files.")
    if f"{target.rstrip('/')}/".startswith(f"{source.rstrip('/')}/") or any(
        f"/{PART}=" in file.path for file in files
    ):
        raise InputError(f"{source!r} holds the output too. Give the output a folder of its own.")
    settings = {
        **Labelling(model, explain).identity(),
        "text_column": text_column,
        "id_column": id_column,
    }
    done = _journal(spark, target)
    left = _left(files, done, settings, target)
    schema = spark.read.parquet(source).schema
    cores = spark.sparkContext.defaultParallelism
    size = sum(file.bytes for file in left)
    parts = divide(left, partitions or 1 + size // (_BYTES_A_CORE * cores))
    first = max((row["part"] for row in done), default=-1) + 1
    if done:
        say(f"{len(done)} parts are labelled already, {len(parts)} are left.")
    start, rows, read = time.monotonic(), 0, 0
    for number, part in enumerate(parts, first):
        frame = spark.read.schema(schema).option("basePath", source)
        frame = frame.parquet(*(file.path for file in part))
        labelled = add_predictions(
            _spread(frame, cores), text_column, model, explain=explain, id_col=id_column
        )
        place = f"{target.rstrip('/')}/{PART}={number:05d}"
        try:
            labelled.write.mode("overwrite").parquet(place)
        except (PySparkException, Py4JError) as error:
            raise CxnlpError(
                f"Spark failed in part {number}:\n{_gist(str(error))}\nThe parts before it are "
                f"whole; the same command goes on with this one."
            ) from error
        found = spark.read.parquet(place).count()
        _note(spark, target, number, part, found, settings)
        rows, read = rows + found, read + sum(file.bytes for file in part)
        seconds = time.monotonic() - start
        say(
            f"part {number - first + 1} of {len(parts)}: {rows:,} rows, {rows / seconds:,.0f} a "
            f"second, {seconds * (size - read) / max(read, 1) / 60:,.0f} min left"
        )
    return rows


def divide(files: Sequence[File], parts: int) -> list[list[File]]:
    """Files in order as at most ``parts`` groups of about the same size, none of them empty."""
    total = sum(file.bytes for file in files) or 1
    groups: dict[int, list[File]] = {}
    before = 0
    for file in files:  # by where the middle of the file lies
        place = int((before + file.bytes / 2) / total * parts)
        groups.setdefault(min(place, parts - 1), []).append(file)
        before += file.bytes
    return list(groups.values())


def _files(spark: SparkSession, folder: str) -> list[File]:
    """Every file under a folder, sorted, whatever the file system; none where it is missing."""
    from pyspark.errors import AnalysisException

    listing = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    try:
        rows = listing.load(folder).select("path", "length").collect()
    except AnalysisException as error:
        if "PATH_NOT_FOUND" not in str(error):
            raise
        return []
    return sorted((File(row["path"], row["length"]) for row in rows), key=lambda file: file.path)


def _journal(spark: SparkSession, target: str) -> list[Any]:
    """What earlier calls finished."""
    from pyspark.errors import AnalysisException

    try:
        return list(spark.read.schema(_JOURNAL).parquet(f"{target}/_cxnlp").collect())
    except AnalysisException as error:
        if "PATH_NOT_FOUND" not in str(error):
            raise
    foreign = [file.path for file in _files(spark, target) if f"/{PART}=" not in file.path]
    if foreign:
        raise InputError(
            f"{target!r} holds something else ({foreign[0]}). Give an empty or new folder."
        )
    return []


def _note(
    spark: SparkSession,
    target: str,
    number: int,
    part: Sequence[File],
    rows: int,
    settings: Mapping[str, Any],
) -> None:
    """Write into the journal that a part is whole."""
    names = [f"{file.bytes} {file.path}" for file in part]
    row = (number, names, sum(file.bytes for file in part), rows, json.dumps(settings))
    frame = spark.createDataFrame([row], _JOURNAL).coalesce(1)
    frame.write.mode("append").parquet(f"{target}/_cxnlp")


def _left(
    files: Sequence[File], done: Sequence[Any], settings: Mapping[str, Any], target: str
) -> list[File]:
    """The files that no finished part holds."""
    for row in done:
        then = json.loads(row["settings"])
        other = [
            name for name in settings if json.dumps(settings[name]) != json.dumps(then.get(name))
        ]
        if other:
            raise InputError(
                f"{target!r} was begun with another {' and '.join(other)}. Give the same, or "
                f"another folder for the output."
            )
    sizes = dict(reversed(name.split(" ", 1)) for row in done for name in row["files"])
    for file in files:
        if int(sizes.get(file.path, file.bytes)) != file.bytes:
            raise InputError(
                f"{file.path} was labelled and has changed since. Give another folder for the "
                f"output, so that nothing is labelled twice."
            )
    return [file for file in files if file.path not in sizes]


def _spread(frame: DataFrame, cores: int) -> DataFrame:
    """The frame in enough partitions to keep every core at work; files may hold only one each."""
    wanted = 2 * cores
    return frame if frame.rdd.getNumPartitions() >= wanted else frame.repartition(wanted)


def _gist(message: str) -> str:
    """What Spark says went wrong, without the frames of Java and Python."""
    said = [line for line in message.splitlines() if line[:1].strip(" \t")]
    return "\n".join([line for line in said if not line.startswith("Traceback")][:5])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (0 done, 2 wrong use or failed, 130 interrupted)."""
    about, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m training.batch",
        description=about,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--input", required=True, metavar="DIR", help="folder of Parquet files")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the answers")
    parser.add_argument("--text-column", default="text", help="column of the message")
    parser.add_argument("--id-column", help="column that names the message")
    parser.add_argument("--explain", action="store_true", help="add the words that show a cause")
    parser.add_argument("--model", help="folder or models:/ URI (default: the champion)")
    parser.add_argument(
        "--partitions", type=int, metavar="N", help="parts to do it in (default: by size)"
    )
    parser.add_argument("--master", help="where Spark runs, such as local[4] (default: its own)")
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
    start = time.monotonic()
    try:
        model = cxnlp.load(options.model)
        progress = str(sys.stderr.isatty()).lower()
        rows = label_archive(
            session(options.master, {"spark.ui.showConsoleProgress": progress}),
            options.input,
            options.output,
            model=model,
            text_column=options.text_column,
            id_column=options.id_column,
            explain=options.explain,
            partitions=options.partitions,
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except CxnlpError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it was", file=sys.stderr)
        return 130
    print(f"{rows:,} rows labelled into {options.output} in {time.monotonic() - start:,.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
