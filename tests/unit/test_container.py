"""The Dockerfile as far as reading it goes; `make container` also does what it says."""

from __future__ import annotations

import json
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

from cxnlp.cli.parser import parse

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def script() -> Any:
    loader = SourceFileLoader("container", str(ROOT / "scripts" / "container"))
    spec = spec_from_loader("container", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def steps(script: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = script.instructions((ROOT / "Dockerfile").read_text())
    return found


def test_the_image_is_slim_and_not_root(steps: list[tuple[str, str]]) -> None:
    bases = [rest.split()[0] for word, rest in steps if word == "FROM"]
    assert all(base.endswith("-slim") for base in bases)
    words = [word for word, _ in steps]
    last = dict(steps)
    assert last["USER"].isdecimal()
    assert int(last["USER"]) > 0
    assert words.index("USER") < words.index("CMD")
    assert max(at for at, word in enumerate(words) if word == "RUN") < words.index("USER")


def test_it_starts_what_the_command_line_knows(steps: list[tuple[str, str]]) -> None:
    last = dict(steps)
    program, *arguments = json.loads(last["CMD"])
    args = parse(arguments)
    assert (program, args.command, args.host) == ("cxnlp", "serve", "0.0.0.0")
    assert str(args.port) == last["EXPOSE"]
    check = json.loads(last["HEALTHCHECK"].split("CMD", 1)[1])
    assert f":{args.port}/health" in check[-1]


def test_everything_copied_is_there_and_let_through(
    script: Any, steps: list[tuple[str, str]]
) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    copied = [rest.split()[:-1] for word, rest in steps if word == "COPY"]
    sources = [one for part in copied for one in part if not part[0].startswith("--from")]
    assert {"cxnlp", "models/champion", "pyproject.toml"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert script.let_through(source, patterns), source
    for path in ("models/champion/manifest.json", "cxnlp/server/static/app.js"):
        assert script.let_through(path, patterns)
    for path in (
        "tests/conftest.py",
        ".git/HEAD",
        ".venv/x",
        "cxnlp/__pycache__/a.pyc",
        "models/x",
    ):
        assert not script.let_through(path, patterns)
