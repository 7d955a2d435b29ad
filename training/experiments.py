"""The store of experiments: MLflow, quiet, pointed at it, and patient with another run in it.

The store is a SQLite file in the ignored folder ``.cache/mlflow`` unless ``MLFLOW_TRACKING_URI``
names another. Nothing is set at import; settings that keep MLflow quiet and off the network hold
only while `connected`.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cxnlp.errors import MissingExtraError, TrainingError

STORE = Path(__file__).parent.parent / ".cache" / "mlflow"
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
_Result = TypeVar("_Result")


def tracking_uri() -> str:
    """The store: what ``MLFLOW_TRACKING_URI`` says, or a SQLite file in an ignored folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{STORE / 'mlflow.db'}"


@dataclass(frozen=True)
class Session:
    """MLflow, pointed at a store."""

    mlflow: Any
    client: Any
    uri: str
    own: bool  # whether the store is the SQLite file of this checkout


@contextmanager
def connected() -> Iterator[Session]:
    """MLflow, quiet and pointed at the store; what was set is put back afterwards."""
    uri = tracking_uri()
    own = not os.environ.get("MLFLOW_TRACKING_URI")
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
                yield Session(mlflow, client, uri, own)
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
        return lambda *args, **kwargs: patiently(lambda: method(*args, **kwargs))


def patiently(call: Callable[[], _Result]) -> _Result:
    """The call's result; tried again while another run has the SQLite file locked."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return call()
        except Exception as error:
            if "database is locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.2)


def experiment_id(session: Session) -> str:
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


@contextmanager
def logged_run(
    session: Session, experiment: str, name: str, tags: Mapping[str, str]
) -> Iterator[str]:
    """The id of a new run, which ends as finished, failed or killed."""
    run = session.client.create_run(experiment, tags=dict(tags), run_name=name)
    status = "KILLED"
    try:
        yield run.info.run_id
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        session.client.set_terminated(run.info.run_id, status)
