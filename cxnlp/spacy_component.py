"""A spaCy component: ``nlp.add_pipe("cxnlp")``, found through an entry point; the extra ``spacy``.

It fills ``doc.cats`` with the calibrated score of every cause and emotion, ``doc._.cxnlp`` with
the record (`Prediction.to_dict`), and ``doc.spans["cxnlp"]`` with the evidence, a span for each
piece, labelled by its cause; the spans' weights are in ``doc.spans["cxnlp"].attrs["scores"]``.
"""

# No `from __future__ import annotations`: spaCy reads the factory's hints as types.

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from cxnlp import bundle as _bundle
from cxnlp.classifier import Classifier, load
from cxnlp.errors import MissingExtraError
from cxnlp.types import Prediction

try:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.util import minibatch
except ImportError as error:
    raise MissingExtraError("spacy", "spacy", "The spaCy component") from error

if TYPE_CHECKING:
    from spacy.tokens import Span

_NAME = "cxnlp"  # of the component, the extension and the group of spans


def make_component(
    nlp: Language,
    name: str,
    model: Optional[str],  # noqa: UP045 (as spaCy's own factories; the hint is read)
    explain: bool,
) -> "Component":
    """Make the component.

    Parameters
    ----------
    model
        What `cxnlp.load` takes: nothing for the model that comes with the package, a folder, or
        a ``models:/`` URI. Read when the first text comes.
    explain
        Whether to look for evidence (about as long again).
    """
    if not Doc.has_extension(_NAME):
        Doc.set_extension(_NAME, default=None)
    return Component(model, explain=explain)


class Component:
    """Labels documents; made by spaCy.

    Parameters
    ----------
    source
        What `cxnlp.load` takes.
    explain
        Whether to look for evidence.
    """

    def __init__(self, source: str | None, *, explain: bool = True) -> None:
        self.source = source
        self.explain = explain
        self._model: Classifier | None = None

    @property
    def classifier(self) -> Classifier:
        """The model, loaded on first use.

        Not called ``model``: spaCy looks for an attribute of that name when a pipe is added,
        which would load it there.

        Not sooner, since a pipeline that is read from disk brings its own (`from_disk`), and the
        folder that it was once made with need not be there.
        """
        if self._model is None:
            self._model = load(self.source)
        return self._model

    def __call__(self, doc: Doc) -> Doc:
        """Label one document."""
        return next(self.pipe([doc], batch_size=1))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """Label documents, ``batch_size`` of them at a time."""
        for docs in minibatch(stream, batch_size):
            predictions = self.classifier.predict([doc.text for doc in docs], explain=self.explain)
            for doc, prediction in zip(docs, predictions, strict=True):
                _fill(doc, prediction)
                yield doc

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model into the pipeline's folder, as a bundle."""
        _bundle.save(self.classifier.bundle, path)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "Component":
        """Read the model from the pipeline's folder."""
        # The folder holds the whole model or its words; a cascade is a way to use it.
        self._model = load(path, mode="auto" if self.source == "auto" else None)
        return self


def _fill(doc: Doc, prediction: Prediction) -> None:
    doc.cats.update(prediction.scores)
    doc.cats.update(prediction.emotion_scores)
    doc._.cxnlp = prediction.to_dict()
    found = [one for one in prediction.evidence if one.label in prediction.causes]
    doc.spans[_NAME] = [_span(doc, one.start, one.end, one.label) for one in found]
    doc.spans[_NAME].attrs["scores"] = [one.weight for one in found]


def _span(doc: Doc, start: int, end: int, label: str) -> "Span":
    """The tokens that a piece of evidence touches."""
    return doc.char_span(start, end, label=label, alignment_mode="expand")


Language.factory(
    _NAME,
    func=make_component,
    default_config={"model": None, "explain": True},
    assigns=["doc.cats", "doc.spans", "doc._.cxnlp"],
)
