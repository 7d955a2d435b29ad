"""The corpus: labelled messages with their splits, cast and cached by Hugging Face `datasets`.

A corpus folder holds ``messages/*.jsonl`` (one record a line), ``splits.json`` and
``contrast.jsonl``, pairs of which seven in ten are trained on and three are for tests. The Arrow cache is kept by content: a changed file, taxonomy or reading rule
gives a new entry, an old one is never mistaken for it.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

from cxnlp.errors import RecordError, TrainingError
from cxnlp.labels import DEFAULT, Taxonomy
from cxnlp.record import Record
from training.splits import SPLITS, assign, group, read_splits
from training.table import Problem, load_table

__all__ = [
    "CACHE",
    "DATA",
    "Corpus",
    "Pair",
    "Problem",
    "lines",
    "load_contrast",
    "load_corpus",
    "load_table",
    "message_files",
    "parse",
]

DATA = Path(__file__).parent / "data"
CACHE = Path(__file__).parent.parent / ".cache" / "datasets"

_VERSION = 2  # of what `_rows` gives; a change of reading or grouping needs the next number


@dataclass(frozen=True)
class Corpus:
    """Labelled messages and their splits.

    Attributes
    ----------
    records
        In the order of the files.
    split
        ``train``, ``dev`` or ``test`` of each id.
    groups
        The group of each id: messages of one group share a situation or are near-duplicates,
        and are never divided over folds or splits.
    taxonomy
        The labels.
    pairs
        Messages that differ little and are labelled differently; see `Corpus.pairs_of`.
    """

    records: tuple[Record, ...]
    split: Mapping[str, str]
    groups: Mapping[str, str]
    taxonomy: Taxonomy = field(repr=False, default=DEFAULT)
    pairs: tuple[Pair, ...] = field(repr=False, default=())

    @classmethod
    def of(cls, records: Sequence[Record], taxonomy: Taxonomy = DEFAULT) -> Corpus:
        """Group and split records that come from elsewhere, one's own table for one."""
        groups = group(records)
        return cls(tuple(records), assign(records, groups=groups), groups, taxonomy)

    def part(self, name: str) -> list[Record]:
        """The records of one split."""
        if name not in SPLITS:
            raise TrainingError(f"Unknown split {name!r}; expected one of {', '.join(SPLITS)}.")
        return [record for record in self.records if self.split[record.id] == name]

    def groups_of(self, records: Sequence[Record]) -> list[str]:
        """The group of each record, for grouped folds."""
        return [self.groups[record.id] for record in records]

    def pairs_of(self, name: str) -> list[Pair]:
        """The contrast pairs to train on (seven in ten, by a hash of the id) or to test with."""
        if name not in ("train", "test"):
            raise TrainingError(f"Pairs are for train or test; got {name!r}.")
        return [p for p in self.pairs if (crc32(p.id.encode()) % 10 < 7) == (name == "train")]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the records with their splits, by id, and of the label names."""
        total = hashlib.sha256(
            json.dumps([self.taxonomy.cause_names, self.taxonomy.emotion_names]).encode()
        )
        for record in sorted(self.records, key=lambda record: record.id):
            line = {**record.to_dict(), "split": self.split[record.id]}
            total.update(json.dumps(line, sort_keys=True).encode() + b"\n")
        for pair in sorted(self.pairs, key=lambda pair: pair.id):
            sides = [pair.id, pair.a.to_dict(), pair.b.to_dict()]
            total.update(json.dumps(sides, sort_keys=True).encode() + b"\n")
        return total.hexdigest()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two messages that differ little and are labelled differently."""

    id: str
    kind: str
    a: Record
    b: Record

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, taxonomy: Taxonomy = DEFAULT) -> Pair:
        """Check a line of ``contrast.jsonl``; raises `RecordError` naming the field."""
        wanted = {"id", "kind", "a", "b"}
        if not isinstance(data, Mapping) or set(data) != wanted:
            came = ", ".join(map(str, data)) if isinstance(data, Mapping) else type(data).__name__
            raise RecordError(f"Expected the fields {', '.join(sorted(wanted))}; got {came}.")
        for name in ("id", "kind"):
            if not isinstance(data[name], str) or not data[name]:
                raise RecordError(f"Field {name!r} must be a non-empty string.")
        sides = {}
        for side in ("a", "b"):
            try:
                sides[side] = Record.from_dict(data[side], taxonomy=taxonomy)
            except RecordError as error:
                raise RecordError(f"In {side!r}: {error}") from error
        return cls(id=data["id"], kind=data["kind"], **sides)


def message_files(folder: Path) -> list[Path]:
    """The batch files of a corpus folder, sorted by name."""
    files = sorted((folder / "messages").glob("*.jsonl"))
    if not files:
        raise TrainingError(
            f"No messages in {str(folder)!r}; expected files messages/*.jsonl, one record a line."
        )
    return files


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Line numbers from 1 and the lines of a JSONL file; blank ones are passed over."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


def parse(line: bytes) -> Any:
    """The value of a JSON line; raises `RecordError` where it is none."""
    try:
        return json.loads(line.decode("utf-8"))
    except ValueError as error:
        raise RecordError(f"Expected one JSON object in UTF-8 on the line; {error}.") from error


def load_corpus(
    folder: Path = DATA, *, taxonomy: Taxonomy = DEFAULT, cache: Path = CACHE
) -> Corpus:
    """Read a corpus folder; ids that ``splits.json`` does not have yet are given a split.

    Parameters
    ----------
    folder
        Holds ``messages/*.jsonl`` and perhaps ``splits.json``.
    taxonomy
        The labels that the records must keep to.
    cache
        Where the Arrow files go.

    Raises
    ------
    RecordError
        For the first bad line, with file and line; ``check`` names them all.
    TrainingError
        If there are no messages, or ``splits.json`` is unreadable.
    """
    rows = _dataset(message_files(folder), taxonomy, cache).to_dict()
    causes, emotions = taxonomy.cause_names, taxonomy.emotion_names
    groups = rows.pop("group")
    records = tuple(
        Record(
            **{
                **dict(zip(rows, row, strict=True)),
                "causes": tuple(causes[c] for c in row_causes),
                "emotion": emotions[emotion],
                "emotion_alt": None if alt is None else emotions[alt],
            }
        )
        for row, row_causes, emotion, alt in zip(
            zip(*rows.values(), strict=True),
            rows["causes"],
            rows["emotion"],
            rows["emotion_alt"],
            strict=True,
        )
    )
    group_of = {r.id: name for r, name in zip(records, groups, strict=True)}
    existing = read_splits(folder / "splits.json")
    split = assign(records, existing=existing, groups=group_of)
    contrast = folder / "contrast.jsonl"
    pairs = tuple(load_contrast(contrast, taxonomy=taxonomy)) if contrast.exists() else ()
    return Corpus(records, split, group_of, taxonomy, pairs)


def load_contrast(path: Path, *, taxonomy: Taxonomy = DEFAULT) -> list[Pair]:
    """The contrast pairs of a file; raises `RecordError` with file and line for the first bad one."""
    pairs = []
    for number, line in lines(path):
        try:
            pairs.append(Pair.from_dict(parse(line), taxonomy=taxonomy))
        except RecordError as error:
            raise RecordError(f"{path.name}:{number}: {error}") from error
    return pairs


def _dataset(files: Sequence[Path], taxonomy: Taxonomy, cache: Path) -> Any:
    """The records and their groups as a memory-mapped `datasets.Dataset`."""
    with warnings.catch_warnings():
        # In a notebook without ipywidgets its progress bars would complain; they are off anyway.
        warnings.filterwarnings("ignore", "IProgress not found")
        import datasets

    label = datasets.ClassLabel(names=list(taxonomy.emotion_names))
    text = datasets.Value("string")
    features = datasets.Features(
        {
            **dict.fromkeys(Record.__slots__, text),
            "causes": datasets.List(datasets.ClassLabel(names=list(taxonomy.cause_names))),
            "emotion": label,
            "emotion_alt": label,
            "group": text,
        }
    )
    content = hashlib.sha256()
    for path in files:
        content.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    # The fingerprint by which the cache is found again comes from these arguments.
    arguments = {
        "version": _VERSION,
        # One string: `datasets` takes a list for shards, and would group each file by itself.
        "paths": "\n".join(map(str, files)),
        "labels": taxonomy.to_dict(),
        "content": content.hexdigest(),
    }
    with _quiet(datasets):
        try:
            return datasets.Dataset.from_generator(
                _rows, features=features, cache_dir=str(cache), gen_kwargs=arguments
            )
        except datasets.exceptions.DatasetGenerationError as error:
            if isinstance(error.__cause__, RecordError):
                raise error.__cause__ from None
            raise


def _rows(
    paths: str, labels: dict[str, Any], content: str, version: int
) -> Iterator[dict[str, Any]]:
    """Checked records with their groups, for `datasets` to cast."""
    taxonomy = Taxonomy.from_dict(labels)
    records: dict[str, Record] = {}
    for path in map(Path, paths.splitlines()):
        for number, line in lines(path):
            try:
                record = Record.from_dict(parse(line), taxonomy=taxonomy)
            except RecordError as error:
                raise RecordError(f"{path.name}:{number}: {error}") from error
            if record.id in records:
                raise RecordError(f"{path.name}:{number}: the id {record.id!r} is used before.")
            records[record.id] = record
    groups = group(list(records.values()))
    for record in records.values():
        yield {**record.to_dict(), "group": groups[record.id]}


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """No progress bars of `datasets`: the caller shows its own."""
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
