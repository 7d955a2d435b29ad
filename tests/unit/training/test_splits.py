import json
from collections import Counter

import pytest

from cxnlp.errors import TrainingError
from cxnlp.record import Record
from training.corpus import DATA, lines, message_files, parse
from training.splits import (
    SPLITS,
    assign,
    by_name,
    grams,
    group,
    near_duplicates,
    read_splits,
    write_splits,
)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """A thousand of the shipped messages."""
    found = [Record.from_dict(parse(line)) for p in message_files(DATA) for _, line in lines(p)]
    return found[:1000]


def record(name: str, text: str, situation: str = "") -> Record:
    return Record(id=name, text=text, causes=(), emotion="neutral", situation=situation)


def test_grams_ignore_case_marks_and_spaces() -> None:
    assert grams("Nooit   meer!!").tolist() == grams("nooit meer").tolist()
    assert grams("nooit meer").tolist() != grams("altijd meer").tolist()
    assert len(grams("")) == len(grams("🙂")) == 1


def test_near_duplicates_are_found_with_their_similarity() -> None:
    long = "Dinsdag zou de monteur tussen 8 en 12 komen, ik heb vrij genomen en niemand gezien."
    texts = [long, "Mijn pakket is zoek.", long.replace("Dinsdag", "Donderdag"), long.upper()]
    found = near_duplicates(texts)
    assert [(i, j) for i, j, _ in found] == [(0, 2), (0, 3), (2, 3)]
    assert found[1][2] == 1
    assert 0.6 <= found[0][2] < 1


def test_near_duplicates_agree_with_comparing_all_pairs(records: list[Record]) -> None:
    texts = [r.text for r in records[:150]]
    texts += [" ".join(text.split()[: -len(text.split()) // 5 or None]) for text in texts]
    sets = [set(grams(text).tolist()) for text in texts]
    every = {
        (i, j)
        for j in range(len(sets))
        for i in range(j)
        if len(sets[i] & sets[j]) >= 0.6 * len(sets[i] | sets[j])
    }
    assert len(every) > 100
    assert {(i, j) for i, j, _ in near_duplicates(texts)} == every


def test_groups_join_situations_and_near_duplicates() -> None:
    text = "Al drie weken bel ik elke dag en steeds hoor ik dat er iemand terugbelt, niks dus."
    groups = group(
        [
            record("d", "Pakket kwijt", "parcel"),
            record("b", text, "callback"),
            record("c", text.replace("niks", "niets"), "parcel"),
            record("a", "Wat kost een abonnement voor twee personen?"),
        ]
    )
    assert groups == {"d": "b", "b": "b", "c": "b", "a": "a"}


def test_splits_keep_groups_whole_and_rates_close(records: list[Record]) -> None:
    groups = group(records)
    split = assign(records, groups=groups)
    assert set(split.values()) == set(SPLITS)
    assert len({(groups[i], s) for i, s in split.items()}) == len(set(groups.values()))
    rates = {}
    for name in SPLITS:
        part = [r for r in records if split[r.id] == name]
        counts = Counter(
            value for r in part for value in (*r.causes, r.emotion, r.channel, r.region)
        )
        rates[name] = {value: count / len(part) for value, count in counts.items()}
    for value, rate in rates["train"].items():
        for name in ("dev", "test"):
            assert rates[name].get(value, 0) == pytest.approx(rate, abs=0.02), (name, value)


def test_splits_do_not_depend_on_order_and_depend_on_the_seed(records: list[Record]) -> None:
    assert assign(records[::-1]) == assign(records)
    assert assign(records, 1) != assign(records, 2)


def test_splits_stay_when_the_corpus_grows(records: list[Record]) -> None:
    before = assign(records[:600])
    after = assign(records, existing=before)
    assert {i: after[i] for i in before} == before
    sizes = Counter(after.values())
    assert sizes["dev"] == pytest.approx(100, abs=5)
    assert sizes["train"] > 650


def test_a_new_message_follows_its_group(records: list[Record]) -> None:
    before = assign(records[:200])
    old = next(r for r in records if before.get(r.id) == "test")
    new = record("new", old.text + " Echt waar.")
    assert assign([*records[:200], new], existing=before)["new"] == "test"


def test_test_is_enlarged_for_labels_that_need_it() -> None:
    rows = [
        Record(
            id=f"{i:04}",
            text=f"bericht {i} over {i * 7919 % 10007} en {i * 104729 % 99991}",
            causes=("billing",) if i % 3 else ("delivery",),
            emotion="neutral",
        )
        for i in range(1200)
    ]
    split = assign(rows, groups={r.id: r.id for r in rows})
    held = [r for r in rows if split[r.id] == "test"]
    assert sum(r.causes == ("delivery",) for r in held) >= 60
    assert len(held) < 240


def test_no_records_have_no_splits() -> None:
    assert assign([]) == {}


def test_splits_are_written_sorted_and_read_back(tmp_path) -> None:
    path = tmp_path / "splits.json"
    assert read_splits(path) == {}
    write_splits(path, {"b": "train", "a": "train", "c": "test"})
    assert json.loads(path.read_text()) == {"train": ["a", "b"], "dev": [], "test": ["c"]}
    assert read_splits(path) == {"a": "train", "b": "train", "c": "test"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "splits.json as JSON"),
        ('{"train": []}', "exactly the lists train, dev, test; got train"),
        ("[]", "got list"),
        ('{"train": ["a"], "dev": ["a"], "test": []}', "the id 'a' twice"),
    ],
)
def test_bad_splits_are_refused(tmp_path, text: str, message: str) -> None:
    path = tmp_path / "splits.json"
    path.write_text(text)
    with pytest.raises(TrainingError, match=message):
        read_splits(path)


def test_a_table_that_grows_keeps_the_split_of_what_it_had(records: list[Record]) -> None:
    before, after = by_name(group(records[:400])), by_name(group(records[:500]))
    moved = [id_ for id_, split in before.items() if after[id_] != split]
    assert len(moved) <= 4  # a new near-duplicate may rename a group
    shares = Counter(by_name({r.id: r.id for r in records}).values())
    assert 0.7 < shares["train"] / 1000 < 0.9
    assert shares["test"] > 50
    assert shares["dev"] > 50


def test_a_thousand_of_the_same_text_are_told_of_the_first() -> None:
    found = near_duplicates(["Bedankt!", *["Mijn pakket is zoek."] * 2000, "bedankt"])
    assert len(found) == 2000
    assert (0, 2001, 1.0) in found
    assert all(i in (0, 1) for i, _, _ in found)
