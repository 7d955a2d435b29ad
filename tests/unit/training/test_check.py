import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cxnlp.errors import TrainingError
from cxnlp.labels import DEFAULT
from training.check import check, run_check
from training.corpus import DATA

TEXTS = [
    "Dinsdag zou de monteur komen, niemand gezien.",
    "Wat kost een abonnement voor twee personen?",
    "Mijn wasmachine lekt sinds gisteren aan de onderkant.",
]
LABELS = [(["broken_promise"], "frustration"), ([], "neutral"), (["product_fault"], "neutral")]

Write = Callable[..., Path]


def message(i: int, **changes: object) -> dict:
    causes, emotion = LABELS[i]
    return {
        "id": f"x-{i + 1:04}",
        "text": TEXTS[i],
        "causes": causes,
        "emotion": emotion,
        "emotion_alt": None,
        "channel": "chat",
        "sector": "telecom",
        "region": "nl",
        "situation": f"situation-{i}",
        "origin": "composed",
        **changes,
    }


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(*rows: dict | str, splits: dict | None = None, contrast: list | None = None) -> Path:
        (tmp_path / "messages").mkdir(exist_ok=True)
        text = "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows)
        (tmp_path / "messages" / "x.jsonl").write_text(text, encoding="utf-8")
        if splits is not None:
            (tmp_path / "splits.json").write_text(json.dumps(splits))
        if contrast is not None:
            pairs = "".join(json.dumps(pair) + "\n" for pair in contrast)
            (tmp_path / "contrast.jsonl").write_text(pairs)
        return tmp_path

    return _write


def found(folder: Path) -> list[str]:
    """Problems but for labels with few cases, which a tiny corpus always has."""
    return [str(p) for p in check(folder) if "cases; expected" not in p.message]


def test_a_sound_folder_has_no_problem(write: Write) -> None:
    assert found(write(message(0), message(1), message(2))) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"causes": ["prijs"]}, "Unknown cause 'prijs'. Known are: broken_promise"),
        ({"causes": ["billing", "broken_promise"]}, "must be in codebook order"),
        ({"causes": "billing"}, "must be a list of labels; got 'billing'"),
        ({"emotion": "boos"}, "Unknown emotion 'boos'"),
        ({"emotion_alt": "frustration"}, "repeats the emotion"),
        ({"text": " \n"}, "Field 'text' is empty"),
        ({"channel": "fax"}, "Field 'channel' is 'fax'; expected one of email"),
        ({"channel": ""}, "Field 'channel' is empty"),
        ({"note": "x"}, "Unknown field 'note'"),
        ({"id": 7}, "Field 'id' must be a string; got 7"),
        ({"text": "Het cafÃ© was dicht"}, "wrong encoding near 'Het cafÃ© was dicht'"),
        ({"text": "dat isâ€™ niet goed"}, "wrong encoding"),
        ({"text": "twee\x00keer"}, r"Control character '\x00'"),
        ({"text": "regel\r\nregel"}, r"Control character '\r'"),
        ({"text": "Bel me op 06-12345678 aub"}, "holds a telephone number"),
        ({"text": "Stort het op NL91 ABNA 0417 1643 00"}, "holds an IBAN"),
        ({"text": "mail naar piet.jansen@voorbeeld.nl"}, "holds an e-mail address"),
        ({"text": "Mijn BSN is 111222333"}, "holds a BSN"),
    ],
)
def test_a_bad_record_is_named_with_its_line(write: Write, row: dict, problem: str) -> None:
    problems = found(write(message(1), message(0, **row)))
    assert len(problems) == 1
    assert problems[0].startswith("x.jsonl, line 2: ")
    assert problem in problems[0]


def test_every_bad_line_is_named(write: Write) -> None:
    missing = message(2)
    del missing["origin"]
    folder = write("{", message(0), "", "[1]", missing)
    with (folder / "messages" / "x.jsonl").open("ab") as file:
        file.write(b'{"id": "caf\xe9"}\n')
    problems = found(folder)
    assert [p.split(":")[0] for p in problems] == [f"x.jsonl, line {n}" for n in (1, 4, 5, 6)]
    assert "Expected one JSON object" in problems[0]
    assert "Missing field 'origin'" in problems[2]
    assert "utf-8" in problems[3]


def test_names_of_people_are_allowed(write: Write) -> None:
    assert found(write(message(0, text="Mijn naam is Piet Jansen, er kwam niemand."))) == []


def test_doubles_are_named_with_where_they_were(write: Write) -> None:
    same = message(0, id="x-0009", text=TEXTS[0].upper().replace(",", ""), situation="other")
    near = message(2, id="x-0001", text=TEXTS[2].replace("gisteren", "zondag"), situation="more")
    splits = {"train": ["x-0001", "x-0003"], "dev": [], "test": ["x-0009"]}
    problems = found(write(message(0), message(2), same, near, splits=splits))
    assert problems == [
        "x.jsonl, line 3: In test, and 'x-0001' (x.jsonl, line 1) of the same situation or "
        "wording is in train; put both in one split.",
        "x.jsonl, line 3: The same text as 'x-0001' (x.jsonl, line 1), across train and test; "
        "keep one, or rewrite it.",
        "x.jsonl, line 4: A text 63% the same as 'x-0003' (x.jsonl, line 2); keep one, or "
        "rewrite it.",
        "x.jsonl, line 4: The id 'x-0001' is used before, in x.jsonl, line 1.",
    ]


def test_a_situation_across_splits_is_named(write: Write) -> None:
    splits = {"train": ["x-0001"], "dev": ["x-0002"], "test": []}
    rows = [message(0, situation="s"), message(1, situation="s")]
    problems = found(write(*rows, splits=splits))
    assert len(problems) == 1
    assert problems[0].startswith("x.jsonl, line 2: In dev, and 'x-0001'")


def test_split_entries_missing_and_unknown_are_named(write: Write) -> None:
    splits = {"train": ["x-0001", "gone"], "dev": [], "test": []}
    assert found(write(message(0), message(1), splits=splits)) == [
        "splits.json, line 1: It has ids that are no messages: gone; run python -m "
        "training.splits.",
        "splits.json, line 1: It has no split for x-0002; run python -m training.splits.",
    ]
    problems = found(write(message(0), splits={"train": []}))
    assert "exactly the lists train, dev, test" in problems[0]


def test_labels_with_few_cases_are_named(write: Write) -> None:
    problems = [str(p) for p in check(write(message(0)))]
    assert "messages: The label 'broken_promise' has 1 cases; expected at least 20." in problems
    assert len(problems) == len(DEFAULT.causes) + len(DEFAULT.emotions)


def test_templates_are_named(write: Write) -> None:
    ends = ["fiets rijdt", "trein kwam", "winkel sloot", "app sprong uit beeld", "rest volgt"]
    opening = "Ik wil bij deze graag laten weten dat"
    rows = [
        message(1, id=f"x-{i}", text=f"{opening} {end} {'heel erg ' * i}zo", situation=end)
        for i, end in enumerate(ends)
    ]
    problems = [p for p in found(write(*rows)) if "messages open" in p]
    assert len(problems) == 1
    assert problems[0].startswith(f"x.jsonl, line 4: 5 messages open with «{opening.lower()}»")
    assert not [p for p in found(write(*rows[:3])) if "messages open" in p]


def test_contrast_pairs_are_checked(write: Write) -> None:
    solved = message(0, causes=[], emotion="neutral", text="Dinsdag zou de monteur komen, top.")
    pair = {"id": "c1", "kind": "solved", "a": message(0), "b": solved}
    far = {"id": "c2", "kind": "solved", "a": message(0), "b": message(1)}
    alike = {"id": "c1", "kind": "solved", "a": message(0), "b": message(0)}
    folder = write(message(0), contrast=[pair, far, alike, {"id": "c4"}])
    problems = found(folder)
    assert [p.split(":")[0] for p in problems] == [
        f"contrast.jsonl, line {n}" for n in (2, 3, 3, 4)
    ]
    assert "share 0% of their words" in problems[0]
    assert "Both sides are labelled ['broken_promise'] and 'frustration'" in problems[1]
    assert "'c1' is used before, on line 1" in problems[2]


def test_a_table_is_checked_by_row(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(
        "id;text;causes;emotion\n1;Bel 06-12345678;billing;anger\n1;Vraag;;neutral\n"
        "3;bel 06 12345678!;delivery;anger\n4;Prijs;prijs;anger\n5;bel 06-12345678;billing;anger\n"
    )
    problems = [str(p) for p in check(path, missing="negative") if p.line]
    assert [p.split(":")[0] for p in problems] == [f"own.csv, row {n}" for n in (2, 3, 4)]
    assert "The id '1' is used before, in own.csv, row 1" in problems[0]
    assert "The same text has other labels in own.csv, row 1" in problems[1]
    assert "Unknown cause 'prijs'" in problems[2]


def test_nothing_to_check_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="No messages in"):
        check(tmp_path)
    out = io.StringIO()
    assert run_check(tmp_path, out=out) == 1
    assert "No messages in" in out.getvalue()


def test_the_shipped_corpus_is_sound() -> None:
    out = io.StringIO()
    code = run_check(DATA, out=out)
    assert out.getvalue().endswith("The data are sound.\n")
    assert code == 0
    for title in ("aspect", "variety", "words that point to a label"):
        assert f"\n{title}" in out.getvalue()


def test_problems_give_exit_code_1_and_bad_lines_put_off_the_figures(write: Write) -> None:
    out = io.StringIO()
    assert run_check(write(message(0), "{"), out=out) == 1
    assert "x.jsonl, line 2: Expected one JSON object" in out.getvalue()
    assert "The figures wait" in out.getvalue()
    assert out.getvalue().endswith("problems.\n")
