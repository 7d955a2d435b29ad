"""Words and pairs by number are the words and pairs that the text has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from zlib import crc32

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cxnlp.features.crc import LONGEST, joined
from cxnlp.features.memory import WordMemory, starts
from cxnlp.features.wordgrams import CAPS, features_of, pair_key, tokenize

MESSY = st.lists(
    st.sampled_from(["NIET!!", "Niet,", "(bank)", "e-mail", "_bedrag_", "'s", "ΑΣ", "\x1c", "İK", "x" * 80])
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
    numbers, distinct = known.read(text)
    assert [known.words[number] for number in numbers] == tokenize(text).words
    assert [known.words[number] for number in distinct] == list(features_of(text, 1)[0])
    assert known.words[known.caps] == CAPS


@settings(max_examples=100, deadline=None)
@given(MESSY)
def test_pair_hashes_are_those_of_the_strings(text: str) -> None:
    known = memory()
    numbers = np.array(known.read(text)[0], dtype=np.int64)
    words = tokenize(text).words
    places = [(i, i + d) for d in (1, 2) for i in range(len(words) - d)]
    left, right = np.array(places, dtype=np.int64).reshape(-1, 2).T
    keys = known.pair_keys(numbers[left], numbers[right], near=max(len(words) - 1, 0))
    assert keys.tolist() == [pair_key(words[i], words[j], j - i) for i, j in places]


def test_more_words_than_the_arrays_hold_at_first() -> None:
    known = memory()
    numbers, _ = known.read(" ".join("x" * (i % 7 + 1) + str(i) for i in range(10_000)))
    sums = known.sums(np.array(numbers))
    assert sums[:, 0].tolist() == [len(known.words[number]) for number in numbers]


def test_threads_that_meet_the_same_new_words_agree() -> None:
    known = memory()
    texts = [" ".join(f"woord{i}" for i in range(start, start + 300)) for start in range(100)]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda text: known.read(text)[0], texts))
    assert len(set(known.words)) == len(known.words)
    for text, numbers in zip(texts, read, strict=True):
        assert [known.words[number] for number in numbers] == text.split()


def test_starts_of_groups_that_are_not_empty() -> None:
    filled, start = starts([2, 0, 3, 0])
    assert (filled.tolist(), start.tolist()) == ([0, 2], [0, 2])
