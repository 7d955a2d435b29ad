"""What the README shows is what happens."""

from __future__ import annotations

import doctest
import json
import re
import shlex
from pathlib import Path

import pytest

import cxnlp
import cxnlp.cli
import training.__main__

README = Path(__file__).parent.parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_python_samples_print_what_they_say() -> None:
    failed, tried = doctest.testfile(str(README), module_relative=False)
    assert tried >= 10
    assert failed == 0


def test_the_first_sample_stands_at_the_top() -> None:
    assert TEXT.splitlines().index(">>> import cxnlp") < 25


def commands(program: str) -> list[list[str]]:
    """Every command line of a program in the README's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    lines = [
        part.strip() for block in blocks for line in block.splitlines() for part in line.split(";")
    ]
    return [
        shlex.split(line, comments=True)[len(program.split()) :]
        for line in lines
        if line.startswith(program + " ")
    ]


@pytest.mark.parametrize("arguments", commands("python -m training"), ids=" ".join)
def test_training_commands_parse(arguments: list[str]) -> None:
    assert training.__main__.build_parser().parse_args(arguments).verb == arguments[0]


@pytest.mark.parametrize(
    "arguments",
    [c for c in commands("cxnlp") if "--input" not in c and c[0] != "serve"],
    ids=" ".join,
)
def test_cxnlp_commands_run(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(README.parent)
    assert cxnlp.cli.main(arguments) == 0
    assert capsys.readouterr().out


def test_make_targets_exist() -> None:
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", TEXT, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_answer_to_curl_is_what_the_server_gives() -> None:
    from starlette.testclient import TestClient

    from cxnlp.server.app import create_app
    from cxnlp.server.settings import Settings

    asked = json.loads(re.search(r"-d '(\{.*?\})'", TEXT)[1])  # type: ignore[index]
    shown = json.loads(re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)[1])  # type: ignore[index]
    with TestClient(create_app(Settings())) as client:
        answer = client.post("/predict", json=asked).json()
    # Another processor rounds the encoder's arithmetic otherwise.
    for mine, theirs in zip(shown["predictions"], answer["predictions"], strict=True):
        for part, scores in theirs["scores"].items():
            assert mine["scores"][part] == pytest.approx(scores, abs=0.05)
        for record in (mine, theirs):
            del record["scores"]
            for one in (*record["causes"], record["emotion"]):
                one["score"] = round(one["score"], 1)
    assert shown == answer
