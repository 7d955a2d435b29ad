"""The spaCy component, as spaCy finds, runs, saves and loads it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy

from cxnlp import Classifier
from cxnlp.errors import BundleError

TEXTS = [
    "Dinsdag zou de monteur komen, niemand gezien",
    "",
    "Weer een verkeerde factuur en geen mens aan de telefoon 😡",
    "The delivery was late and nobody called me back about it",
    "  \n\t ",
    "Heel blij met de snelle levering, dank jullie wel",
]


@pytest.fixture(scope="module")
def nlp(tiny_bundle: Path) -> Any:
    made = spacy.blank("nl")
    made.add_pipe("cxnlp", config={"model": str(tiny_bundle)})
    return made


def wire(model: Classifier, texts: list[str] = TEXTS, *, explain: bool = True) -> list[Any]:
    return [one.to_dict() for one in model.predict(texts, explain=explain)]


def test_it_is_found_without_an_import(tiny_bundle: Path) -> None:
    code = (
        "import sys, spacy; nlp = spacy.blank('nl')\n"
        f"nlp.add_pipe('cxnlp', config={{'model': {str(tiny_bundle)!r}}})\n"
        f"doc = nlp({TEXTS[0]!r})\n"
        "print([c['label'] for c in doc._.cxnlp['causes']])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['broken_promise']\n"


def test_a_document_holds_the_answer(nlp: Any, tiny_model: Classifier) -> None:
    for text, record in zip(TEXTS, wire(tiny_model), strict=True):
        doc = nlp(text)
        assert doc.text == text
        assert doc._.cxnlp == record
        assert doc.cats == {**record["scores"]["causes"], **record["scores"]["emotions"]}


def test_evidence_is_spans_labelled_by_cause(nlp: Any) -> None:
    doc = nlp(TEXTS[2])
    spans = doc.spans["cxnlp"]
    causes = doc._.cxnlp["causes"]
    assert [span.label_ for span in spans] == [c["label"] for c in causes for _ in c["evidence"]]
    assert {"billing", "no_human_contact"} <= {span.label_ for span in spans}
    pieces = [piece for cause in causes for piece in cause["evidence"]]
    for span, piece, weight in zip(spans, pieces, spans.attrs["scores"], strict=True):
        assert piece["text"] in span.text
        assert span.start_char <= piece["start"] < piece["end"] <= span.end_char
        assert weight == piece["weight"]
    assert not nlp(TEXTS[1]).spans["cxnlp"]


def test_without_explain_there_are_no_spans(tiny_bundle: Path, tiny_model: Classifier) -> None:
    made = spacy.blank("nl")
    made.add_pipe("cxnlp", config={"model": str(tiny_bundle), "explain": False})
    docs = list(made.pipe(TEXTS))
    assert [doc._.cxnlp for doc in docs] == wire(tiny_model, explain=False)
    assert not any(doc.spans["cxnlp"] for doc in docs)


@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_batches(nlp: Any, tiny_model: Classifier, batch_size: int) -> None:
    pairs = list(nlp.pipe(zip(TEXTS, "abcdef", strict=True), as_tuples=True, batch_size=batch_size))
    assert [doc._.cxnlp for doc, _ in pairs] == wire(tiny_model)
    assert [context for _, context in pairs] == list("abcdef")


def test_a_stream_is_not_read_ahead_of_its_batch(nlp: Any) -> None:
    taken = []

    def stream() -> Iterator[str]:
        for text in TEXTS:
            taken.append(text)
            yield text

    next(iter(nlp.pipe(stream(), batch_size=2)))
    assert len(taken) == 2


def test_two_processes(nlp: Any, tiny_model: Classifier) -> None:
    docs = list(nlp.pipe(TEXTS * 2, n_process=2, batch_size=3))
    assert [doc._.cxnlp for doc in docs] == wire(tiny_model) * 2
    here = nlp(TEXTS[2])
    assert [s.text for s in docs[2].spans["cxnlp"]] == [s.text for s in here.spans["cxnlp"]] != []
    assert docs[2].cats == here.cats


def test_a_saved_pipeline_holds_its_model(
    tiny_bundle: Path, tiny_model: Classifier, tmp_path: Path
) -> None:
    moved = tmp_path / "model"
    moved.mkdir()
    for file in tiny_bundle.iterdir():
        (moved / file.name).write_bytes(file.read_bytes())
    made = spacy.blank("nl")
    made.add_pipe("cxnlp", config={"model": str(moved)}, name="klachten")
    made.to_disk(tmp_path / "pipeline")
    moved.rename(tmp_path / "gone")
    again = spacy.load(tmp_path / "pipeline")
    assert again.pipe_names == ["klachten"]
    assert [doc._.cxnlp for doc in again.pipe(TEXTS)] == wire(tiny_model)
    (tmp_path / "pipeline" / "klachten" / "model.json").write_text("{}")
    with pytest.raises(BundleError, match="SHA-256"):
        spacy.load(tmp_path / "pipeline")


def test_beside_other_components(tiny_bundle: Path, tiny_model: Classifier) -> None:
    made = spacy.blank("nl")
    made.add_pipe("sentencizer")
    made.add_pipe("cxnlp", config={"model": str(tiny_bundle)}, first=True)
    assert made.analyze_pipes()["summary"]["cxnlp"]["assigns"] == [
        "doc.cats",
        "doc.spans",
        "doc._.cxnlp",
    ]
    doc = made(f"{TEXTS[0]}. {TEXTS[5]}.")
    assert len(list(doc.sents)) == 2
    assert doc._.cxnlp == wire(tiny_model, [doc.text])[0]


def test_wrong_settings_are_told(tmp_path: Path) -> None:
    made = spacy.blank("nl")
    with pytest.raises(ValueError, match="explain"):
        made.add_pipe("cxnlp", config={"explain": "maybe"})
    made.add_pipe("cxnlp", config={"model": str(tmp_path / "nowhere")})
    with pytest.raises(BundleError, match="No model folder"):
        made(TEXTS[0])


def test_without_spacy() -> None:
    code = "import sys; sys.modules['spacy'] = None; import cxnlp.spacy_component"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "needs the package 'spacy'" in done.stderr
    assert 'pip install "cxnlp[spacy]"' in done.stderr


def test_a_cascade_is_still_one_after_it_was_written_and_read(tmp_path: Path) -> None:
    made = spacy.blank("nl")
    made.add_pipe("cxnlp", config={"model": "auto"})
    version = made(TEXTS[0])._.cxnlp["model"]["version"]
    made.to_disk(tmp_path / "nlp")
    assert spacy.load(tmp_path / "nlp")(TEXTS[0])._.cxnlp["model"]["version"] == version
    assert version.endswith(".auto")
