"""Tokens, hashes, and that the fast path equals the matrix product."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from cxnlp import heads
from cxnlp.features.wordgrams import tokenize, word_keys
from cxnlp.heads import LinearScorer
from training.candidates.wordgrams import fit_block

TEXTS = [
    "De monteur zou komen maar niemand gezien",
    "De monteur kwam keurig op tijd, top!",
    "WAAR BLIJFT mijn pakket?? de monteur de monteur",
    "Ik heb niemand gezien... _bedrag_ betaald 😡",
    "",
]


def test_tokens_keep_placeholders_marks_and_emoji() -> None:
    words = tokenize("Ik betaalde _bedrag_, echt zo'n 'top' dag!! 😡 e-mail...").words
    assert words == [
        "ik",
        "betaalde",
        "_bedrag_",
        "echt",
        "zo'n",
        "top",
        "dag",
        "!!",
        "😡",
        "e-mail",
        "...",
    ]


def test_spans_point_at_the_tokens() -> None:
    text = "Geëscaleerd! Nooit meer"
    tokens = tokenize(text)
    assert [text[a:b].lower() for a, b in tokens.spans] == tokens.words


def test_shouting_is_noticed_but_abbreviations_are_not() -> None:
    assert tokenize("dit is SCHANDALIG").shouted
    assert not tokenize("de NS en de OK").shouted


def test_one_spelling_has_one_hash_list() -> None:
    assert word_keys("bank", (3, 5)) == word_keys("bank", (3, 5))
    assert len(word_keys("bank", (3, 3))) == 1 + len("<bank>") - 2


@pytest.fixture(scope="module")
def scorer() -> LinearScorer:
    block = fit_block(TEXTS, min_df=1)
    random = np.random.default_rng(1)
    return LinearScorer(
        block,
        random.normal(size=(block.n_features, 4)).astype(np.float32),
        np.arange(4.0, dtype=np.float32),
    )


def test_the_fast_path_is_the_matrix_product(scorer: LinearScorer) -> None:
    indptr, indices, data = scorer.block.transform(TEXTS)
    matrix = csr_matrix((data, indices, indptr), shape=(len(TEXTS), scorer.block.n_features))
    assert np.allclose(scorer.logits(TEXTS), matrix @ scorer.weights + scorer.bias, atol=1e-4)


def test_contributions_sum_to_the_logits(scorer: LinearScorer) -> None:
    for text in TEXTS:
        parts = scorer.contributions(text)
        assert np.allclose(parts.values.sum(0) + scorer.bias, scorer.logits([text])[0], atol=1e-4)
        assert len(parts.spans) == len(parts.values)


def test_an_unknown_word_adds_nothing_of_its_own(scorer: LinearScorer) -> None:
    assert np.allclose(scorer.logits(["zzqx"])[0], scorer.bias)


def test_answers_do_not_depend_on_the_batch(scorer: LinearScorer) -> None:
    together = scorer.logits(TEXTS)
    alone = np.concatenate([scorer.logits([text]) for text in TEXTS])
    assert np.array_equal(together, alone)


def test_rare_ngrams_are_left_out() -> None:
    assert fit_block(TEXTS, min_df=2).n_features < fit_block(TEXTS, min_df=1).n_features


def test_answers_do_not_depend_on_what_was_read_before(
    scorer: LinearScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = scorer.logits(TEXTS)
    again = copy.deepcopy(scorer)
    again.logits(["pakket! niemand (monteur", *TEXTS[::-1]])
    assert np.array_equal(again.logits(TEXTS), expected)
    # A new memory and a new part of the list after every message.
    monkeypatch.setattr(heads, "_CACHE_RUNS", 0)
    monkeypatch.setattr(heads, "_PART_CHARS", 0)
    assert np.array_equal(again.logits(TEXTS * 3), np.tile(expected, (3, 1)))


def test_a_block_that_knows_nothing_gives_the_bias() -> None:
    scorer = LinearScorer(fit_block([], min_df=1), np.zeros((0, 4), np.float32), np.arange(4.0))
    assert np.array_equal(scorer.logits(TEXTS), np.tile(np.arange(4.0), (len(TEXTS), 1)))


def test_find_gives_every_known_hash_and_no_other(scorer: LinearScorer) -> None:
    block = scorer.block
    asked = np.concatenate([block.keys[::-1], block.keys[:5], block.keys + np.uint32(1)])
    where, rows = block.find(asked)
    assert np.array_equal(block.keys[rows], asked[where])
    assert sorted(where) == np.flatnonzero(np.isin(asked, block.keys)).tolist()
