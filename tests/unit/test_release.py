"""What is released: one number everywhere, and packages that hold what they should."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

import cxnlp

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEADINGS = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
RELEASES = [h for h in HEADINGS if h != "[Unreleased]"]


def number(heading: str) -> tuple[int, ...]:
    found = re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", heading)
    assert found, f"{heading!r}: expected [major.minor.patch] - yyyy-mm-dd"
    date.fromisoformat(found[4])
    return tuple(int(part) for part in found.groups()[:3])


def test_the_changelog_begins_with_this_version() -> None:
    assert number(RELEASES[0]) == tuple(int(part) for part in cxnlp.__version__.split("."))
    assert HEADINGS[0] in ("[Unreleased]", RELEASES[0])
    assert HEADINGS.count("[Unreleased]") <= 1
    for newer, older in pairwise(RELEASES):
        assert number(newer) > number(older)
        assert newer[-10:] >= older[-10:]


def test_the_changelog_has_the_headings_of_keep_a_changelog() -> None:
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)) <= kinds
    for part in re.split(r"^## .*$", CHANGELOG, flags=re.MULTILINE)[1:]:
        assert re.search(r"^- ", part, re.MULTILINE), "a release without a line"


def test_the_citation_is_of_this_version() -> None:
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    facts = dict(line.split(": ", 1) for line in lines if ": " in line)
    assert facts["version"] == cxnlp.__version__
    assert facts["date-released"] == RELEASES[0][-10:]


def test_the_declared_pythons_are_those_that_the_wheel_is_tried_on() -> None:
    # scripts/wheel reads this list; the lower bound must be its first.
    declared = [
        c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", c)
    ]
    assert PROJECT["requires-python"] == f">={declared[0]}"
    assert "pyproject.toml" in (ROOT / "scripts" / "wheel").read_text(encoding="utf-8")


def build(source: Path, folder: Path, *kind: str) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder), *kind],
        cwd=source,
        capture_output=True,
        text=True,
        check=True,
    )
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason='needs hatchling: pip install -e ".[dev]"')
    return build(ROOT, tmp_path_factory.mktemp("sdist"), "-t", "sdist")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason='needs hatchling: pip install -e ".[dev]"')
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "-t", "wheel")


def files(*folders: str) -> set[str]:
    """What git has, or would take, below some folders."""
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_library_the_champion_and_nothing_else(wheel: Path) -> None:
    info = f"cxnlp-{cxnlp.__version__}.dist-info"
    champion = {
        name.replace("models/champion", "cxnlp/champion") for name in files("models/champion")
    }
    about = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert names_in(wheel) == files("cxnlp") | champion | {f"{info}/{name}" for name in about}
    assert "cxnlp/py.typed" in names_in(wheel)
    assert wheel.stat().st_size < 60e6


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = f"cxnlp-{cxnlp.__version__}.dist-info"
        metadata = archive.read(f"{info}/METADATA").decode()
        points = archive.read(f"{info}/entry_points.txt").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert f"Requires-Python: {PROJECT['requires-python']}" in metadata
    assert "cxnlp = cxnlp.cli:main" in points
    needed = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.MULTILINE)
    assert sorted(needed) == sorted(re.split(r"[<>=]", d)[0] for d in PROJECT["dependencies"])


def test_the_sdist_holds_what_builds_the_same_wheel(
    sdist: Path, wheel: Path, tmp_path: Path
) -> None:
    root = f"cxnlp-{cxnlp.__version__}"
    with tarfile.open(sdist) as archive:
        found = {name.removeprefix(f"{root}/") for name in archive.getnames()}
        archive.extractall(tmp_path, filter="data")
    single = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "pyproject.toml"}
    # hatchling adds the last two by itself.
    assert found == files("cxnlp", "models/champion") | single | {"PKG-INFO", ".gitignore"}
    again = build(tmp_path / root, tmp_path / "built", "-t", "wheel")
    assert names_in(again) == names_in(wheel)
