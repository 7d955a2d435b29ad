"""The REST door as callers see it: a real server, real requests."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from serving import Answer, Server, serving, wait_for

from cxnlp import Classifier, __version__
from cxnlp.server import schemas

TEXTS = [
    "Dinsdag zou de monteur komen, niemand gezien",
    "",
    "Jullie hebben dubbel afgeschreven, oplichters 😡",
    "The delivery was late and nobody called me back about it",
    "Heel blij met de snelle levering, dank jullie wel",
]
SECRET = "Bijzonderegeheimewoorden"


@pytest.fixture(scope="module")
def server(tiny_bundle: Path) -> Iterator[Server]:
    limits = {"max_messages": 10, "max_body": 60_000, "max_characters": 500, "body_seconds": 1}
    with serving(tiny_bundle, **limits) as running:
        yield running


def wire(model: Classifier, texts: list[Any], **options: Any) -> list[dict[str, Any]]:
    return [one.to_dict() for one in model.predict(texts, **options)]


def predictions(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    found: list[dict[str, Any]] = answer.json()["predictions"]
    return found


def refused(answer: Answer, status: int, where: str | None, *said: str) -> None:
    content = answer.json()
    assert (answer.status, content["where"]) == (status, where), content
    for part in said:
        assert part in content["message"]
    assert content["request_id"] == answer.headers["X-Request-ID"]
    assert content["error_code"].isupper()


class TestPredict:
    def test_one_text(self, server: Server, tiny_model: Classifier) -> None:
        answer = server.ask("/predict", {"text": TEXTS[0], "id": 7})
        assert predictions(answer) == wire(tiny_model, TEXTS[:1], ids=[7])

    def test_many_in_order(self, server: Server, tiny_model: Classifier) -> None:
        ids = ["a", 2, None, "a", "é😀"]
        messages = [{"id": i, "text": t} for i, t in zip(ids, TEXTS, strict=True)]
        for explain in (False, True):
            answer = server.ask("/predict", {"messages": messages, "explain": explain})
            assert predictions(answer) == wire(tiny_model, TEXTS, ids=ids, explain=explain)
        assert predictions(server.ask("/predict", {"messages": []})) == []

    def test_answers_have_the_published_form(self, server: Server) -> None:
        messages = [{"text": text} for text in TEXTS] + [{"text": 3}]
        answer = server.ask("/predict", {"messages": messages, "explain": True})
        read = schemas.Predictions.model_validate_json(answer.body)
        assert [type(one) for one in read.predictions] == [schemas.RestRecord] * 5 + [
            schemas.ErrorRecord
        ]
        assert [one.model_dump() for one in read.predictions] == predictions(answer)

    @pytest.mark.parametrize(
        ("bad", "name", "said"),
        [
            ({"id": "x"}, "x", "text: is missing"),
            ({"id": 5, "text": None}, 5, "text: expected a string, got null"),
            ({"id": "x", "text": ["a"]}, "x", "text: expected a string, got an array"),
            ({"id": [1], "text": "a"}, None, "id"),
            ({"id": True, "text": "a"}, None, "id"),
            ("just text", None, "expected an object with a 'text', got a string"),
            (None, None, "got null"),
            ({"id": "x", "text": "a" * 501}, "x", "500 characters; got 501"),
        ],
    )
    def test_one_bad_message_is_one_error(
        self, server: Server, tiny_model: Classifier, bad: Any, name: Any, said: str
    ) -> None:
        messages = [{"text": TEXTS[0]}, bad, {"text": TEXTS[2]}, bad]
        found = predictions(server.ask("/predict", {"messages": messages}))
        assert [found[0], found[2]] == wire(tiny_model, [TEXTS[0], TEXTS[2]])
        assert found[1] == found[3]
        assert found[1].keys() == {"id", "error"}
        assert found[1]["id"] == name
        assert said in found[1]["error"]

    @pytest.mark.parametrize(
        ("body", "where", "said"),
        [
            (b"", "body", "got nothing"),
            (b"{", "body", "no JSON"),
            (b"\xff{}", "body", "no JSON"),
            (b"[" * 30_000, "body", "no JSON"),
            (b'{"text": ' + b"9" * 5_000 + b"}", "body", "no JSON"),
            ([1], "body", "got an array"),
            ("text", "body", "got a string"),
            ({}, "body", "either 'text' or 'messages'"),
            ({"text": "a", "messages": []}, "body", "either 'text' or 'messages'"),
            ({"text": 5}, "text", "expected a string, got a number"),
            ({"messages": {"text": "a"}}, "messages", "expected an array, got an object"),
            ({"text": "a", "explian": True}, "explian", "not known"),
            ({"text": "a", "explain": "yes"}, "explain", "expected true or false"),
        ],
    )
    def test_what_makes_no_sense_is_422(
        self, server: Server, body: Any, where: str, said: str
    ) -> None:
        refused(server.ask("/predict", body), 422, where, said)

    def test_half_a_character_does_no_harm(self, server: Server) -> None:
        body = b'{"messages": [{"id": "\\ud83d", "text": "te laat \\ud83d"}, {"text": "te laat"}]}'
        first, second = predictions(server.ask("/predict", body))
        assert first["id"] == "\ud83d"
        assert second["decision"]


class TestInvocations:
    @pytest.mark.parametrize(
        "body",
        [
            {"inputs": TEXTS},
            {"inputs": {"text": TEXTS}},
            {"instances": TEXTS},
            {"instances": [{"text": text} for text in TEXTS]},
            {"dataframe_records": [{"text": text, "channel": "email"} for text in TEXTS]},
            {"dataframe_split": {"columns": ["text"], "data": [[text] for text in TEXTS]}},
            {"dataframe_split": {"index": [4], "columns": ["x"], "data": [[t] for t in TEXTS]}},
        ],
    )
    def test_every_form(self, server: Server, tiny_model: Classifier, body: Any) -> None:
        assert predictions(server.ask("/invocations", body)) == wire(tiny_model, TEXTS)
        body = {**body, "params": {"explain": True, "recall": 0.4}}
        promised = tiny_model.with_promise(recall=0.4)
        assert predictions(server.ask("/invocations", body)) == wire(promised, TEXTS, explain=True)

    def test_ids_come_back(self, server: Server) -> None:
        rows = [{"id": "a", "text": "hallo"}, {"id": 3, "text": "dag"}]
        assert [p["id"] for p in predictions(server.ask("/invocations", {"instances": rows}))] == [
            "a",
            3,
        ]

    def test_no_text_is_answered_as_mlflow_does(
        self, server: Server, tiny_model: Classifier
    ) -> None:
        given = [TEXTS[0], None, 3, TEXTS[2]]
        found = predictions(server.ask("/invocations", {"inputs": given}))
        assert found == wire(tiny_model, given)
        assert found[1]["decision"] == "out_of_scope"

    @pytest.mark.parametrize(
        ("body", "where", "said"),
        [
            ({}, "body", "exactly one of inputs"),
            ({"inputs": [], "instances": []}, "body", "got inputs, instances"),
            ({"texts": TEXTS}, "body", "got none"),
            ({"inputs": "one text"}, "inputs.list[any]", ""),
            ({"inputs": TEXTS, "params": {"recall": 2}}, "params.recall", "less than 1"),
            ({"inputs": TEXTS, "params": {"recall": 0.999}}, "params.recall", "No promise"),
            ({"inputs": TEXTS, "params": {"threshold": 1}}, "params.threshold", "not known"),
            ({"inputs": {"a": ["x"], "b": []}}, "inputs", "differ in length"),
            ({"instances": [{"a": 1, "b": 2}]}, "instances.0", "columns are: 'a', 'b'"),
            (
                {"dataframe_split": {"columns": ["text"], "data": [["a"], []]}},
                "dataframe_split.data.1",
                "0 values for 1 columns",
            ),
            ({"inputs": TEXTS * 3}, None, ""),
        ],
    )
    def test_bad_input_is_told(
        self, server: Server, body: Any, where: str | None, said: str
    ) -> None:
        if where is None:
            refused(server.ask("/invocations", body), 413, "inputs", "10 messages; got 15")
        else:
            refused(server.ask("/invocations", body), 400, where, said)

    def test_csv_is_refused_in_words(self, server: Server) -> None:
        answer = server.ask("/invocations", b"text\na\n", {"Content-Type": "text/csv"})
        refused(answer, 415, "headers", "got text/csv")


class TestLimits:
    def test_messages_a_call(self, server: Server) -> None:
        body = {"messages": [{"text": "a"}] * 11}
        refused(server.ask("/predict", body), 413, "messages", "10 messages; got 11")

    def test_characters_a_message_count_as_people_do(self, server: Server) -> None:
        refused(server.ask("/predict", {"text": "a" * 501}), 413, "text", "got 501")
        assert len(predictions(server.ask("/predict", {"text": "😡" * 500}))) == 1

    def test_bytes_of_a_body_as_told(self, server: Server) -> None:
        refused(server.ask("/predict", b"x" * 60_001), 413, "body", "60,000 bytes; got 60,001")

    def test_bytes_of_a_body_in_chunks(self, server: Server) -> None:
        chunks = (b"x" * 10_000 for _ in range(7))
        refused(server.ask("/predict", chunks), 413, "body", "60,000 bytes; got more")
        small = iter([b'{"te', b'xt": "te laat', b'"}'])
        assert len(predictions(server.ask("/predict", small))) == 1

    def test_a_body_that_never_ends(self, server: Server) -> None:
        refused(
            server.ask("/predict", b'{"text": "a"}', {"Content-Length": "500"}),
            408,
            "body",
            "after 1 seconds; 13 bytes",
        )

    def test_a_body_longer_than_told(self, server: Server) -> None:
        body = b'{"text": "a"}'
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as caller:
            head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
            caller.sendall(head + body)
            came = caller.recv(10_000)
        # The rest reads as another request, which makes no sense.
        assert came.startswith((b"HTTP/1.1 422", b"HTTP/1.1 400"))

    def test_a_length_that_is_no_number(self, server: Server) -> None:
        answer = server.ask("/predict", b'{"text": "a"}', {"Content-Length": "lang"})
        assert answer.status == 400

    def test_a_caller_who_goes_away_harms_nobody(self, server: Server) -> None:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", server.port)) as caller:
                caller.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
        assert len(predictions(server.ask("/predict", {"text": "a"}))) == 1


class TestFacts:
    def test_health_and_ping(self, server: Server) -> None:
        assert server.ask("/health").json() == {
            "status": "ready",
            "model": {"name": "tiny", "version": "0.0.1"},
            "model_error": None,
        }
        assert (server.ask("/ping").status, server.ask("/ping").body) == (200, b"\n")

    def test_version(self, server: Server) -> None:
        assert server.ask("/version").json() == {
            "cxnlp": __version__,
            "model": {"name": "tiny", "version": "0.0.1"},
            "limits": {"messages_a_call": 10, "bytes_a_body": 60_000, "characters_a_message": 500},
        }

    def test_labels(self, server: Server, tiny_model: Classifier) -> None:
        found = server.ask("/labels").json()
        assert [one["name"] for one in found["causes"]] == list(tiny_model.classes_)
        assert [one["name"] for one in found["emotions"]] == list(tiny_model.emotion_classes_)
        assert {c["name"]: c["threshold"] for c in found["causes"]} == pytest.approx(
            tiny_model.thresholds, abs=1e-4
        )
        assert found["causes"][0]["dutch"] == "gebroken belofte"

    def test_openapi_states_limits_and_its_examples_work(self, server: Server) -> None:
        api = server.ask("/openapi.json").json()
        for limit in ("10 messages", "60,000 bytes", "500 characters"):
            assert limit in api["info"]["description"]
        for path in ("/predict", "/invocations"):
            told = api["paths"][path]["post"]
            examples = told["requestBody"]["content"]["application/json"]["examples"]
            assert len(examples) >= 2
            for example in examples.values():
                assert predictions(server.ask(path, example["value"]))
                assert any(word in json.dumps(example) for word in ("factuur", "monteur", "winkel"))
            assert {"200", "413", "503"} <= told["responses"].keys()

    def test_what_is_not_there(self, server: Server) -> None:
        refused(server.ask("/geen"), 404, None, "openapi.json")
        refused(server.ask("/predict", method="GET"), 405, None, "openapi.json")
        for path in ("/docs", "/redoc", "/static/../app.py", "/static/%2e%2e/app.py"):
            assert server.ask(path).status == 404

    def test_metrics(self, tiny_bundle: Path) -> None:
        with serving(tiny_bundle) as fresh:
            texts = [*TEXTS[:3], TEXTS[0]]
            records = predictions(
                fresh.ask("/predict", {"messages": [{"text": t} for t in texts] + [5]})
            )[:4]
            fresh.ask("/predict", b"{")
            found = metrics(fresh)
            assert found['cxnlp_requests_total{path="/predict",status="200"}'] == 1
            assert found['cxnlp_requests_total{path="/predict",status="422"}'] == 1
            assert found['cxnlp_request_seconds_count{path="/predict"}'] == 2
            assert found["cxnlp_message_errors_total"] == 1
            assert found['cxnlp_causes_total{cause="broken_promise"}'] == 2
            reviews = sum(record["decision"] == "review" for record in records)
            assert found["cxnlp_review_share"] == reviews / 4
            for record in records:
                assert found[f'cxnlp_messages_total{{decision="{record["decision"]}"}}'] >= 1
                assert found[f'cxnlp_emotions_total{{emotion="{record["emotion"]["label"]}"}}'] >= 1


def metrics(server: Server) -> dict[str, float]:
    lines = server.ask("/metrics").body.decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


class TestIdAndKey:
    def test_a_request_id_comes_back(self, server: Server) -> None:
        assert server.ask("/ping", headers={"X-Request-ID": "a-1.b:2"}).headers["X-Request-ID"] == (
            "a-1.b:2"
        )
        for bad in ("", "twee woorden", "x" * 101, "é"):
            made = server.ask("/ping", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
            assert len(made) == 32

    def test_a_key_is_asked_for(self, tiny_bundle: Path) -> None:
        with serving(tiny_bundle, api_key="sleutel-é") as locked:
            raw = "sleutel-é".encode().decode("latin-1")
            for path, body in (
                ("/predict", {"text": "a"}),
                ("/invocations", {"inputs": ["a"]}),
                ("/labels", None),
                ("/version", None),
                ("/metrics", None),
            ):
                for headers in (
                    {},
                    {"X-API-Key": "sleutel"},
                    {"Authorization": "Bearer fout"},
                    {"Authorization": f"Basic {raw}"},
                ):
                    refused(locked.ask(path, body, headers), 401, "headers", "X-API-Key")
                for headers in ({"X-API-Key": raw}, {"Authorization": f"bearer {raw}"}):
                    assert locked.ask(path, body, headers).status == 200
            for path in ("/", "/health", "/ping", "/static/app.js"):
                assert locked.ask(path).status == 200
            locked.stop()
            assert "sleutel" not in "".join(locked.lines)


def test_no_log_line_holds_a_text(tiny_bundle: Path) -> None:
    with serving(tiny_bundle, max_characters=500, max_body=5_000, body_seconds=0.3) as noisy:
        text = f"{SECRET} is te laat"
        for body in (
            {"text": text},
            {"messages": [{"id": SECRET, "text": text}, {"text": [text]}, text]},
            {"text": text, SECRET: 1},
            {"text": {"x": text}},
            {"text": text * 100},
            f'{{"text": "{text}'.encode(),
            f'{{"text": "{text}'.encode() + b"\xff",
            text.encode() * 500,
        ):
            noisy.ask("/predict", body)
            noisy.ask("/invocations", body)
        noisy.ask("/invocations", {"inputs": [text], "params": {SECRET: 1}})
        noisy.ask("/invocations", {"instances": [{SECRET: text, "b": 1}]})
        noisy.ask("/predict", f'{{"text": "{text}'.encode(), {"Content-Length": "900"})
        noisy.ask(f"/predict?text={SECRET}", {"text": text})
        noisy.ask(f"/{SECRET}")
        noisy.ask("/ping", headers={"X-Request-ID": f"{SECRET} met meer"})
        with socket.create_connection(("127.0.0.1", noisy.port)) as caller:
            caller.sendall(f"{SECRET} geen HTTP\r\n\r\n".encode())
            caller.recv(1000)
        noisy.stop()
    lines = [json.loads(line) for line in noisy.lines if line.startswith("{")]
    assert len(lines) > 20
    assert [line for line in noisy.lines if SECRET.lower() in line.lower()] == []
    first = next(line for line in lines if line.get("path") == "/predict")
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    assert first["messages"] == [{"sha256": digest, "characters": len(text)}]
    assert {"request_id", "status", "ms", "n", "method"} <= first.keys()


def test_a_stop_finishes_what_is_under_way(tiny_bundle: Path) -> None:
    messages = [{"text": f"{i} {' '.join(TEXTS)}"} for i in range(600)]
    with serving(tiny_bundle) as server, ThreadPoolExecutor(3) as pool:
        under_way = [
            pool.submit(server.ask, "/predict", {"messages": messages, "explain": True})
            for _ in range(3)
        ]
        wait_for(lambda: metrics(server)["cxnlp_waiting_messages"] == 1800)
        assert server.stop() == 0
        for future in under_way:
            assert len(predictions(future.result())) == 600


def test_too_much_is_told_to_come_back(tiny_bundle: Path) -> None:
    messages = [{"id": i, "text": TEXTS[0]} for i in range(100)]
    with serving(tiny_bundle, max_messages=100, max_waiting=150) as server:
        with ThreadPoolExecutor(16) as pool:
            body = {"messages": messages, "explain": True}
            answers = list(pool.map(lambda _: server.ask("/predict", body), range(60)))
        busy = [answer for answer in answers if answer.status != 200]
        assert 0 < len(busy) < 60
        for answer in busy:
            refused(answer, 503, None, "wait already")
            assert answer.headers["Retry-After"] == "1"
        for answer in answers:
            if answer.status == 200:
                assert [p["id"] for p in predictions(answer)] == list(range(100))
        assert metrics(server)["cxnlp_waiting_messages"] == 0


def test_a_small_call_does_not_wait_for_a_large_one(tiny_bundle: Path) -> None:
    messages = [{"text": f"{' '.join(TEXTS)} " * 4}] * 1000
    with serving(tiny_bundle) as server, ThreadPoolExecutor(1) as pool:
        large = pool.submit(server.ask, "/predict", {"messages": messages, "explain": True})
        wait_for(lambda: metrics(server)["cxnlp_waiting_messages"] == 1000)
        server.ask("/predict", {"text": "te laat"})
        assert not large.done()
        assert len(predictions(large.result())) == 1000


def test_two_workers_share_the_load_and_the_counts(tiny_bundle: Path) -> None:
    loads = 'cxnlp_model_loads_total{outcome="loaded"}'
    with serving(tiny_bundle, "--workers", "2") as server:
        wait_for(lambda: metrics(server).get(loads) == 2)  # one worker may be up before the other
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: server.ask("/predict", {"text": TEXTS[0]}), range(80)))
        found = metrics(server)
        assert found['cxnlp_requests_total{path="/predict",status="200"}'] == 80
        assert found['cxnlp_causes_total{cause="broken_promise"}'] == 80
        assert found[loads] == 2
        if children.exists():
            assert len(children.read_text().split()) >= 2
        assert server.stop() == 0
