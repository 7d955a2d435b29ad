"""A pruned vocabulary writes Dutch as before, in fewer rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import small_encoder
from tokenizers import Tokenizer, models, pre_tokenizers

from training.encoder.vocabulary import add_placeholders, prune


def test_pieces_of_the_texts_and_single_characters_stay() -> None:
    whole = small_encoder.base()
    small = prune(whole, ["niemand gezien"])
    before, after = Tokenizer.from_str(whole.tokenizer), Tokenizer.from_str(small.tokenizer)
    assert after.get_vocab_size() < before.get_vocab_size()
    assert after.get_vocab_size() == len(small.tensors["emb.word"])
    for text in ("niemand gezien", "gezien!"):
        assert after.encode(text).tokens == before.encode(text).tokens
    assert "▁factuur" in before.get_vocab()
    assert "▁factuur" not in after.get_vocab()  # written in letters from now on
    assert "я" not in after.get_vocab()
    assert "<unk>" not in after.encode("factuur").tokens
    for text in ("niemand gezien", "gezien!"):
        rows = small.tensors["emb.word"][after.encode(text).ids]
        assert np.array_equal(rows, whole.tensors["emb.word"][before.encode(text).ids])
    assert after.id_to_token(small.pad) == "<pad>"


def test_placeholders_get_tokens_of_their_own() -> None:
    whole = small_encoder.base()
    more = add_placeholders(whole, ["_bedrag_", "_getal_"])
    tokenizer = Tokenizer.from_str(more.tokenizer)
    assert "_bedrag_" in [t.strip() for t in tokenizer.encode("factuur _bedrag_ gezien").tokens]
    assert len(more.tensors["emb.word"]) == len(whole.tensors["emb.word"]) + 2
    of = Tokenizer.from_str(whole.tokenizer).encode("bedrag", add_special_tokens=False).ids
    row = more.tensors["emb.word"][tokenizer.token_to_id("_bedrag_")]
    assert np.allclose(row, whole.tensors["emb.word"][of].mean(0))


def test_a_wordpiece_vocabulary_is_cut_too() -> None:
    made = small_encoder.base()
    words = ["[PAD]", "[UNK]", "niemand", "gezien", "factuur", "f", "##a", "##c"]
    tokenizer = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]"])
    tensors = {**made.tensors, "emb.word": made.tensors["emb.word"][: len(words)]}
    whole = replace(made, tokenizer=tokenizer.to_str(), tensors=tensors, pad=0)
    small = prune(whole, ["niemand"])
    after = Tokenizer.from_str(small.tokenizer)
    assert after.encode("niemand").tokens == ["niemand"]
    assert "gezien" not in after.get_vocab()
    assert len(small.tensors["emb.word"]) == after.get_vocab_size()


def test_a_kind_that_cannot_be_cut_stays_whole() -> None:
    merges = Tokenizer(models.BPE({"<pad>": 0, "n": 1, "i": 2, "ni": 3}, [("n", "i")]))
    whole = replace(small_encoder.base(), tokenizer=merges.to_str())
    assert prune(whole, ["ni"]) is whole
