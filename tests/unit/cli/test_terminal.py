"""The command line as a process: in a pipe, and on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLI = [sys.executable, "-W", "error", "-m", "cxnlp.cli"]
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "120"}
TEXT = "Weer een verkeerde factuur en geen mens aan de telefoon"


def on_terminal(*args: str) -> tuple[int, str]:
    """Exit code and everything shown, with all three streams on a terminal."""
    leader, follower = pty.openpty()
    run = subprocess.Popen([*CLI, *args], stdin=follower, stdout=follower, stderr=follower, env=ENV)
    os.close(follower)
    shown = b""
    try:
        while piece := os.read(leader, 65_536):
            shown += piece
    except OSError:  # Linux says so when the other side has closed
        pass
    os.close(leader)
    return run.wait(), shown.decode()


def test_evidence_is_in_colour_on_a_terminal(tiny_bundle: Path) -> None:
    code, shown = on_terminal("explain", TEXT, "--model", str(tiny_bundle))
    assert code == 0
    assert "\x1b[30;43mWeer een verkeerde factuur\x1b[0m" in shown


def test_a_message_cannot_steer_the_terminal(tiny_bundle: Path) -> None:
    code, shown = on_terminal(
        "explain", f"{TEXT} \x1b]0;title\x07 \x1b[2J \u202e", "--model", str(tiny_bundle)
    )
    assert code == 0
    assert "\x1b]0;" not in shown
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown


def test_a_bar_and_a_table_on_a_terminal(tiny_bundle: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\n" + f"{TEXT}\n[b]\n" * 600)
    model = ["--model", str(tiny_bundle)]
    code, shown = on_terminal("predict", "--input", str(source), "--output", str(output), *model)
    assert code == 0
    assert "1,200 messages" in shown
    assert f"1,200 messages labelled: {output}" in shown
    code, shown = on_terminal("predict", "--input", str(source), *model)
    assert code == 0
    assert "no_human_contact, billing" in shown
    assert '{"id"' not in shown


@pytest.mark.parametrize("rows", [1, 20_000])
def test_a_reader_that_stops_early_is_no_fault(
    tiny_bundle: Path, tmp_path: Path, rows: int
) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text\n" + f"{TEXT}\n" * rows)
    call = [*CLI, "predict", "--input", str(source), "--model", str(tiny_bundle)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert json.loads(run.stdout.readline())["id"] == 1
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 0


def test_another_encoding_of_the_terminal_is_no_fault(tiny_bundle: Path) -> None:
    call = [*CLI, "predict", "Café 😡 dicht", "--json", "--explain", "--model", str(tiny_bundle)]
    run = subprocess.run(
        call, env={**ENV, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=True
    )
    assert json.loads(run.stdout)["model"]["name"] == "tiny"
    table = subprocess.run(
        [arg for arg in call if arg != "--json"],
        env={**ENV, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert b"decision" in table.stdout


def test_start_loads_nothing_heavy(tiny_bundle: Path) -> None:
    code = (
        "import sys; from cxnlp.cli import main; "
        f"main(['predict', 'hallo', '--model', {str(tiny_bundle)!r}]); "
        "heavy = {'rich', 'pyarrow', 'openpyxl', 'multiprocessing', 'sklearn', 'pandas', 'spacy', "
        "'mlflow'}; print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], env=ENV, capture_output=True, check=True)
    assert run.stdout.splitlines()[-1] == b"[]"
