"""Each command: what it prints, as a table and as JSON, and its exit code."""

from __future__ import annotations

import io
import json
import random
import shlex
import sys
from pathlib import Path

import pytest

import cxnlp
from cxnlp import CAUSES, EMOTIONS, Classifier
from cxnlp.cli import main
from cxnlp.cli.parser import EXAMPLES, build
from cxnlp.tables import READS

TEXT = "Weer een verkeerde factuur en geen mens aan de telefoon"


@pytest.fixture
def model(tiny_bundle: Path) -> list[str]:
    return ["--model", str(tiny_bundle)]


def test_alone_it_shows_every_command_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    for name, example in EXAMPLES.items():
        assert f"\n  {name:<9}" in out
        assert example in out


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_has_an_example_that_parses(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "--help"]) == 0
    assert EXAMPLES[command] in capsys.readouterr().out
    args = build().parse_args(shlex.split(EXAMPLES[command])[1:])
    assert args.command == command


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"cxnlp {cxnlp.__version__}\n"


def test_predict_json_is_the_wire_form(
    capsys: pytest.CaptureFixture[str], model: list[str], tiny_model: Classifier
) -> None:
    assert main(["predict", TEXT, "--explain", "--json", *model]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == tiny_model.predict(TEXT, explain=True).to_dict()
    assert [cause["label"] for cause in printed["causes"]] == ["no_human_contact", "billing"]


def test_predict_for_a_person(capsys: pytest.CaptureFixture[str], model: list[str]) -> None:
    assert main(["predict", TEXT, "--explain", *model]) == 0
    out = capsys.readouterr().out
    assert "cause     no_human_contact (geen menselijk contact)" in out
    assert "billing (facturatie)" in out
    assert "emotion   frustration (frustratie)" in out
    assert "«Weer een verkeerde factuur»" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("text", ["", "   ", "😡😡", "\x00\x1b[31m\ud800", "bah " * 300_000])
@pytest.mark.parametrize("command", ["predict", "explain", "redact"])
@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_any_text_gets_an_answer(
    capsys: pytest.CaptureFixture[str],
    model: list[str],
    text: str,
    command: str,
    json_option: list[str],
) -> None:
    options = [] if command == "redact" else model
    assert main([command, text, *json_option, *options]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    if command != "redact" and not any(c.isalpha() for c in text):
        assert "out_of_scope" in out


def test_explain_marks_the_evidence(capsys: pytest.CaptureFixture[str], model: list[str]) -> None:
    assert main(["explain", TEXT, *model]) == 0
    out = capsys.readouterr().out
    assert "billing (facturatie)\n[Weer een verkeerde factuur] en geen mens" in out
    for label in CAUSES + EMOTIONS:
        assert f"\n{label} " in out
    assert "decision: accept" in out


def test_redact(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redact", "Bel mij op 06-12345678"]) == 0
    assert capsys.readouterr().out == "Bel mij op [TELEFOON]\n"
    assert main(["redact", "Bel mij op 06-12345678", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "text": "Bel mij op [TELEFOON]",
        "found": [{"kind": "phone", "start": 11, "end": 22}],
    }


def test_info(capsys: pytest.CaptureFixture[str], model: list[str]) -> None:
    assert main(["info", "--json", *model]) == 0
    about = json.loads(capsys.readouterr().out)
    assert (about["name"], about["version"]) == ("tiny", "0.0.1")
    assert about["causes"] == list(CAUSES)
    assert about["thresholds"].keys() == set(CAUSES)
    assert about["trained_on"]["messages"] > 50
    assert about["megabytes"] > 0
    assert main(["info", *model]) == 0
    out = capsys.readouterr().out
    assert "trained on messages" in out
    assert f"thresholds billing            {about['thresholds']['billing']}" in out


def test_verify(capsys: pytest.CaptureFixture[str], tiny_bundle: Path, tmp_path: Path) -> None:
    assert main(["verify", str(tiny_bundle)]) == 0
    assert "is whole: tiny 0.0.1, 3 files" in capsys.readouterr().out
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tiny_bundle.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "README.md").write_text("changed")
    assert main(["verify", str(copy)]) == 2
    assert "'README.md'" in capsys.readouterr().err


def test_labels(
    capsys: pytest.CaptureFixture[str], model: list[str], tiny_model: Classifier
) -> None:
    assert main(["labels", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == tiny_model.taxonomy.to_dict()
    for options in ([], model):
        assert main(["labels", *options]) == 0
        out = capsys.readouterr().out
        for label in tiny_model.taxonomy.causes + tiny_model.taxonomy.emotions:
            assert f"{label.name} " in out
            assert label.dutch in out
            assert label.when in out


def test_a_promise_says_what_it_rests_on(
    capsys: pytest.CaptureFixture[str], model: list[str], tiny_model: Classifier
) -> None:
    promise = tiny_model.promise("billing", recall=0.6)
    for given in ("billing=0.6", "billing = 60%"):
        assert main(["predict", TEXT, "--json", "--promise", given, *model]) == 0
        out, err = capsys.readouterr()
        assert f"rests on {promise.n} held-out messages, of which it finds {promise.found}" in err
        billing = next(c for c in json.loads(out)["causes"] if c["label"] == "billing")
        assert billing["threshold"] == promise.threshold


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["predict"], "got none. Example: cxnlp predict"),
        (["predict", "een", "twee"], "got 2 pieces"),
        (["predict", "een", "--input", "x.csv"], "not both"),
        (["predict", "een", "--output", "x.csv"], "--output goes with --input"),
        (["predict", "een", "--text-column", "x"], "--text-column goes with --input"),
        (["predict", "--input", "weg.csv"], "no file 'weg.csv'"),
        (["predict", "--input", "in.csv", "--output", "x.doc"], "ending '.doc'"),
        (["predict", "--input", "in.csv", "--text-column", "x"], "'id', 'text'"),
        (["predict", "--input", "in.csv", "--jobs", "0"], "at least 1"),
        (["predict", "--input", "in.csv", "--jobs", "x"], "--jobs: invalid int value"),
        (["predict", "een", "--promise", "billing"], "LABEL=RECALL"),
        (["predict", "een", "--promise", "biling=0.9"], "Unknown cause 'biling'"),
        (["predict", "een", "--promise", "billing=0.999"], "No promise can be given"),
        (["predict", "een", "--model", "weg"], "No model folder at 'weg'"),
        (["explain"], "got none. Example: cxnlp explain"),
        (["redact"], "got none. Example: cxnlp redact"),
        (["verify"], "required: FOLDER"),
        (["verify", "weg"], "No model folder"),
        (["voorspel"], "invalid choice: 'voorspel'"),
        (["predict", "een", "--onzin"], "--onzin"),
    ],
)
def test_wrong_use_is_one_clear_line(
    capsys: pytest.CaptureFixture[str],
    in_folder: Path,
    model: list[str],
    argv: list[str],
    said: str,
) -> None:
    (in_folder / "in.csv").write_text("id,text\n1,hallo\n")
    if argv[0] in ("predict", "explain") and "--model" not in argv:
        argv = [*argv, *model]
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    promised = [line for line in err.splitlines() if not line.startswith("cxnlp")]
    assert promised == []
    assert err.count("\n") == 1
    assert said in err


def test_a_file_with_bad_rows(
    capsys: pytest.CaptureFixture[str], in_folder: Path, model: list[str]
) -> None:
    rows = "nr;Bericht\r\n1;Café dicht; jammer\r\n2;Één pakket te laat\r\n3\r\n4;\r\n"
    (in_folder / "in.csv").write_bytes(rows.encode("cp1252"))
    call = ["predict", "--input", "in.csv", "--text-column", "bericht", "--id-column", "nr"]
    assert main([*call, "--output", "out.jsonl", *model]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("2 of 4 rows were bad")
    records = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [record["id"] for record in records] == ["1", "2", "3", "4"]
    assert [record.get("row") for record in records] == [1, None, 3, None]
    assert records[3]["decision"] == "out_of_scope"
    assert main([*call, *model]) == 1
    out, err = capsys.readouterr()
    assert out == Path("out.jsonl").read_text()
    assert err.splitlines()[-1].startswith("2 of 4 rows were bad")


def test_a_file_without_messages(
    capsys: pytest.CaptureFixture[str], in_folder: Path, model: list[str]
) -> None:
    (in_folder / "in.csv").write_text("id,text\n")
    assert main(["predict", "--input", "in.csv", "--output", "out.csv", *model]) == 0
    assert "in.csv holds no messages" in capsys.readouterr().err
    assert Path("out.csv").read_text().startswith("id,causes,emotion,decision,")


def test_standard_input_and_output(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    model: list[str],
    tiny_model: Classifier,
) -> None:
    for call in (["predict", "-"], ["predict", "--input", "-", "--output", "-", "--jobs", "2"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{TEXT}\n".encode())))
        assert main([*call, *model]) == 0
        printed = capsys.readouterr()
        assert json.loads(printed.out) == tiny_model.predict(TEXT, ids=1).to_dict()
        assert printed.err == ""


def test_redact_a_file(capsys: pytest.CaptureFixture[str], in_folder: Path) -> None:
    Path("in.csv").write_text("id,text\n1,Mail a@b.nl\n")
    assert main(["redact", "--input", "in.csv", "--output", "out.csv"]) == 0
    assert "1 message redacted: out.csv" in capsys.readouterr().err
    assert Path("out.csv").read_text().splitlines()[1] == "1,Mail [E-MAIL],email,,1"


@pytest.mark.parametrize(
    ("package", "source", "target"),
    [
        ("pyarrow", "in.parquet", "out.jsonl"),
        ("openpyxl", "in.xlsx", "out.jsonl"),
        ("pyarrow", "in.csv", "out.parquet"),
    ],
)
def test_a_missing_extra_says_what_to_install(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    in_folder: Path,
    model: list[str],
    package: str,
    source: str,
    target: str,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.parquet", None)
    (in_folder / source).write_text("text\nhallo\n")
    assert main(["predict", "--input", source, "--output", target, *model]) == 2
    assert 'pip install "cxnlp[files]"' in capsys.readouterr().err
    assert [path.name for path in in_folder.iterdir()] == [source]


@pytest.mark.parametrize("seed", range(6))
def test_no_file_gives_a_traceback(
    capsys: pytest.CaptureFixture[str], in_folder: Path, model: list[str], seed: int
) -> None:
    dice = random.Random(seed)
    pieces = [b"text", b"id", b",", b";", b'"', b"\n", b"\r\n", b"{", b"}", b"[", b"]", b'{"text":']
    pieces += [
        b"\x00",
        b"\xff\xfe",
        b"\xe9",
        b"\xed\xa0\x80",
        b"\\ud800",
        b"null",
        b"1e999",
        b"hallo",
    ]
    pieces += [b"PK\x03\x04", b"PAR1", b"\x1f\x8b", bytes(range(256))]
    for name in (*(f"in{ending}" for ending in READS), "in.csv.gz"):
        for start in (b"", b"id,text\n1,", b'{"text": "a"}\n', b'[{"text": "a"},', b"\x1f\x8b\x08"):
            content = start + b"".join(dice.choices(pieces, k=dice.randrange(60)))
            (in_folder / name).write_bytes(content)
            code = main(["predict", "--input", name, "--output", "out.csv", *model])
            out, err = capsys.readouterr()
            assert code in (0, 1, 2), content
            assert "CXNLP_DEBUG" not in err, (content, err)
            assert (code == 2) == err.startswith("cxnlp: "), (content, err)


def test_a_fault_of_ours_is_no_traceback(
    capsys: pytest.CaptureFixture[str], tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXNLP_DEBUG", raising=False)
    monkeypatch.setattr(Classifier, "predict", None)
    call = ["predict", "een", "--model", str(tiny_bundle)]
    assert main(call) == 2
    assert "CXNLP_DEBUG=1" in capsys.readouterr().err
    monkeypatch.setenv("CXNLP_DEBUG", "1")
    with pytest.raises(TypeError):
        main(call)
