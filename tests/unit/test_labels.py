"""The codebook as code."""

from __future__ import annotations

import numpy as np
import pytest

from cxnlp.errors import LabelError
from cxnlp.labels import CAUSES, DEFAULT, EMOTIONS, Taxonomy


def test_the_codebook_names_and_order() -> None:
    assert CAUSES == (
        "broken_promise",
        "ignored_rejection",
        "no_human_contact",
        "billing",
        "unanswered",
        "disrespect",
        "delivery",
        "product_fault",
        "other",
    )
    assert EMOTIONS == (
        "anger",
        "frustration",
        "impatience",
        "disappointment",
        "anxiety",
        "gratitude",
        "neutral",
    )
    assert DEFAULT.dutch_names["no_human_contact"] == "geen menselijk contact"


def test_causes_are_put_in_codebook_order() -> None:
    assert DEFAULT.check_causes(["billing", "broken_promise"]) == ("broken_promise", "billing")


@pytest.mark.parametrize(
    ("causes", "said"),
    [(["invoice"], "Unknown cause 'invoice'. Known are: broken_promise"), (["other"] * 2, "twice")],
)
def test_bad_causes_are_named(causes: list[str], said: str) -> None:
    with pytest.raises(LabelError, match=said):
        DEFAULT.check_causes(causes)


def test_multi_hot_and_index() -> None:
    hot = DEFAULT.multi_hot([["billing"], []])
    assert hot.shape == (2, 9)
    assert hot[0].tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert not hot[1].any()
    assert np.array_equal(DEFAULT.emotion_index(["anger", "neutral"]), [0, 6])


def test_a_taxonomy_survives_its_own_form() -> None:
    assert Taxonomy.from_dict(DEFAULT.to_dict()) == DEFAULT


def test_a_taxonomy_of_ones_own(tmp_path) -> None:
    path = tmp_path / "labels.toml"
    path.write_text(
        'neutral = "calm"\n[[causes]]\nname = "late"\ndutch = "te laat"\n'
        '[[emotions]]\nname = "calm"\ndutch = "rustig"\n[[emotions]]\nname = "angry"\ndutch = "boos"\n',
        encoding="utf-8",
    )
    own = Taxonomy.from_toml(path)
    assert own.cause_names == ("late",)
    assert own.dutch_names["angry"] == "boos"
    assert own.neutral == "calm"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "non-empty list 'causes'"),
        ("causes = 3", "non-empty list 'causes'"),
        ("[[causes]]\ndutch='x'", "needs a 'name'"),
        ("[[causes", "Cannot read the taxonomy"),
        (
            "neutral='x'\n[[causes]]\nname='a'\n[[emotions]]\nname='b'",
            "Unknown emotion 'x'",
        ),
        ("[[causes]]\nname='a'\n[[causes]]\nname='a'\n[[emotions]]\nname='b'", "distinct causes"),
    ],
)
def test_a_bad_taxonomy_is_refused(tmp_path, text: str, said: str) -> None:
    path = tmp_path / "labels.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabelError, match=said):
        Taxonomy.from_toml(path)


def test_a_name_is_a_cause_or_an_emotion() -> None:
    both = {
        **DEFAULT.to_dict(),
        "emotions": [*DEFAULT.to_dict()["emotions"], DEFAULT.to_dict()["causes"][-1]],
    }
    with pytest.raises(LabelError, match="other: a label is a cause or an emotion, not both"):
        Taxonomy.from_dict(both)
