"""The model as MLflow serves it: a list of texts in, a list of wire-form records out.

MLflow logs this file as code and runs it where the model is loaded (see `training.tracking`);
what it loads is the bundle, which holds nothing executable. MLflow reads the schema of the
answer from `cxnlp.schema`.
"""

# No `from __future__ import annotations`: MLflow reads the hints as types.

from pathlib import Path
from typing import Any, Optional

from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from cxnlp.classifier import Classifier, load
from cxnlp.errors import InputError
from cxnlp.schema import PredictionRecord


class _Predict:
    """Kept out of the MLflow class, which would wrap `predict` in a check of its own.

    That check fails the whole batch for one item that is no string; here such an item gets a
    record that says so.
    """

    classifier: Classifier

    def load_context(self, context: Any) -> None:
        """Load the bundle that was logged as the artefact ``bundle``."""
        self.classifier = load(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: Any,
        model_input: list[str],
        params: Optional[dict[str, Any]] = None,  # noqa: UP045
    ) -> list[PredictionRecord]:
        """Label messages.

        Parameters
        ----------
        model_input
            The messages; an empty list gives an empty list.
        params
            ``explain`` (bool): look for the words that show each label. ``recall`` (0 to 1):
            thresholds that promise to find this share of every cause with 95% confidence; 0
            takes the model's own.

        Raises
        ------
        MlflowException
            If the input is no list of texts, or ``recall`` is out of range or cannot be promised.
        """
        given: Any = model_input  # MLflow passes on whatever came
        asked = params or {}
        try:
            if isinstance(given, str):
                raise InputError("Expected a list of texts, got one text. Put it in a list.")
            model = self._with_recall(asked.get("recall") or 0.0)
            predictions = model.predict(given, explain=bool(asked.get("explain")))
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return [PredictionRecord(**one.to_dict()) for one in predictions]

    def _with_recall(self, recall: float) -> Classifier:
        return self.classifier.with_promise(recall=recall) if recall else self.classifier


class CxnlpModel(_Predict, PythonModel):  # type: ignore[misc]
    """A bundle behind MLflow's `predict`."""


set_model(CxnlpModel())
