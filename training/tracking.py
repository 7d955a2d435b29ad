"""Runs, candidates and models in MLflow.

One parent run a training run, a child a candidate. The store is a SQLite file in the ignored
folder ``.cache/mlflow`` unless ``MLFLOW_TRACKING_URI`` names another. Nothing is set at import;
settings that keep MLflow quiet and off the network hold only while one of these functions runs.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, TypeVar

from cxnlp.bundle import MANIFEST, verify
from cxnlp.errors import MissingExtraError, TrainingError
from training.bundles import git_commit
from training.corpus import Corpus
from training.gate import Verdict
from training.run import Outcome

_ROOT = Path(__file__).parent.parent
STORE = _ROOT / ".cache" / "mlflow"
MODEL = "cxnlp"
EXPERIMENT = "cxnlp"
_PATIENCE = 60  # seconds that a SQLite file may stay locked by another run
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # A server that is not there is told after seconds, not minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
_EXAMPLE = "Dinsdag zou de monteur komen, niemand gezien"
_Result = TypeVar("_Result")


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


def tracking_uri() -> str:
    """The store: what ``MLFLOW_TRACKING_URI`` says, or a SQLite file in an ignored folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{STORE / 'mlflow.db'}"


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
    with _session() as session:
        client = session.client
        experiment = _experiment(session)
        run = client.create_run(experiment, tags=tags, run_name=report["version"])
        run_id = run.info.run_id
        try:
            _log_data(session, run_id, corpus)
            for candidate in report["candidates"]:
                child = client.create_run(
                    experiment,
                    tags={**tags, "mlflow.parentRunId": run_id, "candidate": candidate["name"]},
                    run_name=candidate["name"],
                ).info.run_id
                _log_data(session, child, corpus)
                _log_figures(session, child, candidate)
                client.set_terminated(child)
            winner = next(c for c in report["candidates"] if c["name"] == report["winner"])
            _log_figures(session, run_id, winner)
            if verdict is not None:
                client.log_dict(run_id, verdict.to_dict(), "gate.json")
                client.log_text(run_id, verdict.to_markdown(), "gate.md")
            client.log_artifacts(run_id, str(outcome.folder))
            number = _register(session, run_id, outcome.folder / "bundle", report["version"])
            client.set_registered_model_alias(MODEL, "challenger", number)
            if verdict is not None and verdict.outcome == "reproduced":
                _point_champion(session, report["version"])
        except BaseException as error:
            client.set_terminated(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
            raise
        client.set_terminated(run_id)
        return Logged(session.uri, run_id, f"models:/{MODEL}/{number}")


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
    with _session() as session:
        client = session.client
        run = client.create_run(
            _experiment(session), tags={"version": version}, run_name=f"register {version}"
        )
        number = _register(session, run.info.run_id, bundle, version)
        client.set_registered_model_alias(MODEL, "challenger", number)
        client.set_terminated(run.info.run_id)
        return f"models:/{MODEL}/{number}"


def move_alias(version: str) -> None:
    """Point the alias ``champion`` at the registered model of a version.

    Raises
    ------
    TrainingError
        If the store has no such model, or cannot be reached.
    """
    with _session() as session:
        _point_champion(session, version)


def fetch_bundle(version: str, into: Path) -> Path | None:
    """Download the bundle of a registered version; None where MLflow does not have it.

    Raises
    ------
    TrainingError
        If the store cannot be reached.
    """
    with _session() as session:
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


@dataclass(frozen=True)
class _Session:
    """MLflow, pointed at a store."""

    mlflow: Any
    client: Any
    uri: str
    own: bool  # whether the store is the SQLite file of this checkout


@contextmanager
def _session() -> Iterator[_Session]:
    """MLflow, quiet and pointed at the store; what was set is put back afterwards."""
    uri = tracking_uri()
    own = "MLFLOW_TRACKING_URI" not in os.environ
    settings = {name: os.environ.get(name, value) for name, value in _QUIET.items()}
    settings["MLFLOW_TRACKING_URI"] = f"{uri}?timeout={_PATIENCE}" if own else uri
    before = {name: os.environ.get(name) for name in settings}
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    os.environ.update(settings)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow's, about what it uses itself
            try:
                import mlflow
            except ImportError as error:
                raise MissingExtraError("mlflow", "mlflow", "Logging runs") from error
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            try:
                with _alone() if own else nullcontext():
                    client = _Patient(mlflow.MlflowClient())
                yield _Session(mlflow, client, uri, own)
            except (mlflow.exceptions.MlflowException, _database_error(), OSError) as error:
                raise TrainingError(
                    f"MLflow at {uri!r} refused: {error}. The bundle and the report are on disk. "
                    f"Free some space, or set MLFLOW_TRACKING_URI to a store that works; the file "
                    f"of an older MLflow is brought up to date by `mlflow db upgrade {uri}`."
                ) from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock while the SQLite file is made: MLflow fails where two runs make it at once."""
    import fcntl

    STORE.mkdir(parents=True, exist_ok=True)
    with (STORE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _database_error() -> type[Exception]:
    from sqlalchemy.exc import SQLAlchemyError

    return SQLAlchemyError


class _Patient:
    """An MLflow client that tries again while another run has the SQLite file locked."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return lambda *args, **kwargs: _patiently(lambda: method(*args, **kwargs))


def _patiently(call: Callable[[], _Result]) -> _Result:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return call()
        except Exception as error:
            if "database is locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.2)


def _experiment(session: _Session) -> str:
    """Its id; made when it is not there, by this run or by another at the same moment.

    Artefacts of our own store lie beside it, and MLflow notes where by an absolute path: when
    the checkout was moved, the old experiment is put aside under another name.
    """
    client = session.client
    place = (STORE / "artifacts").as_uri() if session.own else None
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None and place and found.artifact_location != place:
        client.rename_experiment(found.experiment_id, f"{EXPERIMENT} until {time.time():.0f}")
        found = None
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(EXPERIMENT, artifact_location=place))
    except session.mlflow.exceptions.MlflowException:
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            raise
        return str(found.experiment_id)


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


def _log_data(session: _Session, run_id: str, corpus: Corpus) -> None:
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


def _log_figures(session: _Session, run_id: str, candidate: Mapping[str, Any]) -> None:
    """A candidate's parameters, and every metric with its interval."""
    from mlflow.entities import Metric, Param

    params = flatten({k: candidate[k] for k in ("name", "kind", "title", "params")})
    now = int(time.time() * 1000)
    metrics = {"seconds": candidate["seconds"]}
    for part in ("oof", "dev", "test"):
        metrics |= metrics_of(candidate[part], part)
    session.client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
        params=[Param(name, str(value)) for name, value in params.items()],
    )


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
'test/billing/n': 9.0, 'test/billing/f1': 0.5}
    """
    found = {}
    for name, entry in figures["summary"].items():
        found[f"{part}/{name}"] = entry["value"]
        found[f"{part}/{name}_low"] = entry["low"]
        found[f"{part}/{name}_high"] = entry["high"]
    for group in ("causes", "emotions"):
        for label, entry in figures[group].items():
            found |= {f"{part}/{label}/{name}": value for name, value in entry.items()}
    for name in ("exact_match", "review_share"):
        found[f"{part}/{name}"] = figures.get(name)
    return {name: float(value) for name, value in found.items() if value is not None}


def _register(session: _Session, run_id: str, bundle: Path, version: str) -> str:
    """Log the bundle as a pyfunc from code and register it; returns its number in MLflow."""
    mlflow = session.mlflow
    # MLflow prints what it registers, and warns of hints that we check ourselves.
    with mlflow.start_run(run_id=run_id), redirect_stderr(io.StringIO()):
        logged = _patiently(
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
        number = _patiently(lambda: mlflow.register_model(logged.model_uri, MODEL)).version
    session.client.set_model_version_tag(MODEL, number, "version", version)
    return str(number)


def _number_of(session: _Session, version: str) -> str | None:
    """MLflow's number of the newest registered model of a version."""
    found = session.client.search_model_versions(f"name = '{MODEL}'", max_results=10_000)
    numbers = [int(one.version) for one in found if one.tags.get("version") == version]
    return str(max(numbers)) if numbers else None


def _point_champion(session: _Session, version: str) -> None:
    number = _number_of(session, version)
    if number is None:
        raise TrainingError(
            f"MLflow at {session.uri!r} has no registered model {MODEL!r} of version {version}, "
            f"so its alias 'champion' stays as it was; a run logs one."
        )
    session.client.set_registered_model_alias(MODEL, "champion", number)
