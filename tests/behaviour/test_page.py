"""The page in a real browser: what a person does, sees and hears, and what must never run."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Server, serving, wait_for

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER),
    reason="no Chromium with chromedriver; Debian packages: chromium chromium-driver",
)

PROMISE = "Dinsdag zou de monteur komen, niemand gezien"
EVIL = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> Weer dubbel afgeschreven'
)
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1200,1000",
]


@pytest.fixture(scope="module")
def server(tiny_bundle: Path) -> Iterator[Server]:
    with serving(tiny_bundle, max_messages=40) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    folder = tmp_path_factory.mktemp("browser")
    for option in (*OPTIONS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    downloads = folder / "downloads"
    downloads.mkdir()
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.downloads = downloads
    yield driver
    driver.quit()


@pytest.fixture
def page(server: Server, browser: Any) -> Any:
    browser.get(server.url)
    wait_for(lambda: "tiny" in text(browser, "#about"))
    browser.get_log("browser")
    return browser


def find(page: Any, css: str) -> list[Any]:
    found: list[Any] = page.find_elements("css selector", css)
    return found


def text(page: Any, css: str) -> str:
    return " ".join(str(node.text) for node in find(page, css))


def script(page: Any, code: str, *args: Any) -> Any:
    return page.execute_script(f"return {code}", *args)


def read(page: Any, message: str) -> None:
    """Paste a message and press the button."""
    script(page, "document.getElementById('message').value = arguments[0]", message)
    script(page, "document.getElementById('one-status').textContent = ''")
    find(page, "#one button[type=submit]")[0].click()
    wait_for(
        lambda: (
            bool(text(page, "#one-problem"))
            or script(page, "document.getElementById('one-status').textContent").startswith(
                ("Klaar", "Done")
            )
        )
    )


def drop(page: Any, path: Path) -> None:
    """Give the page a file."""
    script(page, "document.getElementById('file-status').textContent = ''")
    find(page, "#file")[0].send_keys(str(path))
    wait_for(
        lambda: (
            bool(text(page, "#file-problem"))
            or text(page, "#file-status").startswith(("Klaar", "Done"))
        )
    )


def written(folder: Path, content: str, encoding: str = "utf-8") -> Path:
    path = folder / "berichten.csv"
    path.write_bytes(content.encode(encoding))
    return path


def nothing_ran(page: Any) -> None:
    assert script(page, "window.hacked") is None
    assert find(page, "main img, main script, main iframe, main a[href^='javascript']") == []
    bad = [line["message"] for line in page.get_log("browser") if line["level"] == "SEVERE"]
    assert bad == []


def test_paste_click_and_see_the_marks(page: Any, server: Server) -> None:
    read(page, PROMISE)
    [record] = server.ask("/predict", {"text": PROMISE, "explain": True}).json()["predictions"]
    assert [c["label"] for c in record["causes"]] == ["broken_promise"]
    assert [n.get_attribute("data-cause") for n in find(page, ".causes li")] == ["broken_promise"]
    assert "gebroken belofte" in text(page, ".causes li")
    assert "frustratie" in text(page, ".emotion")
    marked = [script(page, "arguments[0].firstChild.data", n) for n in find(page, "mark")]
    assert marked == [span["text"] for span in record["causes"][0]["evidence"]]
    assert {n.get_attribute("data-causes") for n in find(page, "mark")} == {"broken_promise"}
    rows = find(page, ".scores")[0].find_elements("css selector", "tbody tr")
    assert len(rows) == 9
    score = f"{record['scores']['causes']['broken_promise']:.2f}".replace(".", ",")
    assert score in rows[0].text
    assert rows[0].text.endswith("ja")
    assert text(page, ".badge")
    nothing_ran(page)


def test_the_answer_is_told_to_a_screen_reader(page: Any) -> None:
    read(page, PROMISE)
    status = find(page, "#one-status[role=status]")[0]
    told = script(page, "arguments[0].textContent", status)
    assert told.startswith("Klaar. Oorzaken: gebroken belofte. Emotie: frustratie. Besluit:")
    heard = script(page, "document.querySelector('#marked').textContent")
    assert "(gebroken belofte)" in heard


def test_marks_overlap_and_count_an_emoji_as_one(page: Any) -> None:
    causes = [
        {"label": "billing", "evidence": [{"start": 2, "end": 12}]},
        {"label": "delivery", "evidence": [{"start": 6, "end": 20}, {"start": 90, "end": 99}]},
    ]
    code = """
      const done = arguments[arguments.length - 1];
      import("/static/marks.js").then((m) => done(m.pieces(arguments[0], arguments[1])));
    """
    found = page.execute_async_script(code, "😀 dubbel en te laat 😡!", causes)
    assert "".join(piece["text"] for piece in found) == "😀 dubbel en te laat 😡!"
    assert [(piece["text"], piece["labels"]) for piece in found] == [
        ("😀 ", []),
        ("dubb", ["billing"]),
        ("el en ", ["billing", "delivery"]),
        ("te laat ", ["delivery"]),
        ("😡!", []),
    ]


def test_english_is_a_click_away(page: Any) -> None:
    assert script(page, "document.documentElement.lang") == "nl"
    read(page, PROMISE)
    find(page, "[data-language=en]")[0].click()
    assert script(page, "document.documentElement.lang") == "en"
    assert "broken promise" in text(page, ".causes li")
    assert text(page, "#one button[type=submit]") == "Read this message"
    assert script(page, "document.title") == "cxnlp: why a customer is unhappy"
    assert find(page, "[data-language=en]")[0].get_attribute("aria-pressed") == "true"
    # The words in the file are those of the script, so that nothing changes as it loads.
    find(page, "[data-language=nl]")[0].click()
    code = "fetch('/').then((r) => r.text()).then(arguments[arguments.length - 1])"
    source = page.execute_async_script(code)
    for node in find(page, "[data-word]"):
        said = script(page, "arguments[0].textContent", node)
        assert f">{said}<" in source


def test_a_person_with_only_a_keyboard(page: Any) -> None:
    keys = webdriver.Keys
    box = find(page, "#message")[0]
    box.send_keys("Weer een verkeerde factuur", keys.CONTROL, keys.ENTER)
    wait_for(lambda: bool(find(page, "#marked")))
    reached = set()
    script(page, "document.body.focus()")
    for _ in range(25):
        webdriver.ActionChains(page).send_keys(keys.TAB).perform()
        node = page.switch_to.active_element
        if node.tag_name == "body":  # once round
            continue
        reached.add(node.get_attribute("id") or node.text)
        shown = script(page, "getComputedStyle(arguments[0]).outlineStyle", node)
        assert shown != "none" or node.get_attribute("id") == "file", node.get_attribute(
            "outerHTML"
        )
    assert {"message", "Duid dit bericht", "file", "English"} <= reached


def test_an_error_is_shown_as_text(page: Any) -> None:
    read(page, "x" * 20_001)
    assert "20,001" in text(page, "#one-problem[role=alert]")
    assert find(page, "#marked") == []
    read(page, "   ")
    assert text(page, "#one-problem") == "Er staat nog geen bericht."
    read(page, PROMISE)
    assert text(page, "#one-problem") == ""


def test_a_message_is_never_markup(page: Any) -> None:
    read(page, EVIL)
    assert script(page, "document.querySelector('#marked').textContent").startswith("<img src=x")
    nothing_ran(page)
    assert find(page, "#one-result b") == []


def test_a_dropped_file_becomes_a_table_and_a_chart(page: Any, tmp_path: Path) -> None:
    rows = [
        "1;Dinsdag zou de monteur komen, niemand gezien",
        '2;"Weer een verkeerde factuur; één ""schande"""',
        "3;Heel blij met de snelle levering, dank jullie wel",
        "4;",
        f'"<b>5</b>";"{EVIL.replace(chr(34), chr(34) * 2)}"',
    ]
    drop(page, written(tmp_path, "nr;Bericht\r\n" + "\r\n".join(rows) + "\r\n", "cp1252"))
    assert text(page, "#file-status").startswith("Klaar: 5 berichten")
    shown = [node.text for node in find(page, "#messages tbody td.text")]
    assert shown[1] == 'Weer een verkeerde factuur; één "schande"'
    assert shown[4] == EVIL
    assert [n.text for n in find(page, "#messages tbody th")] == ["1", "2", "3", "4", "<b>5</b>"]
    assert "gebroken belofte" in find(page, "#messages tbody tr")[0].text
    totals = [int(node.text) for node in find(page, "#chart td.total")]
    assert len(totals) == 10
    assert totals[0] == 1
    assert sum(totals) >= 5
    nothing_ran(page)


def test_the_table_sorts_both_ways(page: Any, tmp_path: Path) -> None:
    rows = "\n".join(f"{i},Bericht nummer {i} over de factuur" for i in range(1, 121))
    drop(page, written(tmp_path, f"id,text\n{rows}\n"))
    ids = lambda: [node.text for node in find(page, "#messages tbody th")]  # noqa: E731
    head = lambda: find(page, "#messages th[data-column=row]")[0]  # noqa: E731
    assert ids() == [str(i) for i in range(1, 51)]
    head().find_element("css selector", "button").click()
    assert head().get_attribute("aria-sort") == "ascending"
    head().find_element("css selector", "button").click()
    assert head().get_attribute("aria-sort") == "descending"
    assert ids()[:2] == ["120", "119"]
    assert "1 tot 50 van 120" in text(page, ".messages [role=status]")
    find(page, ".messages .row button")[1].click()
    assert ids()[0] == "70"


def test_the_download_is_safe_in_a_spreadsheet(page: Any, tmp_path: Path) -> None:
    rows = ['=HYPERLINK("x"),Weer een verkeerde factuur', "-5,@SUM(A1) het pakket is te laat"]
    drop(page, written(tmp_path, "id,text\n" + "\n".join(rows).replace('("x")', "(x)") + "\n"))
    for old in page.downloads.iterdir():
        old.unlink()
    find(page, "#download")[0].click()
    wait_for(lambda: [path.suffix for path in page.downloads.iterdir()] == [".csv"])
    [path] = page.downloads.iterdir()
    assert path.name == "berichten-cxnlp.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert first["id"] == "'=HYPERLINK(x)"
    assert second["id"] == "-5"
    assert second["text"] == "'@SUM(A1) het pakket is te laat"
    assert "billing" in first["causes"].split("|")
    assert first["decision"] in ("accept", "review")


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "geen berichten"), ("text\n", "geen berichten"), ("a\x00b\n\x00", "geen tekstbestand")],
)
def test_a_file_that_is_none_is_told(page: Any, tmp_path: Path, content: str, said: str) -> None:
    drop(page, written(tmp_path, content))
    assert said in text(page, "#file-problem[role=alert]")


def test_the_column_can_be_chosen(page: Any, tmp_path: Path) -> None:
    path = written(tmp_path, "a;b\nkort;Weer een verkeerde factuur gekregen\n")
    find(page, "#file")[0].send_keys(str(path))
    wait_for(lambda: find(page, "#column-name")[0].is_displayed())
    assert find(page, "#column-name")[0].get_attribute("value") == "1"
    find(page, "#column button")[0].click()
    wait_for(lambda: text(page, "#file-status").startswith("Klaar"))
    assert "facturatie" in text(page, "#messages tbody tr")


def test_one_bad_row_does_not_stop_the_others(page: Any, tmp_path: Path) -> None:
    drop(page, written(tmp_path, f"text\n{'x' * 20_500}\nWeer een verkeerde factuur\n"))
    assert text(page, "#file-status").startswith("Klaar: 2 berichten")
    assert "1 met een fout" in text(page, "#file-status")
    assert "fout: text: A message may have 20,000" in find(page, "#messages tbody tr")[0].text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_has_contrast(page: Any, tmp_path: Path, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    read(page, "Dinsdag zou de monteur komen, niemand gezien, en weer een verkeerde factuur")
    drop(page, written(tmp_path, f"text\n{PROMISE}\n{'x' * 20_500}\nTop geholpen, bedankt\n"))
    found = script(page, _CONTRASTS)
    assert len(found) > 100
    assert [one for one in found if one["ratio"] < 4.5] == []
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_it_fits_a_phone(page: Any, tmp_path: Path) -> None:
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        read(page, PROMISE)
        drop(page, written(tmp_path, f"text\n{PROMISE}\n{'woord' * 80}\n"))
        assert script(page, "document.documentElement.scrollWidth") <= 360
        low = script(
            page,
            "[...document.querySelectorAll('button')].filter((b) => b.offsetHeight && "
            "b.offsetHeight < 24).map((b) => b.textContent)",
        )
        assert low == []  # WCAG 2.2, 2.5.8: targets of at least 24 pixels
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_everything_has_a_name(page: Any, tmp_path: Path) -> None:
    read(page, PROMISE)
    drop(page, written(tmp_path, f"text\n{PROMISE}\n"))
    tree = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    used = ("button", "textbox", "combobox", "table", "region", "progressbar", "group")
    nameless = [
        node["role"]["value"]
        for node in tree
        if not node.get("ignored")
        and node.get("role", {}).get("value") in used
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []
    assert script(page, "document.querySelectorAll('h1').length") == 1


def test_nothing_comes_from_elsewhere(page: Any, server: Server) -> None:
    used = script(page, "performance.getEntriesByType('resource').map((e) => e.name)")
    assert used
    assert all(url.startswith(server.url) for url in used)


def test_a_key_is_asked_for_and_used(browser: Any, tiny_bundle: Path) -> None:
    with serving(tiny_bundle, api_key="geheim") as locked:
        browser.get(locked.url)
        wait_for(lambda: find(browser, "#key")[0].is_displayed())
        assert "sleutel" in text(browser, "#one-problem")
        find(browser, "#key-value")[0].send_keys("geheim", webdriver.Keys.ENTER)
        wait_for(lambda: "tiny" in text(browser, "#about"))
        read(browser, PROMISE)
        assert "gebroken belofte" in text(browser, ".causes li")
        assert json.dumps("geheim") not in json.dumps(locked.lines)


# WCAG 2 contrast of each shown text with the nearest background that is painted.
_CONTRASTS = """(() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour, under) => {
    context.fillStyle = under ? `rgb(${under})` : "#000";
    context.fillRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (c) => {
    const [r, g, b] = c.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.checkVisibility()) continue;
    if (node.closest("script, style, noscript, .unseen, .skip, :disabled")) continue;
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
    const back = layers.reduce((under, one) => rgb(one, under), [255, 255, 255]);
    const ink = rgb(getComputedStyle(node).color, back);
    const [a, b] = [light(ink), light(back)].sort((x, y) => y - x);
    found.push({ text: walk.currentNode.data.slice(0, 40), ratio: (a + 0.05) / (b + 0.05) });
  }
  return found;
})()"""
