"""What a run leaves in MLflow; every test uses a real store."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import cxnlp
from cxnlp import bundle as bundles
from cxnlp.errors import BundleError, TrainingError
from cxnlp.labels import DEFAULT
from cxnlp.record import Record
from training import experiments
from training.bundles import evaluate_model, score
from training.candidates import Config
from training.corpus import Corpus
from training.fit import Trained
from training.gate import Check, Verdict
from training.registry import Store, champion_version, promote, rollback
from training.run import Outcome
from training.tracking import (
    Logged,
    fetch_bundle,
    log_model,
    log_run,
    move_alias,
    tracking_uri,
)

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Run:
    """A run, where it was logged, and MLflow's client."""

    outcome: Outcome
    corpus: Corpus
    logged: Logged
    client: Any

    def children(self) -> dict[str, Any]:
        [experiment] = self.client.search_experiments(filter_string="name = 'cxnlp'")
        found = self.client.search_runs(
            [experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{self.logged.run_id}'"
        )
        return {run.info.run_name: run for run in found}


def corpus_of(rows: list[Record]) -> Corpus:
    split = {row.id: "test" if i % 2 else "train" for i, row in enumerate(rows)}
    return Corpus(tuple(rows), split, {row.id: row.id for row in rows}, DEFAULT)


def outcome_of(bundle: Path, corpus: Corpus, folder: Path, version: str) -> Outcome:
    """What a run with the tiny model as its winner, and one other candidate, leaves behind."""
    model = replace(bundles.load(bundle), version=version)
    bundles.save(model, folder / "bundle", extra={"README.md": "# Card\n"})
    (folder / "plots").mkdir()
    (folder / "plots" / "causes.png").write_bytes(b"PNG")
    (folder / "report.md").write_text("# Report\n")
    loaded = cxnlp.load(folder / "bundle")
    figures = evaluate_model(loaded, corpus.part("test"))
    configs = [
        Config("wordgrams", "wordgrams", "Word groups", {"gap": 1, "char_sizes": [3, 4]}),
        Config("keywords", "keywords", "Keywords"),
    ]
    report = {
        "version": version,
        "winner": "wordgrams",
        "data": {"digest": corpus.digest, "train": 32, "dev": 0, "test": 31},
        "candidates": [
            {
                "name": config.name,
                "kind": config.kind,
                "title": config.title,
                "params": config.params,
                "seconds": 1.5,
                **dict.fromkeys(("oof", "dev", "test"), figures),
            }
            for config in configs
        ],
    }
    (folder / "report.json").write_text(json.dumps(report))
    oof = score(loaded, corpus.part("test"))
    winner = Trained(configs[0], model.scorer, model.calibration, model.rule, oof, 1.5)
    return Outcome(folder, report, winner, loaded)


@pytest.fixture(scope="module")
def rows() -> list[Record]:
    texts = {
        "Dinsdag zou de monteur komen, niemand gezien": "broken_promise",
        "Jullie hebben dubbel afgeschreven, oplichters": "billing",
        "Drie mails gestuurd en nog steeds geen antwoord": "unanswered",
    }
    return [
        Record(f"{i}{cause}", f"{text} {i}", (cause,), "anger")
        for i in range(12)
        for text, cause in texts.items()
    ]


@pytest.fixture(scope="module")
def run(
    tiny_bundle: Path, rows: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    """One logged run in the store of this checkout, which lies elsewhere for the tests."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("run")
        patch.setattr(experiments, "STORE", folder / "mlflow")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        corpus = corpus_of(rows)
        outcome = outcome_of(tiny_bundle, corpus, folder / "first", "0.1.0+aaa")
        verdict = Verdict("promote", "0.1.0+aaa", None, (Check("size", True, "4 MB"),))
        logged = log_run(outcome, verdict, corpus)
        import mlflow

        yield Run(outcome, corpus, logged, mlflow.MlflowClient(logged.uri, logged.uri))


def test_one_parent_and_a_child_for_each_candidate(run: Run) -> None:
    parent = run.client.get_run(run.logged.run_id)
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["version"] == "0.1.0+aaa"
    assert parent.data.tags["gate"] == "promote"
    children = run.children()
    assert set(children) == {"wordgrams", "keywords"}
    assert all(child.info.status == "FINISHED" for child in children.values())
    assert children["wordgrams"].data.params == {
        "name": "wordgrams",
        "kind": "wordgrams",
        "title": "Word groups",
        "params.gap": "1",
        "params.char_sizes": "[3, 4]",
    }


def test_metrics_for_each_label_with_intervals(run: Run) -> None:
    metrics = run.children()["keywords"].data.metrics
    figures = run.outcome.report["candidates"][1]["test"]
    for cause in ("billing", "broken_promise"):
        for name in ("n", "f1", "f1_low", "f1_high", "precision", "recall", "ece"):
            assert metrics[f"test/causes/{cause}/{name}"] == figures["causes"][cause][name]
    assert metrics["test/emotions/anger/f1"] == figures["emotions"]["anger"]["f1"]
    for end, name in (("", "value"), ("_low", "low"), ("_high", "high")):
        assert metrics[f"oof/macro_f1{end}"] == figures["summary"]["macro_f1"][name]
    assert metrics["seconds"] == 1.5
    assert "test/emotions/gratitude/recall" not in metrics  # there is none, so there is no number


def test_the_corpus_is_an_input_with_digest_and_counts(run: Run) -> None:
    for one in (run.client.get_run(run.logged.run_id), *run.children().values()):
        [given] = one.inputs.dataset_inputs
        assert given.dataset.name == "corpus"
        assert run.corpus.digest.startswith(given.dataset.digest)
        counts = json.loads(given.dataset.profile)
        assert (counts["train"], counts["test"], counts["messages"]) == (18, 18, 36)


def test_artefacts_hold_report_plots_gate_and_bundle(run: Run, tmp_path: Path) -> None:
    names = {item.path for item in run.client.list_artifacts(run.logged.run_id)}
    assert names >= {"bundle", "plots", "report.json", "report.md", "gate.json", "gate.md"}
    local = run.client.download_artifacts(run.logged.run_id, "bundle", str(tmp_path))
    assert bundles.verify(local)["version"] == "0.1.0+aaa"
    assert (Path(local) / "README.md").read_text() == "# Card\n"


def test_the_winner_is_registered_as_challenger_and_then_champion(
    run: Run, tiny_bundle: Path, tmp_path: Path
) -> None:
    def aliases() -> dict[str, str]:
        found = run.client.get_registered_model("cxnlp").aliases
        return {alias: f"models:/cxnlp/{number}" for alias, number in found.items()}

    first = run.logged.model_uri
    assert aliases() == {"challenger": first}
    move_alias("0.1.0+aaa")
    assert aliases() == {"challenger": first, "champion": first}
    with pytest.raises(TrainingError, match=r"no registered model 'cxnlp' of version 9\.9"):
        move_alias("9.9")

    second = outcome_of(tiny_bundle, run.corpus, tmp_path / "second", "0.1.0+bbb")
    logged = log_run(second, None, run.corpus)
    assert aliases() == {"challenger": logged.model_uri, "champion": first}
    found = fetch_bundle("0.1.0+aaa", tmp_path / "fetched")
    assert found is not None and bundles.verify(found)["version"] == "0.1.0+aaa"
    assert fetch_bundle("9.9", tmp_path / "none") is None


def test_promote_and_roll_back_move_folder_and_alias_together(
    run: Run, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "STORE", tmp_path / "mlflow")
    store = Store(tmp_path / "models", tmp_path / "cache")
    import mlflow

    def champion() -> str:
        client = mlflow.MlflowClient(tracking_uri(), tracking_uri())
        tags: dict[str, str] = client.get_model_version_by_alias("cxnlp", "champion").tags
        return tags["version"]

    for version in ("1+a", "1+b"):
        outcome = outcome_of(tiny_bundle, run.corpus, tmp_path / version, version)
        log_model(outcome.folder / "bundle")
        moved = promote(outcome.folder / "bundle", version, "better", alias=move_alias, store=store)
        assert (moved.warning, champion()) == ("", version)
    shutil.rmtree(store.cache)  # the bundle comes from MLflow then
    moved = rollback("worse", alias=move_alias, fetch=fetch_bundle, store=store)
    assert (moved.warning, champion(), champion_version(store)) == ("", "1+a", "1+a")

    monkeypatch.setattr(experiments, "STORE", tmp_path / "fresh")  # MLflow's store is gone
    promote(tmp_path / "1+b" / "bundle", "1+b", "after all", store=store)
    moved = rollback("worse", alias=move_alias, fetch=fetch_bundle, store=store)
    assert "no registered model 'cxnlp' of version 1+a" in moved.warning
    assert champion_version(store) == "1+a"
    shutil.rmtree(store.cache)
    with pytest.raises(TrainingError, match="no former champion"):
        rollback("again", alias=move_alias, fetch=fetch_bundle, store=store)


def test_a_reproduced_champion_gets_its_alias_in_a_fresh_store(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "STORE", tmp_path / "mlflow")
    verdict = Verdict("reproduced", "0.1.0+aaa", "0.1.0+aaa", ())
    logged = log_run(run.outcome, verdict, run.corpus)
    import mlflow

    client = mlflow.MlflowClient(logged.uri, logged.uri)
    assert set(client.get_registered_model("cxnlp").aliases) == {"challenger", "champion"}


def test_the_registered_model_can_be_loaded_by_its_alias(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", run.logged.uri)
    assert cxnlp.load("models:/cxnlp@challenger").name == "tiny"
    with pytest.raises(BundleError, match="alias"):
        cxnlp.load("models:/cxnlp@nobody")


def test_nothing_is_printed_and_no_setting_stays(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(experiments, "STORE", tmp_path / "mlflow")
    before = dict(os.environ), logging.getLogger("mlflow").level
    log_run(run.outcome, None, run.corpus)
    assert (dict(os.environ), logging.getLogger("mlflow").level) == before
    assert capfd.readouterr() == ("", "")


def test_a_store_of_ones_own_is_honoured(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'other.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    before = (experiments.STORE / "mlflow.db").stat().st_mtime_ns
    assert log_run(run.outcome, None, run.corpus).uri == uri
    with sqlite3.connect(tmp_path / "other.db") as db:
        [runs] = db.execute("select count(*) from runs").fetchone()
    assert runs == 3
    assert (experiments.STORE / "mlflow.db").stat().st_mtime_ns == before


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "nonsense://somewhere"])
def test_a_store_that_cannot_be_reached_is_named(
    run: Run, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrainingError, match=uri) as told:
        log_run(run.outcome, None, run.corpus)
    assert "MLFLOW_TRACKING_URI" in str(told.value)


def test_a_moved_checkout_gets_a_new_place_for_artefacts(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "STORE", tmp_path / "here")
    log_run(run.outcome, None, run.corpus)
    (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.setattr(experiments, "STORE", tmp_path / "there")
    logged = log_run(run.outcome, None, run.corpus)
    assert not (tmp_path / "here").exists()
    assert list((tmp_path / "there" / "artifacts" / logged.run_id).rglob("report.json"))


def test_a_failed_run_is_marked_as_failed(run: Run, tmp_path: Path) -> None:
    broken = replace(run.outcome, folder=tmp_path / "nothing")
    with pytest.raises(TrainingError, match="nothing"):
        log_run(broken, None, run.corpus)
    [experiment] = run.client.search_experiments(filter_string="name = 'cxnlp'")
    newest = run.client.search_runs(
        [experiment.experiment_id], "tags.version != ''", order_by=["start_time DESC"]
    )
    parents = [one for one in newest if "mlflow.parentRunId" not in one.data.tags]
    assert parents[0].info.status == "FAILED"


def test_a_locked_store_is_waited_for(run: Run) -> None:
    path = experiments.STORE / "mlflow.db"
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("begin exclusive")
        held.set()
        done.wait(5.5)
        db.execute("commit")
        db.close()

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    start = time.monotonic()
    log_run(run.outcome, None, run.corpus)
    took = time.monotonic() - start
    done.set()
    other.join()
    assert took > 5.2


def test_two_runs_at_once_in_a_store_that_is_not_there_yet(run: Run, tmp_path: Path) -> None:
    code = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
from pathlib import Path
from types import SimpleNamespace
import json
from training import experiments, tracking
from training.corpus import Corpus
from cxnlp.labels import DEFAULT
from cxnlp.record import Record
experiments.STORE = Path({str(tmp_path / "mlflow")!r})
folder = Path({str(run.outcome.folder)!r})
outcome = SimpleNamespace(folder=folder, report=json.loads((folder / "report.json").read_text()))
corpus = Corpus((Record("1", "t", (), "anger"),), {{"1": "train"}}, {{"1": "1"}}, DEFAULT)
print(tracking.log_run(outcome, None, corpus).model_uri)
"""
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [one.communicate(timeout=60) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert {out.strip() for out, _ in said} == {"models:/cxnlp/1", "models:/cxnlp/2"}


def test_labels_of_ones_own_are_logged_under_names_that_mlflow_takes(
    run: Run, tmp_path: Path
) -> None:
    """Many labels, with signs in their names, and one name for a cause and an emotion."""
    entry = {"n": 5, "f1": 0.5, "f1_low": 0.4, "f1_high": 0.6, "recall": None}
    labels = {f"prijs & kosten/{i} (€)": entry for i in range(150)}
    figures = {"summary": {}, "causes": {**labels, "other": entry}, "emotions": {"other": entry}}
    candidate = {
        **run.outcome.report["candidates"][0],
        **dict.fromkeys(("oof", "dev", "test"), figures),
        "params": {"phrases": {"other": ["woord " * 2000]}},
    }
    report = {**run.outcome.report, "candidates": [candidate]}
    logged = log_run(replace(run.outcome, report=report), None, run.corpus)
    data = run.client.get_run(logged.run_id).data
    assert len(data.metrics) == 1 + 3 * 152 * 4
    assert data.metrics["test/causes/prijs _ kosten_7 ___/f1"] == 0.5
    assert data.metrics["test/emotions/other/f1"] == data.metrics["test/causes/other/f1"]
    assert len(data.params["params.phrases.other"]) == 6000
