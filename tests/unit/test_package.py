"""The front of the package: what it exports, and what it costs to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cxnlp

HEAVY = (
    "sklearn",
    "scipy",
    "spacy",
    "pandas",
    "polars",
    "mlflow",
    "matplotlib",
    "fastapi",
    "pyspark",
    "torch",
    "rich",
)


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_exports_are_exactly_all() -> None:
    assert dir(cxnlp) == sorted(cxnlp.__all__)
    assert set(cxnlp._WHERE) | {"__version__"} == set(cxnlp.__all__)
    for name in cxnlp.__all__:
        assert getattr(cxnlp, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Klassifier'"):
        _ = cxnlp.Klassifier


def test_import_loads_nothing_heavy() -> None:
    assert not modules_after("import cxnlp") & {*HEAVY, "numpy", "safetensors"}


def test_a_prediction_loads_nothing_heavy(tiny_bundle) -> None:
    code = f"import cxnlp; cxnlp.load({str(tiny_bundle)!r}).predict('Waar blijft mijn pakket?', explain=True)"
    assert not modules_after(code) & set(HEAVY)
