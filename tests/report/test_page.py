# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page, in a real browser: what it shows, that it can be used, and that it
fetches nothing and says nothing on the console (checked after each test)."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import subprocess
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from chromium import Browser, axe, browser, chromium  # noqa: F401 (fixtures)
from portzero.project import OUT
from portzero.report import PAGE, page, read_programs
from portzero.report.model import PICTURE_BYTES
from conftest import PATIENCE
from runs import HOSTILE, PROGRAMS, model, png

ROWS = ".grid tbody tr:has(td)"


def rows(browser: Browser) -> list[str]:
    """The cases that the grid shows."""
    return browser.run(f"return [...document.querySelectorAll('{ROWS} th')].map("
                       "(head) => head.textContent)")


def signs(browser: Browser, row: int) -> list[str]:
    """The signs of a row, column by column."""
    return browser.run("return [...document.querySelectorAll(arguments[0])[arguments[1]]"
                       ".querySelectorAll('[aria-hidden]')].map((sign) => sign.textContent)", ROWS, row)


def test_no_script_takes_the_name_of_another() -> None:
    """They share one scope, and a function that is there twice is no error."""
    names = [name for script in page.SCRIPTS for name in re.findall(
        r"^(?:async )?(?:function|const|let|class) (\w+)", (page.SOURCES / script).read_text(),
        re.MULTILINE)]
    assert len(names) > 40
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_the_grid_shows_each_case_and_column(browser: Browser) -> None:
    browser.open(model())
    assert rows(browser) == ["case0", "case1"] * 3
    assert len(browser.all(f"{ROWS} button")) == 6 * 9
    # distro, stock, patched on each kernel.
    told = "✗✗ ✗✗ ✓✗ ✗✗ ✗✗ ✓✗ ✓✓ ✓✓ ✓✓"
    assert "".join(signs(browser, 0)) == told.replace(" ", "")
    assert "".join(signs(browser, 2)) == "✓" * 18
    browser.open(model(), "#run=all")  # With the saved one.
    assert "".join(signs(browser, 0)) == told.replace(" ", "") + "✗✗"


def test_the_answer_stands_on_top(browser: Browser) -> None:
    browser.open(model())
    text = browser.one("#answer").text
    assert "All as expected" in text
    assert ("6 questions about port 0 were asked; 4 get a conforming answer on every column, "
            "2 deviate on some.") in text
    assert "Responsible: the kernel for 2." in text
    assert ("The kernel “linux-patched” alone (with distro, stock) makes 16 of 16 deviating answers "
            "conform, and harms none.") in text
    assert [cell.text.split("\n")[0] for cell in browser.all(".picture td")] == [
        "✗ 4 of 6", "✗ 4 of 6", "✓ 6 of 6"] * 2 + ["✓ 6 of 6"] * 3


@pytest.mark.parametrize("changes, left", [
    ({"call": "getpeername"}, ["case0", "case1"]),
    ({"verdict": "deviates"}, ["case0", "case1"]),
    ({"verdict": "broken"}, []),
    ({"changed": "1"}, ["case0", "case1"]),
    ({"search": "CALL2"}, ["case0", "case1"]),
    ({"call": "call1", "changed": "1"}, []),
])
def test_filters_leave(browser: Browser, changes: dict[str, str], left: list[str]) -> None:
    browser.open(model())
    for name, value in changes.items():
        field = browser.one(f"#filters [name={name}]")
        if field.tag_name == "select":
            browser.run("arguments[0].value = arguments[1];"
                        "arguments[0].dispatchEvent(new Event('change'))", field, value)
        elif field.get_attribute("type") == "checkbox":
            field.click()
        else:
            field.send_keys(value, Keys.ENTER)
        browser.until(f"location.hash.includes('{name}=')")
    browser.until(f"document.querySelectorAll('{ROWS}').length === {len(left)}")
    assert rows(browser) == left
    # The same from the address alone.
    address = browser.run("return location.hash")
    browser.open(model(), address)
    assert rows(browser) == left


def test_filters_of_columns_and_variants(browser: Browser) -> None:
    browser.open(model(), "#libc=patched&kernel=host")
    assert "".join(signs(browser, 0)) == "✓✗"
    browser.open(model(), "#libc=patched&kernel=host&entry=syscall&protocol=UDP&family=IPv6")
    assert "".join(signs(browser, 0)) == "✗"
    browser.open(model(), "#alike=1")
    assert "".join(signs(browser, 0)) == "✗✗✓✗✓✓"
    assert browser.one("#letters").text.splitlines() == [
        "A", "distro, stock on host, linux-stock", "B", "patched on host, linux-stock",
        "C", "distro, stock, patched on linux-patched"]
    browser.open(model(), "#run=before")
    assert "".join(signs(browser, 0)) == "✗✗"
    browser.one("#filters button[type=reset]").click()
    browser.until(f"document.querySelectorAll('{ROWS} button').length === 54")


def test_a_cell_opens_and_back_and_forward_work(browser: Browser) -> None:
    browser.open(model())
    browser.one("[data-cell='getpeername/case1@stock/host']").click()
    browser.until("document.querySelector('dialog').open")
    text = browser.one("dialog").text
    for part in ("getpeername/case1 on stock/host", "What does getpeername/case1 do?",
                 "POSIX.1-2017, somewhere", "a-key: the reason", "net/ipv4/af_inet.c",
                 "./portzero matrix --libc stock --kernel host --case getpeername/case1",
                 "ENOTCONN"):
        assert part in text
    table = {row.text.split()[0]: row.text for row in browser.all(".bytes tbody tr")}
    assert table["result"] == "result 0 -1 0 0"
    assert table["address"].startswith("address 127.0.0.1:0 – 127.0.0.1:8081")
    assert "bytes: port 00 00 – 1f 91 1f 91" in browser.one(".bytes").text
    browser.run("[...document.querySelectorAll('dialog .variants button')].find("
                "(button) => button.textContent === 'IPv6 UDP').click()")
    browser.until("location.hash.includes('variant=')")
    assert "[::1%0]:0" in browser.one(".bytes").text
    browser.driver.back()
    browser.until("document.querySelector('.bytes').textContent.includes('127.0.0.1:0')")
    browser.driver.back()
    browser.until("!document.querySelector('dialog').open")
    browser.driver.forward()
    browser.until("document.querySelector('dialog').open")
    browser.one("dialog").send_keys(Keys.ESCAPE)
    browser.until("!document.querySelector('dialog').open && !location.hash.includes('cell')")


def test_the_keyboard_reaches_every_cell(browser: Browser) -> None:
    browser.open(model())
    assert len(browser.all(".grid button[tabindex='0']")) == 1
    browser.run("document.querySelector('.grid button[tabindex=\"0\"]').focus()")
    for key in (Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_UP):
        browser.driver.switch_to.active_element.send_keys(key)
    assert browser.driver.switch_to.active_element.get_attribute("data-cell") == \
        "getpeername/case1@stock/host"
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.until("document.querySelector('dialog').open")


def test_what_is_skipped_hides_and_colours_nothing(browser: Browser) -> None:
    """Half of a cell's variants are skipped on one column: it still shows what the
    others answer, in the colour that this answer has beside it."""
    some = model()
    for column in (some.columns[0], some.columns[6]):  # distro on host, on linux-patched.
        for verdict in column.verdicts:
            if verdict.family == "IPv6":
                verdict.verdict, verdict.observed = "skipped", {}
    browser.open(some, "#call=getpeername")
    assert "".join(signs(browser, 0)) == "✗✗✗✗✓✗✗✗✗✗✓✗✓✓✓✓✓✓"
    colours = browser.run("return [...document.querySelectorAll('.grid tbody td [aria-hidden]')]"
                          ".slice(0, 18).map((sign) => sign.className)")
    assert set(colours) == {"r0", "r1"}


def test_a_value_of_any_kind_is_shown(browser: Browser) -> None:
    odd = model()
    for record in odd.columns[0].records:
        if record["case"] == "getpeername/case0":
            record["observed"] = {"return": -1, "errno": ["what", {"is": "this"}]}
    browser.open(odd, "#cell=getpeername/case0@distro/host")
    assert "what" in browser.one("dialog .bytes").text


def test_a_cell_opens_to_what_must_be_looked_at(browser: Browser) -> None:
    spoilt = model(spoil=True)
    browser.open(spoilt, "#cell=getpeername/case0@distro/host")
    kinds = [cell.text.split()[-1] for cell in browser.all("dialog .scroll tbody td:first-child")]
    assert kinds == sorted(kinds, key=["broken", "unexpected", "deviates", "skipped"].index)
    assert kinds[0] == "broken" and kinds[-1] == "skipped"
    assert browser.one("dialog .facts:last-of-type dd").text == "broken"


def test_two_columns_beside_each_other(browser: Browser) -> None:
    browser.open(model(), "#compare=stock/host..patched/host")
    assert "8 of 48 answers differ." in browser.one("#differences").text
    assert browser.run("return document.querySelectorAll('#differences tbody tr').length") == 8
    browser.open(model(), "#compare=distro/host..before@distro/host")
    assert "0 of 48 answers differ." in browser.one("#differences").text
    browser.run("const form = document.getElementById('compared');"
                "form.elements.second.value = 'distro/linux-patched';"
                "form.elements.second.dispatchEvent(new Event('change'))")
    browser.until("document.getElementById('differences').textContent.includes('16 of 48')")


def test_what_is_not_as_expected_is_seen_and_texts_stay_texts(browser: Browser) -> None:
    spoilt = model(spoil=True)
    spoilt.complaints = [f"broken: {HOSTILE}"]
    browser.open(spoilt)
    assert "Not as expected" in browser.one("#answer").text
    assert browser.all("img") == []
    assert len(browser.all(".alarming")) >= 2
    browser.open(spoilt, "#cell=getpeername/case0@distro/host")
    text = browser.one("dialog").text
    for kind in ("unexpected", "broken", "skipped", "EINVAL", "another ran", "<img src=x"):
        assert kind in text
    browser.open(spoilt, "#cell=call1/case0@distro/host")
    assert "differs" in browser.one("dialog").text
    assert "left open" in browser.one("dialog").text


def test_programs_open_to_what_they_said(browser: Browser) -> None:
    browser.open(dataclasses.replace(model(), programs=PROGRAMS))
    table = browser.one("#program-table")
    assert [row.text.split()[0] for row in table.find_elements("css selector", "tbody tr")] == [
        "curl", "chromium", "nc"]
    table.find_element("css selector", "tbody button").click()
    browser.until("document.querySelector('dialog').open")
    text = browser.one("dialog").text
    for part in ("curl on distro/host", "it cannot name the peer", "zero on distro/host",
                 "control on distro/host", "./portzero programs curl --column distro/host"):
        assert part in text
    browser.driver.back()
    browser.until("!document.querySelector('dialog').open")
    browser.open(dataclasses.replace(model(), programs=PROGRAMS), "#program=nc@patched/host")
    assert "nc on patched/host" in browser.one("dialog").text


def test_transcripts_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    (folder / "transcripts").mkdir(parents=True)
    long = "start" + "x" * 20000 + "end"
    (folder / "transcripts/curl.zero").write_text(long)
    (folder / "results.jsonl").write_text(json.dumps(
        {"program": "curl", "column": "distro/host", "verdict": "conforms", "why": "",
         "transcripts": {"zero": "programs/transcripts/curl.zero",
                         "control": "programs/transcripts/gone"}}) + "\n")
    found, = read_programs(folder / "results.jsonl")
    assert found["zero pictures"] == []
    assert found["zero"].startswith("startx") and found["zero"].endswith("xend")
    assert "15008 characters left off" in found["zero"] and len(found["zero"]) < 6000
    assert found["control"] == "programs/transcripts/gone is gone"
    assert read_programs(tmp_path / "none.jsonl") == []


def test_pictures_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    small, large = png(4, 4, 9), png(4, 4, 9) + bytes(PICTURE_BYTES)
    (folder / "browser.zero").write_text(
        "page one\ntext: not\ntext: reached\npicture one: somewhere/else.png\n"
        "page two\npicture two: x\npicture large: x\npicture text: x\npicture none: x\n"
        "picture ../one: x\nstatus 0\n")
    for name, content in (("one", small), ("two", small), ("large", large), ("text", b"<svg>")):
        (folder / f"browser.zero.{name}.png").write_bytes(content)
    (folder / "results.jsonl").write_text(json.dumps(
        {"program": "browser", "column": "distro/host", "verdict": "refuses",
         "transcripts": {"zero": "programs/browser.zero"}}) + "\n")
    found, = read_programs(folder / "results.jsonl")
    picture = base64.b64encode(small).decode()
    assert found["zero pictures"] == [
        ("one", picture, "not reached"), ("two", picture, ""),
        ("large", "", f"browser.zero.large.png is left off: it has {len(large)} bytes"),
        ("text", "", "browser.zero.text.png is gone"),
        ("none", "", "browser.zero.none.png is gone")]
    assert found["zero"] == ("page one\ntext: not\ntext: reached\npage two\npicture ../one: x\n"
                             "status 0\n")
    whole = dataclasses.replace(model(), programs=[found])
    assert whole.data()["pictures"] == ["", picture]
    assert page.render(whole).count(picture) == 1


def test_pictures_are_shown(browser: Browser) -> None:
    """Those of both ports beside each other; each has words for those who do
    not see it, and none is fetched."""
    browser.open(dataclasses.replace(model(), programs=PROGRAMS))
    assert [row.text.count("with pictures") for row in browser.all("#program-table tbody tr")] == [
        0, 3, 0]
    browser.open(dataclasses.replace(model(), programs=PROGRAMS), "#program=chromium@patched/host")
    browser.until("[...document.querySelectorAll('dialog img')].every((image) => image.complete)")
    shown = browser.run("return [...document.querySelectorAll('dialog img')].map((image) => "
                        "[image.naturalWidth, image.naturalHeight, image.alt])")
    assert shown == [[640, 300, f"Screenshot “page” of chromium on patched/host, {where}: "
                                f"the {port} page says {HOSTILE}"]
                     for port, where in (("zero", "at port 0"), ("control", "at another port"))]
    left, right = (section.rect for section in browser.all("dialog section"))
    assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]
    gone = [{**PROGRAMS[3], "zero pictures": [("page", "", "chromium.zero.page.png is gone")]}]
    browser.open(dataclasses.replace(model(), programs=gone), "#program=chromium@distro/host")
    assert "Picture “page”: chromium.zero.page.png is gone" in browser.one("dialog").text
    assert len(browser.all("dialog img")) == 1


@pytest.mark.parametrize("fragment", [
    "#cell=no/such@distro/host", "#program=no", "#cell=getpeername/case0@no/such", "#cell=", "#compare=a..b",
    "#compare=..", "#call=nothing", "#columns=none", "#%E0%A4%A", "#=", "#cell=getpeername/case0"
    "@stock/host&variant=nothing", "#<script>"])
def test_no_address_breaks_the_page(browser: Browser, fragment: str) -> None:
    browser.open(model(), fragment)
    assert browser.one("#shown").text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("fragment", ["", "#cell=getpeername/case0@distro/host",
                                      "#program=curl@distro/host",
                                      "#program=chromium@distro/host", "#compare=stock/host..patched/host"])
@pytest.mark.parametrize("width", [390, 1200])
def test_accessible(browser: Browser, axe: str, scheme: str, fragment: str, width: int) -> None:
    browser.media(width, scheme)
    spoilt = dataclasses.replace(model(spoil=True), programs=PROGRAMS)
    browser.open(spoilt, fragment)
    browser.run(axe)
    browser.driver.set_script_timeout(PATIENCE)
    found = browser.driver.execute_async_script(
        "const done = arguments[0]; axe.run().then((found) => done({"
        "rules: found.passes.length, wrong: found.violations.map((one) => `${one.id}: ${one.help}: "
        "${one.nodes.map((node) => node.html.slice(0, 200))}`)}))")
    assert found["rules"] > 15
    assert found["wrong"] == []


@pytest.mark.parametrize("width", [390, 820, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(browser: Browser, width: int, scheme: str) -> None:
    """The page is as wide as the window (what is wider scrolls in itself).
    Leaves a picture to look at."""
    browser.media(width, scheme)
    for name, fragment in (("top", ""), ("cell", "#cell=getpeername/case0@stock/host"),
                           ("program", "#program=chromium@distro/host")):
        browser.open(dataclasses.replace(model(), programs=PROGRAMS), fragment)
        assert browser.run("return document.documentElement.scrollWidth") <= width
        folder = OUT / "report/screenshots"
        folder.mkdir(parents=True, exist_ok=True)
        browser.driver.save_screenshot(str(folder / f"{name}-{width}-{scheme}.png"))


def test_on_a_phone_the_variants_of_a_cell_are_in_sight(browser: Browser) -> None:
    browser.media(390, "light")
    browser.open(model(), "#cell=getpeername/case0@stock/host")
    sizes = browser.run("const table = document.querySelector('.answers');"
                        "return [table.parentNode.scrollWidth - table.parentNode.clientWidth,"
                        " ...[...table.querySelectorAll('.variants button')].map("
                        "(button) => button.getBoundingClientRect().right)]")
    assert sizes[0] == 0 and len(sizes) > 4 and max(sizes[1:]) <= 390
    assert browser.one("#cell-title").text == "getpeername/case0 on stock/host"


def test_printed_it_is_whole(browser: Browser) -> None:
    browser.media(800, "light", "print")
    browser.open(model())
    scroll = browser.run("const grid = document.querySelector('.grid-scroll');"
                         "return [grid.scrollHeight, grid.clientHeight]")
    assert scroll[0] == scroll[1]
    assert not browser.one("#filters").is_displayed()


def test_a_broken_page_is_noticed(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks after each test can fail: an error in a script, and a page
    that fetches something although its policy forbids it."""
    monkeypatch.setattr(page, "SCRIPTS", ("main.js",))
    chromium.open(model())
    assert any("ReferenceError" in line for line in chromium.complaints())
    monkeypatch.undo()
    chromium.open(model())
    chromium.run("const image = document.createElement('img'); image.src = 'http://127.0.0.1:9/';"
                 "document.body.append(image)")
    assert any("Content Security Policy" in line for line in chromium.complaints())


def test_ten_times_the_rows(browser: Browser) -> None:
    """The page stays small and the grid whole with ten times the rows of a
    full run: 12,000 questions on nine columns."""
    large = model(calls=10, cases=150)
    browser.open(large)
    assert len(rows(browser)) == 1500
    assert (browser.folder / "index.html").stat().st_size < 3_000_000
    print(browser.run("const entry = performance.getEntriesByType('navigation')[0];"
                      "return `drawn after ${entry.domComplete} ms`"))


def test_the_page_of_the_last_matrix(browser: Browser,
                                     whole_matrix: subprocess.CompletedProcess[str]) -> None:
    assert whole_matrix.returncode == 0
    browser.open_file(PAGE)
    assert len(rows(browser)) > 40
    browser.one(f"{ROWS} button").click()
    browser.until("document.querySelector('dialog').open")
