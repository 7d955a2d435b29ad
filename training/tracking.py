"""Runs, candidates and models in MLflow: one parent run a training run, a child a candidate."""

from __future__ import annotations

import io
import json
import re
import time
import tomllib
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from cxnlp.bundle import MANIFEST, verify
from cxnlp.errors import TrainingError
from training.bundles import git_commit
from training.corpus import Corpus
from training.experiments import (
    Session,
    connected,
    experiment_id,
    logged_run,
    patiently,
    tracking_uri,
)
from training.gate import Verdict
from training.run import Outcome

__all__ = [
    "Logged",
    "fetch_bundle",
    "log_model",
    "log_run",
    "move_alias",
    "requirements",
    "tracking_uri",
]

_ROOT = Path(__file__).parent.parent
MODEL = "cxnlp"
_AT_ONCE, _LONGEST = 100, 6000  # params MLflow takes in one call; characters of one
_EXAMPLE = "Dinsdag zou de monteur komen, niemand gezien"


@dataclass(frozen=True)
class Logged:
    """Where a run can be found.

    Attributes
    ----------
    uri
        The store, as MLflow's tools want it.
    run_id
        The parent run.
    model_uri
        The registered winner, ``models:/cxnlp/<number>``.
    """

    uri: str
    run_id: str
    model_uri: str


def log_run(outcome: Outcome, verdict: Verdict | None, corpus: Corpus) -> Logged:
    """Log a run with its candidates, register the winner and give it the alias ``challenger``.

    Where the verdict is that the champion was reproduced, the alias ``champion`` is set as
    well, for a store that does not have it yet.

    Raises
    ------
    TrainingError
        If the store cannot be reached or written.
    """
    report = outcome.report
    tags = _tags(report, verdict)
    with connected() as session:
        experiment = experiment_id(session)
        with logged_run(session, experiment, report["version"], tags) as run_id:
            for candidate in report["candidates"]:
                own = {**tags, "mlflow.parentRunId": run_id, "candidate": candidate["name"]}
                with logged_run(session, experiment, candidate["name"], own) as child:
                    _log_data(session, child, corpus)
                    _log_figures(session, child, candidate)
            winner = next(c for c in report["candidates"] if c["name"] == report["winner"])
            _log_data(session, run_id, corpus)
            _log_figures(session, run_id, winner)
            if verdict is not None:
                session.client.log_dict(run_id, verdict.to_dict(), "gate.json")
                session.client.log_text(run_id, verdict.to_markdown(), "gate.md")
            session.client.log_artifacts(run_id, str(outcome.folder))
            model_uri = _register(session, run_id, outcome.folder / "bundle", report["version"])
            if verdict is not None and verdict.outcome == "reproduced":
                _point_champion(session, report["version"])
        return Logged(session.uri, run_id, model_uri)


def log_model(bundle: Path) -> str:
    """Register a bundle that no run logged, give it the alias ``challenger``, return its URI.

    Raises
    ------
    BundleError
        If ``bundle`` holds no sound bundle.
    TrainingError
        If the store cannot be reached or written.
    """
    version = str(verify(bundle)["version"])
    with (
        connected() as session,
        logged_run(
            session, experiment_id(session), f"register {version}", {"version": version}
        ) as run_id,
    ):
        return _register(session, run_id, bundle, version)


def move_alias(version: str) -> None:
    """Point the alias ``champion`` at the registered model of a version.

    Raises
    ------
    TrainingError
        If the store has no such model, or cannot be reached.
    """
    with connected() as session:
        _point_champion(session, version)


def fetch_bundle(version: str, into: Path) -> Path | None:
    """Download the bundle of a registered version; None where MLflow does not have it.

    Raises
    ------
    TrainingError
        If the store cannot be reached.
    """
    with connected() as session:
        number = _number_of(session, version)
        if number is None:
            return None
        try:
            local = session.mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{MODEL}/{number}", dst_path=str(into)
            )
        except (session.mlflow.exceptions.MlflowException, OSError):
            return None
        return next((path.parent for path in Path(local).rglob(MANIFEST)), None)


def requirements() -> list[str]:
    """What a served model needs, in the versions installed here; the library goes along as code."""
    declared = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = [re.split(r"[^\w.-]", one)[0] for one in declared["project"]["dependencies"]]
    return [f"{name}=={installed(name)}" for name in sorted([*names, "mlflow", "pydantic"])]


def _tags(report: Mapping[str, Any], verdict: Verdict | None) -> dict[str, str]:
    tags = {
        "version": report["version"],
        "winner": report["winner"],
        "mlflow.source.name": "python -m training",
        "mlflow.source.type": "LOCAL",
    }
    commit = git_commit()
    if commit:
        tags |= {"git_commit": commit, "mlflow.source.git.commit": commit.removesuffix("-dirty")}
    if verdict is not None:
        tags["gate"] = verdict.outcome
    return tags


def _log_data(session: Session, run_id: str, corpus: Corpus) -> None:
    """The corpus as the run's input: digest and counts, not the messages themselves."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    counts = {part: len(corpus.part(part)) for part in ("train", "dev", "test")}
    data = Dataset(
        name="corpus",
        digest=corpus.digest[:32],  # MLflow keeps 36 characters
        source_type="local",
        source=json.dumps({"uri": "training/data"}),
        profile=json.dumps({"messages": sum(counts.values()), **counts, "sha256": corpus.digest}),
    )
    context = InputTag("mlflow.data.context", "training")
    session.client.log_inputs(run_id, datasets=[DatasetInput(data, [context])])


def _log_figures(session: Session, run_id: str, candidate: Mapping[str, Any]) -> None:
    """A candidate's parameters, and every metric with its interval."""
    from mlflow.entities import Metric, Param

    params = flatten({k: candidate[k] for k in ("name", "kind", "title", "params")})
    metrics = {"seconds": float(candidate["seconds"])}
    for part in ("oof", "dev", "test"):
        metrics |= metrics_of(candidate[part], part)
    now = int(time.time() * 1000)
    numbers = [Metric(_name(name), value, now, 0) for name, value in metrics.items()]
    texts = [Param(_name(name), str(value)[:_LONGEST]) for name, value in params.items()]
    for start in range(0, max(len(numbers), len(texts)), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        session.client.log_batch(run_id, metrics=numbers[some], params=texts[some])


def _name(name: str) -> str:
    """The name with what MLflow does not take (of a label of one's own) as underscores."""
    return re.sub(r"[^\w./: -]", "_", name)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as one level, ``{"a": {"b": 1}}`` as ``{"a.b": 1}``.

    >>> flatten({"kind": "wordgrams", "params": {"gap": 1, "char_sizes": [3, 4]}})
    {'kind': 'wordgrams', 'params.gap': 1, 'params.char_sizes': [3, 4]}
    """
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def metrics_of(figures: Mapping[str, Any], part: str) -> dict[str, float]:
    """The figures of `training.metrics.evaluate` under names for MLflow, without the unknown ones.

    >>> figures = {"summary": {"macro_f1": {"value": 0.7, "low": 0.6, "high": 0.8}},
    ...            "causes": {"billing": {"n": 9, "f1": 0.5, "recall": None}}, "emotions": {}}
    >>> metrics_of(figures, "test")
    {'test/macro_f1': 0.7, 'test/macro_f1_low': 0.6, 'test/macro_f1_high': 0.8, \
'test/causes/billing/n': 9.0, 'test/causes/billing/f1': 0.5}
    """
    found = {}
    for name, entry in figures["summary"].items():
        found[f"{part}/{name}"] = entry["value"]
        found[f"{part}/{name}_low"] = entry["low"]
        found[f"{part}/{name}_high"] = entry["high"]
    for group in ("causes", "emotions"):
        for label, entry in figures[group].items():
            place = f"{part}/{group}/{label.replace('/', '_')}"
            found |= {f"{place}/{name}": value for name, value in entry.items()}
    for name in ("exact_match", "review_share"):
        found[f"{part}/{name}"] = figures.get(name)
    return {name: float(value) for name, value in found.items() if value is not None}


def _register(session: Session, run_id: str, bundle: Path, version: str) -> str:
    """Log the bundle as a pyfunc from code, register it as challenger; returns its URI."""
    mlflow = session.mlflow
    # MLflow prints what it registers, and warns of hints that we check ourselves.
    with mlflow.start_run(run_id=run_id), redirect_stderr(io.StringIO()):
        logged = patiently(
            lambda: mlflow.pyfunc.log_model(
                name="model",
                python_model=str(_ROOT / "cxnlp" / "mlflow_model.py"),
                artifacts={"bundle": str(bundle)},
                code_paths=[str(_ROOT / "cxnlp")],
                pip_requirements=requirements(),
                # With parameters, so that they reach the signature.
                input_example=([_EXAMPLE], {"explain": False, "recall": 0.0}),
            )
        )
        number = patiently(lambda: mlflow.register_model(logged.model_uri, MODEL)).version
    session.client.set_model_version_tag(MODEL, number, "version", version)
    session.client.set_registered_model_alias(MODEL, "challenger", number)
    return f"models:/{MODEL}/{number}"


def _number_of(session: Session, version: str) -> str | None:
    """MLflow's number of the newest registered model of a version."""
    found = session.client.search_model_versions(f"name = '{MODEL}'", max_results=10_000)
    numbers = [int(one.version) for one in found if one.tags.get("version") == version]
    return str(max(numbers)) if numbers else None


def _point_champion(session: Session, version: str) -> None:
    number = _number_of(session, version)
    if number is None:
        raise TrainingError(
            f"MLflow at {session.uri!r} has no registered model {MODEL!r} of version {version}, "
            f"so its alias 'champion' stays as it was; a run logs one."
        )
    session.client.set_registered_model_alias(MODEL, "champion", number)
