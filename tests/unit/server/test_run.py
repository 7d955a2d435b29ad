from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from cxnlp.cli import main


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "prometheus_client"])
def test_a_missing_extra_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["serve", "--port", "0"]) == 2
    assert 'pip install "cxnlp[serve]"' in capsys.readouterr().err


def test_wrong_use_is_one_clear_line(capsys: pytest.CaptureFixture[str], tiny_bundle: Path) -> None:
    model = ["--model", str(tiny_bundle)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, said in (
            (["--port", port, *model], f"Cannot listen on 127.0.0.1 port {port}"),
            (["--port", "99999", *model], "from 0 to 65535; got 99999"),
            (["--workers", "0", *model], "at least 1; got 0"),
            (["--model", "weg"], "No model folder at 'weg'"),
        ):
            assert main(["serve", *options]) == 2
            err = capsys.readouterr().err
            assert said in err
            assert err.count("\n") == 1
