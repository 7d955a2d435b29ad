"""Words and pairs by number are the words and pairs that the text has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxnlp.features.crc import LONGEST, joined
from cxnlp.features.memory import WordMemory, first_places
from cxnlp.features.wordgrams import (
    CAPS,
    features_of,
    firsts,
    keys_of_words,
    pair_key,
    tokenize,
    word_keys,
)

MESSY = st.lists(
    st.sampled_from(["NIET!!", "Niet,", "_caps_", "(bank)", "e-mail", "_bedrag_", "'s", "ΑΣ", "\x1c", "İK", "x" * 80])
    | st.text(max_size=6)
).map(" ".join)  # fmt: skip


def memory() -> WordMemory:
    return WordMemory(lambda words: np.array([[len(w)] for w in words], np.float32), 1)


@given(st.binary(max_size=80), st.binary(max_size=LONGEST))
def test_the_hash_of_two_joined_parts(left: bytes, right: bytes) -> None:
    found = joined(*(np.array([x]) for x in (crc32(left), crc32(right), len(right))))
    assert found.tolist() == [crc32(left + right)]


@settings(max_examples=300, deadline=None)
@given(MESSY | st.text())
def test_a_text_read_by_its_runs_has_the_words_of_its_tokens(text: str) -> None:
    known = memory()
    reading = known.read(["", text, "Een ander!"])
    mine, distinct = reading.words[reading.text == 1], reading.distinct[reading.distinct_text == 1]
    assert [known.words[number] for number in mine] == tokenize(text).words
    assert [known.words[number] for number in distinct] == list(features_of(text, 1)[0])
    assert reading.text.tolist() == sorted(reading.text)
    assert reading.distinct_text.tolist() == sorted(reading.distinct_text)
    assert known.words[known.caps] == CAPS


@settings(max_examples=100, deadline=None)
@given(MESSY)
def test_pair_hashes_are_those_of_the_strings(text: str) -> None:
    known = memory()
    numbers = known.read([text]).words
    words = tokenize(text).words
    places = [(i, i + d) for d in (1, 2) for i in range(len(words) - d)]
    left, right = np.array(places, dtype=np.int64).reshape(-1, 2).T
    keys = known.pair_keys(numbers[left], numbers[right], right - left)
    assert keys.tolist() == [pair_key(words[i], words[j], j - i) for i, j in places]


def test_more_words_than_the_arrays_hold_at_first() -> None:
    known = memory()
    numbers = known.read([" ".join("x" * (i % 7 + 1) + str(i) for i in range(10_000))]).words
    sums = known.sums(numbers)
    assert sums[:, 0].tolist() == [len(known.words[number]) for number in numbers]


def test_threads_that_meet_the_same_new_words_agree() -> None:
    known = memory()
    texts = [" ".join(f"woord{i}" for i in range(start, start + 300)) for start in range(100)]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda text: known.read([text]).words, texts))
    assert len(set(known.words)) == len(known.words)
    for text, numbers in zip(texts, read, strict=True):
        assert [known.words[number] for number in numbers] == text.split()


def test_where_values_stand_first() -> None:
    assert firsts(np.array([1, 1, 3, 4, 4])).tolist() == [0, 2, 3]
    assert firsts(np.array([], dtype=np.int64)).tolist() == []


@given(st.lists(st.integers(0, 40) | st.integers(0, 2**62)))
def test_places_where_values_stand_first(values: list[int]) -> None:
    expected = [i for i, value in enumerate(values) if value not in values[:i]]
    for few in (0, 1000):  # by arrays, by a dictionary
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("cxnlp.features.memory._FEW", few)
            assert first_places(np.array(values, dtype=np.int64)).tolist() == expected


@given(
    st.lists(
        st.sampled_from(["niet", "a", "één", "!!", "e-mail", "naïef", "x" * 80, "ΑΣ"])
        | st.text("abé1'", min_size=1)
    )
)
def test_hashes_of_many_words_are_those_of_each(words: list[str]) -> None:
    for few in (0, 1000):  # together, one by one
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("cxnlp.features.wordgrams._FEW", few)
            owner, keys = keys_of_words(words, (3, 5))
        assert owner.tolist() == sorted(owner)
        for i, word in enumerate(words):
            assert sorted(keys[owner == i].tolist()) == sorted(word_keys(word, (3, 5)))


def test_a_call_that_is_broken_off_leaves_the_memory_right() -> None:
    broken = []

    def sums(words: list[str]) -> np.ndarray:
        if not broken:
            broken.append(words)
            raise MemoryError
        return np.array([[len(word)] for word in words], np.float32)

    known = WordMemory(sums, 1)
    with pytest.raises(MemoryError):
        known.sums(known.read(["een twee"]).words)
    numbers = known.read(["drie een zeven"]).words
    assert known.sums(numbers)[:, 0].tolist() == [4, 3, 5]
    assert known.pair_keys(numbers[:1], numbers[1:2], np.array([1])).tolist() == [
        pair_key("drie", "een", 1)
    ]
