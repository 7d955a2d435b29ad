"""The pyfunc, logged, loaded and served by MLflow itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxnlp import Classifier
from training import experiments, tracking

TEXTS = [
    "Dinsdag zou de monteur komen, niemand gezien",
    "",
    "Jullie hebben dubbel afgeschreven, oplichters 😡",
    "The delivery was late and nobody called me back about it",
    "Heel blij met de snelle levering, dank jullie wel",
]


@pytest.fixture(scope="module")
def store(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a store in which the tiny model is registered as the challenger."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("store")
        patch.setattr(experiments, "STORE", folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert tracking.log_model(tiny_bundle) == "models:/cxnlp/1"
        yield tracking.tracking_uri()


@pytest.fixture(scope="module")
def served(store: str) -> Iterator[Any]:
    """The model as MLflow loads it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow

        patch.setattr(sys, "path", list(sys.path))
        yield mlflow.pyfunc.load_model("models:/cxnlp@challenger")


def wire(model: Classifier, texts: list[Any], **options: Any) -> list[dict[str, Any]]:
    return [one.to_dict() for one in model.predict(texts, **options)]


def dumped(records: list[Any]) -> list[dict[str, Any]]:
    return [record.model_dump() for record in records]


def test_records_are_the_wire_form(served: Any, tiny_model: Classifier) -> None:
    assert dumped(served.predict(TEXTS)) == wire(tiny_model, TEXTS)


def test_explain_gives_the_evidence(served: Any, tiny_model: Classifier) -> None:
    records = dumped(served.predict(TEXTS, params={"explain": True}))
    assert records == wire(tiny_model, TEXTS, explain=True)
    assert records[0]["causes"][0]["evidence"]


def test_recall_moves_the_thresholds(served: Any, tiny_model: Classifier) -> None:
    promised = tiny_model.with_promise(recall=0.4)
    records = dumped(served.predict(TEXTS, params={"recall": 0.4}))
    assert records == wire(promised, TEXTS) != wire(tiny_model, TEXTS)


def test_a_recall_that_cannot_be_promised_says_why(served: Any) -> None:
    import mlflow

    for recall, why in ((0.99, "No promise can be given"), (1.5, "between 0 and 1")):
        with pytest.raises(mlflow.exceptions.MlflowException, match=why):
            served.predict(TEXTS, params={"recall": recall})


def test_frames_and_series(served: Any, tiny_model: Classifier) -> None:
    for given in (pd.DataFrame({"text": TEXTS}), pd.Series(TEXTS)):
        assert dumped(served.predict(given)) == wire(tiny_model, TEXTS)


def test_an_empty_list_gives_an_empty_list(served: Any) -> None:
    assert served.predict([]) == []


def test_a_bad_item_gives_one_record_with_its_reason(served: Any, tiny_model: Classifier) -> None:
    given: list[Any] = [TEXTS[0], None, 3, float("nan"), TEXTS[2]]
    records = dumped(served.predict(given))
    assert [r["decision"] == "out_of_scope" for r in records] == [False, True, True, True, False]
    assert records[1]["reasons"] == ["not_text: expected a string, got NoneType at position 1"]
    assert [records[0], records[4]] == wire(tiny_model, [TEXTS[0], TEXTS[2]])


@pytest.mark.parametrize("given", ["one text", {"text": TEXTS}, 3, None])
def test_what_is_no_list_is_refused_in_words(served: Any, given: Any) -> None:
    import mlflow

    with pytest.raises(mlflow.exceptions.MlflowException, match="Expected"):
        served.predict(given)


def test_the_signature_tells_the_contract(served: Any) -> None:
    signature = served.metadata.signature.to_dict()
    assert json.loads(signature["inputs"]) == [{"type": "string", "required": True}]
    assert {p["name"]: p["default"] for p in json.loads(signature["params"])} == {
        "explain": False,
        "recall": 0.0,
    }
    [output] = json.loads(signature["outputs"])
    wire_form = ["causes", "decision", "emotion", "id", "language", "model", "reasons", "scores"]
    assert sorted(output["properties"]) == wire_form
    assert output["properties"]["id"]["required"] is False


def test_the_model_brings_its_code_and_says_what_it_requires(
    store: str, tiny_model: Classifier, tmp_path: Path
) -> None:
    """Loaded where there is no checkout, it runs the library that was logged with it."""
    code = f"""
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow
folder = mlflow.artifacts.download_artifacts("models:/cxnlp@challenger", dst_path={str(tmp_path)!r})
model = mlflow.pyfunc.load_model(folder)
import cxnlp
assert cxnlp.__file__.startswith(folder), cxnlp.__file__
print(json.dumps([one.model_dump() for one in model.predict({TEXTS!r})]))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        env={**os.environ, "MLFLOW_TRACKING_URI": store, "MLFLOW_DISABLE_TELEMETRY": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == wire(tiny_model, TEXTS)
    required = (tmp_path / "requirements.txt").read_text().split()
    assert required == tracking.requirements()
    assert all("==" in one for one in required)
    assert "cxnlp" not in {one.split("==")[0] for one in required}


@pytest.mark.slow
def test_serve_over_http(store: str, tiny_model: Classifier, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    binaries = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": store,
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    log = (tmp_path / "log").open("w")
    server = subprocess.Popen(
        [
            *(binaries / "mlflow", "models", "serve", "-m", "models:/cxnlp@challenger"),
            *("--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)),
        ],
        env=environment,
        cwd=tmp_path,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )

    def ask(body: Any, path: str = "/invocations") -> tuple[int, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read().strip() or "null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    try:
        until = time.monotonic() + 35
        while True:
            try:
                assert ask(None, "/ping")[0] == 200
                break
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None and time.monotonic() < until, log.name
                time.sleep(0.2)

        assert ask({"inputs": TEXTS}) == (200, {"predictions": wire(tiny_model, TEXTS)})
        status, answer = ask({"inputs": TEXTS, "params": {"explain": True, "recall": 0.4}})
        promised = tiny_model.with_promise(recall=0.4)
        assert (status, answer["predictions"]) == (200, wire(promised, TEXTS, explain=True))
        assert ask({"inputs": []}) == (200, {"predictions": []})
        status, answer = ask({"inputs": [TEXTS[0], None, 3]})
        assert status == 200
        assert [r["decision"] == "out_of_scope" for r in answer["predictions"]] == [
            False,
            True,
            True,
        ]
        for bad, why in (
            ({"inputs": "one text"}, "Expected a list of texts"),
            ({"inputs": TEXTS, "params": {"recall": 2.0}}, "between 0 and 1"),
            ({"inputs": TEXTS, "params": {"recall": "high"}}, "recall"),
            ({"texts": TEXTS}, "inputs"),
        ):
            status, answer = ask(bad)
            assert status == 400, bad
            assert why in answer["message"]
            assert "Traceback" not in json.dumps(answer)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        log.close()
