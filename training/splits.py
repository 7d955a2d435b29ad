"""Train, dev and test: whole groups, label rates kept close, and frozen once written.

Messages of one situation, and near-duplicates, form a group that never parts. Groups are dealt
so that each split has its share of every label, channel, region and length, rarest first, after
the idea of iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, "On the stratification
of multi-label data"), here over groups and followed by moves that still improve it.

``python -m training.splits [folder]`` writes ``splits.json``: what it holds already stays.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import TrainingError
from cxnlp.record import Record
from training.metrics import length_band

SPLITS = ("train", "dev", "test")
DEV_SHARE, TEST_SHARE, MOST_TEST = 0.1, 0.1, 0.2
SEED = 13
SIMILAR = 0.6  # Jaccard similarity of character 5-grams; .6 is a set cosine of .75
TEST_FLOOR = 60  # messages a label should have in test

_WORD = re.compile(r"[^\W_]+")
_GRAM = 5
_BANDS, _ROWS = 40, 3  # a pair at .6 is missed once in 16,000 times; at .45 once in 45


def grams(text: str) -> NDArray[np.uint64]:
    """Hashes of the distinct character 5-grams of a text, sorted.

    Case, punctuation and the number of spaces do not matter.
    """
    plain = f" {' '.join(_WORD.findall(text.lower()))} ".ljust(_GRAM)
    codes = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    hashed = np.zeros(len(codes) - _GRAM + 1, dtype=np.uint64)
    for k in range(_GRAM):
        hashed = hashed * np.uint64(1_000_003) + codes[k : k + len(hashed)]
    hashed = (hashed ^ (hashed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.unique(hashed ^ (hashed >> np.uint64(32)))


def near_duplicates(
    texts: Sequence[str], *, similar: float = SIMILAR
) -> list[tuple[int, int, float]]:
    """Pairs of texts that are nearly the same: positions i < j and their similarity.

    Candidates come from MinHash with banding (Broder 1997; Leskovec et al., "Mining of massive
    datasets", 3.4), so that 10,000 texts take seconds; the similarity given is exact.

    Parameters
    ----------
    texts
        Raw messages.
    similar
        Least Jaccard similarity of their sets of character 5-grams, in (0, 1].
    """
    # Texts that are the same are told of the first of them only: «Bedankt!» comes a thousand times.
    first: dict[str, int] = {}
    same = [(first.setdefault(text, i), i, 1.0) for i, text in enumerate(texts)]
    if len(first) < len(texts):
        own = list(first.values())
        found = near_duplicates([texts[i] for i in own], similar=similar)
        return sorted(
            [(i, j, s) for i, j, s in same if i != j] + [(own[i], own[j], s) for i, j, s in found]
        )
    sets = [grams(text) for text in texts]
    random = np.random.default_rng(0)
    factor = random.integers(0, 2**63, (_BANDS * _ROWS, 1), dtype=np.uint64) * 2 + np.uint64(1)
    mask = random.integers(0, 2**63, (_BANDS * _ROWS, 1), dtype=np.uint64)
    signature = np.empty((len(texts), _BANDS * _ROWS), dtype=np.uint32)
    for i, hashes in enumerate(sets):
        signature[i] = (((hashes ^ mask) * factor) >> np.uint64(32)).min(axis=1)
    candidates: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        buckets: dict[bytes, list[int]] = {}
        for i, part in enumerate(signature[:, band * _ROWS : (band + 1) * _ROWS]):
            buckets.setdefault(part.tobytes(), []).append(i)
        for members in buckets.values():
            for n, j in enumerate(members):
                candidates.update((i, j) for i in members[:n])
    if not candidates:
        return []
    pairs = np.array(sorted(candidates))
    agreed = np.concatenate(
        [(signature[p[:, 0]] == signature[p[:, 1]]).mean(1) for p in _blocks(pairs)]
    )
    found = []
    for i, j in pairs[agreed >= similar - 0.2].tolist():  # .2 is four standard errors
        both = len(np.intersect1d(sets[i], sets[j], assume_unique=True))
        jaccard = both / (len(sets[i]) + len(sets[j]) - both)
        if jaccard >= similar:
            found.append((i, j, jaccard))
    return found


def _blocks(rows: NDArray[np.int64], size: int = 50_000) -> Iterable[NDArray[np.int64]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def group(records: Sequence[Record], *, similar: float = SIMILAR) -> dict[str, str]:
    """The group of each record's id: that of its situation and of its near-duplicates.

    A group is called after the first of its ids, in alphabetical order.
    """
    parent = {record.id: record.id for record in records}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    def join(a: str, b: str) -> None:
        first, second = sorted((root(a), root(b)))
        parent[second] = first

    first_of: dict[str, str] = {}
    for record in records:
        if record.situation:
            join(record.id, first_of.setdefault(record.situation, record.id))
    for i, j, _ in near_duplicates([record.text for record in records], similar=similar):
        join(records[i].id, records[j].id)
    return {record.id: root(record.id) for record in records}


def by_name(groups: Mapping[str, str]) -> dict[str, str]:
    """A split for each id by a hash of its group's name, about 80/10/10.

    For a table that grows: what was in a split stays there, whatever else comes.
    """
    tenth = {name: crc32(name.encode("utf-8", "replace")) % 10 for name in set(groups.values())}
    return {id_: {0: "test", 1: "dev"}.get(tenth[name], "train") for id_, name in groups.items()}


def assign(
    records: Sequence[Record],
    seed: int = SEED,
    *,
    existing: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Give each record a split, about 80/10/10.

    Test takes more, up to a fifth, while that is what it takes to have 60 messages of a label;
    the labels that would need still more are left with what they get. All of test is larger
    then, so that it stays a fair sample.

    Parameters
    ----------
    records
        All records, with distinct ids.
    seed
        Breaks ties; the same records and seed give the same splits, in whatever order.
    existing
        Ids that have a split already: they keep it, and new messages of their group follow the
        most of them.
    groups
        From `group`, where the caller has it.

    Returns
    -------
    dict
        ``train``, ``dev`` or ``test`` of each id, in the order of the records.
    """
    if not records:
        return {}
    group_of = groups or group(records)
    kept = {r.id: existing[r.id] for r in records if existing and r.id in existing}
    names = sorted({group_of[r.id] for r in records})
    row = {name: i for i, name in enumerate(names)}
    features = _features(records)
    counts = np.zeros((len(names), features.shape[1]))
    np.add.at(counts, [row[group_of[r.id]] for r in records], features)

    votes: dict[str, Counter[str]] = {}
    for name, split in kept.items():
        votes.setdefault(group_of[name], Counter())[split] += 1
    chosen = np.full(len(names), -1)
    for name, tally in votes.items():
        chosen[row[name]] = int(np.argmax([tally[split] for split in SPLITS]))
    pinned = chosen >= 0
    have = np.zeros((len(SPLITS), features.shape[1]))
    position = {r.id: i for i, r in enumerate(records)}
    for name, split in kept.items():
        have[SPLITS.index(split)] += features[position[name]]
    for record in records:
        if record.id not in kept and pinned[row[group_of[record.id]]]:
            have[chosen[row[group_of[record.id]]]] += features[position[record.id]]

    free = [i for i in range(len(names)) if not pinned[i]]
    _deal(counts, chosen, have, free, _shares(records), [_order(names[i], seed) for i in free])
    return {r.id: kept.get(r.id) or SPLITS[chosen[row[group_of[r.id]]]] for r in records}


def _features(records: Sequence[Record]) -> NDArray[np.float64]:
    """What should be spread evenly, as 0 and 1, a row a record."""
    columns: dict[tuple[str, str], int] = {}
    rows: list[list[int]] = []
    for r in records:
        values = [("", "every"), *(("cause", c) for c in r.causes or ("",))]
        values += [("several", str(len(r.causes) > 1)), ("emotion", r.emotion)]
        values += [("channel", r.channel), ("region", r.region), ("words", length_band(r.text))]
        rows.append([columns.setdefault(value, len(columns)) for value in values])
    array = np.zeros((len(rows), len(columns)))
    for i, present in enumerate(rows):
        array[i, present] = 1
    return array


def _shares(records: Sequence[Record]) -> tuple[float, float, float]:
    """The share of train, dev and test."""
    counts = Counter(label for r in records for label in (*r.causes, r.emotion))
    needed = [TEST_FLOOR / n * 1.03 for n in counts.values()]  # a little more, for rounding
    test = max((share for share in needed if share <= MOST_TEST), default=0)
    test = max(TEST_SHARE, test)
    return 1 - DEV_SHARE - test, DEV_SHARE, test


def _order(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def _deal(
    counts: NDArray[np.float64],
    chosen: NDArray[np.int64],
    have: NDArray[np.float64],
    free: Sequence[int],
    shares: tuple[float, ...],
    ties: Sequence[str],
) -> None:
    """Give the free groups a split in ``chosen``, and count them in ``have``, both in place."""
    total = have.sum(0) + counts[list(free)].sum(0)
    target = np.outer(shares, total)

    def loss(now: NDArray[np.float64]) -> NDArray[np.float64]:
        """By split: squared distance from the target, as in a chi-square."""
        return np.asarray(((now - target) ** 2 / (target + 1)).sum(-1))

    rare = (1 / np.maximum(total, 1)) * (total > 0)
    rank = sorted(range(len(free)), key=lambda k: (-float((counts[free[k]] * rare).sum()), ties[k]))
    for sweep in range(4):  # the first deals, the others move what improves
        moved = False
        for k in rank:
            i = free[k]
            if sweep:
                have[chosen[i]] -= counts[i]
            best = int((loss(have + counts[i]) - loss(have)).argmin())
            have[best] += counts[i]
            moved |= best != chosen[i]
            chosen[i] = best
        if not moved:
            break


def read_splits(path: Path) -> dict[str, str]:
    """The split of each id in a ``splits.json``; empty where there is no file.

    Raises
    ------
    TrainingError
        If the file is not three lists of ids, or has an id twice.
    """
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingError(f"Cannot read {path.name} as JSON: {error}.") from error
    if not isinstance(data, dict) or set(data) != set(SPLITS):
        raise TrainingError(
            f"{path.name} must have exactly the lists {', '.join(SPLITS)}; "
            f"got {', '.join(map(str, data)) if isinstance(data, dict) else type(data).__name__}."
        )
    split: dict[str, str] = {}
    for name in SPLITS:
        for identifier in data[name]:
            if identifier in split:
                raise TrainingError(f"{path.name} has the id {identifier!r} twice; keep one.")
            split[identifier] = name
    return split


def write_splits(path: Path, split: Mapping[str, str]) -> None:
    """Write ``splits.json``: sorted, one id a line, so that differences stay small."""
    lists = {name: sorted(i for i, s in split.items() if s == name) for name in SPLITS}
    path.write_text(json.dumps(lists, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Write the splits of a corpus folder."""
    from training.corpus import DATA, load_corpus

    folder = Path(arguments[0]) if arguments else DATA
    corpus = load_corpus(folder)
    write_splits(folder / "splits.json", corpus.split)
    sizes = ", ".join(f"{name} {len(corpus.part(name)):,}" for name in SPLITS)
    sys.stdout.write(f"Wrote {folder / 'splits.json'}: {sizes}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
