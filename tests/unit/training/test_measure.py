from cxnlp.labels import DEFAULT
from cxnlp.record import Record
from training.corpus import DATA, lines, message_files, parse
from training.measure import (
    diversity,
    requirements,
    shared_runs,
    slops,
    spelling,
    telling_words,
    words,
)


def test_requirements_count() -> None:
    labels = [
        (("broken_promise",), "frustration"),
        ((), "neutral"),
        (("product_fault",), "neutral"),
    ]
    records = [
        Record(f"x-{i}", "Dinsdag zou de monteur komen, niemand gezien", *labels[i % 3])
        for i in range(9)
    ]
    rows = {r.aspect: r for r in requirements(records, DEFAULT, test=records[:3], pairs=400)}
    assert (rows["messages"].found, rows["messages"].met) == ("9", False)
    assert (rows["cause broken_promise"].wanted, rows["cause broken_promise"].found) == (
        "1,300",
        "3",
    )
    assert rows["cause delivery"].wanted == "800"
    assert rows["no cause"].found == "3"
    assert rows["two or more causes, of complaints"].found == "0.0%"
    assert rows["median words"].found == "7"
    assert rows["in test: neutral"].found == "2"
    assert rows["contrast pairs"].met
    assert len(rows) == len(requirements([], DEFAULT))


def test_spelling_proxies() -> None:
    assert slops("Gisteren is het pakket gekomen.") == []
    assert spelling("Gisteren is het pakket gekomen.") == "flawless"
    assert slops("ik wordt hier gek van.Echt") == [
        "begins without a capital",
        "ends without a mark",
        "no space after a mark",
        "d or t",
    ]
    assert spelling("ik wordt hier gek van.Echt") == "sloppy"
    assert spelling("Wat is er gebeurt?") == "between"
    assert slops("Wat gebeurt er? Het wordt betaald, ik vind het goed.") == []
    assert slops("De factuur klopt niet.\n\nMet vriendelijke groet\nEls") == []


def test_shared_runs() -> None:
    tokens = [words("een twee drie vier vijf een twee drie"), words("Een, twee! Drie"), ["vier"]]
    runs = shared_runs(tokens, 3, 2)
    assert runs.where == {("een", "twee", "drie"): [0, 1]}
    assert runs.messages == {0, 1}


def test_telling_words_find_the_word_that_gives_a_label_away() -> None:
    records = [
        Record(str(i), f"kikker {i} water" if i % 4 == 0 else f"auto {i} water", (), "neutral")
        for i in range(80)
    ]
    told = telling_words(records, lambda r: ("green",) if "kikker" in r.text else (), "green")
    assert [(t.word, t.precision, t.recall) for t in told] == [("kikker", 1, 1)]


def test_repetition_shows_in_the_variety() -> None:
    records = [Record.from_dict(parse(line)) for _, line in lines(message_files(DATA)[0])]
    copies = [Record(f"{r.id}-2", r.text, (), "neutral") for r in records]
    once = {r.aspect: r.found for r in diversity(records)}
    twice = {r.aspect: r for r in diversity([*records, *copies])}
    assert twice["pairs over .6 similar"].found == str(len(records))
    assert not twice["share a run of six words with another"].met
    assert float(twice["compression ratio"].found) >= float(once["compression ratio"])
