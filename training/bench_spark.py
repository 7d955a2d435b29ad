"""What labelling many rows costs: one process, joblib over files, and Spark, in one run.

``python -m training.bench_spark`` labels Parquet into Parquet, since that is what an archive asks
for, with 2,000, 20,000 and 200,000 rows, each way on two cores at most. The rows are the corpus'
messages over and over, each with a word of its own, so that no message comes twice. Starting Spark
and joblib's processes and loading the model there is measured apart, by a first small run.
"""

from __future__ import annotations

import argparse
import itertools
import string
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cxnlp
from cxnlp.classifier import Classifier
from cxnlp.spark import add_predictions, record_type
from training.card import fill_blocks
from training.corpus import load_corpus
from training.report import table
from training.spark_session import session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parent.parent
SIZES = (2_000, 20_000, 200_000)
_WARM = 200  # rows of the run that starts everything
_FILES = 40
_CHUNK = 1_000  # rows labelled at a time, as `cxnlp.spark` does
_JOBS = 2

Way = Callable[[str | None, Path, Path], None]


@dataclass(frozen=True, slots=True)
class Timing:
    """What one way took for so many rows; 0 rows stands for starting it."""

    way: str
    rows: int
    seconds: float


def write_rows(texts: Sequence[str], rows: int, folder: Path) -> None:
    """Write an archive of ``rows`` different messages as Parquet files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    words = ("".join(letters) for letters in itertools.product(string.ascii_lowercase, repeat=5))
    numbered = zip(range(rows), itertools.cycle(texts), words, strict=False)
    every = -(-rows // _FILES)
    for number in range(-(-rows // every)):
        some = [(i, f"{text} ({word})") for i, text, word in itertools.islice(numbered, every)]
        columns = dict(zip(("id", "text"), map(list, zip(*some, strict=True)), strict=True))
        pq.write_table(pa.table(columns), folder / f"{number:03d}.parquet")


def label_file(model: Classifier, source: Path, target: Path) -> None:
    """Label a Parquet file into another one, without Spark."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = _arrow_type(model)
    rows = pq.read_table(source)
    labelled = []
    for batch in rows.to_batches(max_chunksize=_CHUNK):
        answers = model.predict(batch.column("text"), ids=batch.column("id").to_pylist())
        labelled.append(pa.array([one.to_dict() for one in answers], kind))
    target.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows.append_column("cxnlp", pa.chunked_array(labelled)), target / source.name)


@lru_cache(maxsize=1)
def _arrow_type(model: Classifier) -> Any:
    from pyspark.sql.pandas.types import to_arrow_type
    from pyspark.sql.types import LongType

    return to_arrow_type(record_type(model, LongType()))


@lru_cache(maxsize=1)
def _model(name: str | None) -> Classifier:
    """The model, loaded once a process."""
    return cxnlp.load(name)


def _label_in_worker(model: str | None, source: Path, target: Path) -> None:
    label_file(_model(model), source, target)


def _one_process(model: str | None, source: Path, target: Path) -> None:
    for file in sorted(source.iterdir()):
        label_file(_model(model), file, target)


def _joblib(model: str | None, source: Path, target: Path) -> None:
    from joblib import Parallel, delayed

    files = sorted(source.iterdir())
    Parallel(n_jobs=_JOBS)(delayed(_label_in_worker)(model, file, target) for file in files)


def _spark(model: str | None, source: Path, target: Path) -> None:
    spark: SparkSession = session(f"local[{_JOBS}]", {"spark.ui.showConsoleProgress": "false"})
    rows = spark.read.parquet(str(source))
    add_predictions(rows, model=_model(model), id_col="id").write.parquet(str(target))


WAYS: dict[str, Way] = {
    "the library, one process": _one_process,
    f"joblib over files, {_JOBS} processes": _joblib,
    f"Spark, local[{_JOBS}]": _spark,
}


def measure(
    texts: Sequence[str], sizes: Sequence[int], folder: Path, model: str | None = None
) -> Iterator[Timing]:
    """Time every way with every number of rows; checks that all rows came out.

    Parameters
    ----------
    texts
        The messages to repeat.
    sizes
        Numbers of rows.
    folder
        Where the archives go.
    model
        What `cxnlp.load` takes.
    """
    import pyarrow.parquet as pq

    for rows in (_WARM, *sizes):
        source = folder / f"rows-{rows}"
        write_rows(texts, rows, source)
        for number, (way, run) in enumerate(WAYS.items()):
            target = folder / f"labelled-{rows}-{number}"
            start = time.perf_counter()
            run(model, source, target)
            seconds = time.perf_counter() - start
            found = sum(pq.read_metadata(file).num_rows for file in target.glob("*.parquet"))
            assert found == rows, f"{way} gave {found} rows for {rows}"
            yield Timing(way, 0 if rows == _WARM else rows, seconds)


def figures(timings: Sequence[Timing]) -> str:
    """The timings as Markdown: a row for each way."""
    sizes = sorted({timing.rows for timing in timings} - {0})
    seconds = {(timing.way, timing.rows): timing.seconds for timing in timings}
    header = ["", "to start"]
    for size in sizes:
        header += [f"{size:,} rows", "a row", "rows a second"]
    lines = []
    for way in dict.fromkeys(timing.way for timing in timings):
        line = [way, f"{seconds[way, 0]:.1f} s"]
        for size in sizes:
            took = seconds[way, size]
            line += [f"{took:.1f} s", f"{took / size * 1000:.2f} ms", f"{size / took:,.0f}"]
        lines.append(line)
    return table(header, lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the table into the README where it has the place for it."""
    parser = argparse.ArgumentParser(prog="python -m training.bench_spark", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument(
        "--model",
        default="fast",
        help="what cxnlp.load takes (default: the champion's words alone)",
    )
    parser.add_argument("--no-readme", action="store_true", help="print only")
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
    texts = [record.text for record in load_corpus().records]
    timings = []
    with tempfile.TemporaryDirectory() as folder:
        for timing in measure(texts, options.rows, Path(folder), options.model):
            timings.append(timing)
            what = f"{timing.rows:,} rows" if timing.rows else "start"
            print(f"{timing.way}, {what}: {timing.seconds:.1f} s", file=sys.stderr, flush=True)
    text = (
        f"Parquet in, Parquet out, two cores, one run, {_model(options.model).version}. «To start» is a "
        f"first run of {_WARM} rows. Written by `python -m training.bench_spark`.\n\n{figures(timings)}"
    )
    print(text)
    readme = ROOT / "README.md"
    if not options.no_readme and "<!-- figures:spark -->" in readme.read_text(encoding="utf-8"):
        fill_blocks(readme, {"spark": text})
    return 0


if __name__ == "__main__":
    # joblib's processes import the module by its name, and have no such __main__.
    from training import bench_spark

    sys.exit(bench_spark.main())
