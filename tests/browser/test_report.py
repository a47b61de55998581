"""The HTML report in Debian's chromium: readable at every width, light and dark, and harmless."""

from __future__ import annotations

import shutil

import pytest

from forebay.cli import report
from report.logs import HOSTILE, write

pytestmark = pytest.mark.browser

# What is wrong with the page as it lies: text cut off, beyond the window, on other text, hard to read.
LOOK = r"""() => {
  const wrong = [], width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) wrong.push("page is wider than the window");
  const shown = element => element.checkVisibility({visibilityProperty: true, opacityProperty: true})
    && !element.closest("title,desc,style,head") && getComputedStyle(element).clipPath === "none"
    && !element.closest("thead")?.matches("*") || element.closest("thead")
    && getComputedStyle(element.closest("thead")).position !== "absolute"
    && element.checkVisibility();
  const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.data.trim() || element.closest("title,desc") || !shown(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      if (box.width > 0.5 && box.height > 0.5) texts.push({box, element, text: node.data.slice(0, 40)});
  }
  for (const {box, element, text} of texts) {
    if (box.left < -0.5 || box.right > width + 0.5) wrong.push("beyond the window: " + text);
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at), frame = at.getBoundingClientRect();
      if (style.overflowX !== "visible" && (box.right > frame.right + 1 || box.left < frame.left - 1))
        wrong.push("cut off: " + text);
      if (at.matches(".card,.chart,.tile") && (box.right > frame.right + 0.5 || box.left < frame.left - 0.5
          || box.bottom > frame.bottom + 0.5 || box.top < frame.top - 0.5))
        wrong.push("out of its card: " + text);
    }
  }
  texts.sort((a, b) => a.box.top - b.box.top);
  texts.forEach((one, at) => {
    for (let next = at + 1; next < texts.length; next++) {
      const other = texts[next];
      if (other.box.top >= one.box.bottom - 1.5) break;
      const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      const down = Math.min(one.box.bottom, other.box.bottom) - other.box.top;
      if (across > 1 && down > 2.5) wrong.push(`one on the other: ${one.text} | ${other.text}`);
    }
  });
  const channels = color => color.match(/[\d.]+/g).map(Number);
  const light = color => channels(color).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const pairs = new Set();
  for (const {element, text} of texts) {
    if (parseFloat(getComputedStyle(element).fontSize) < 11) wrong.push("small: " + text);
    let behind = element, back = "rgba(0, 0, 0, 0)";
    while (behind && channels(back)[3] === 0) {
      back = getComputedStyle(behind).backgroundColor;
      behind = behind.parentElement;
    }
    const front = getComputedStyle(element).color, pair = front + back;
    if (pairs.has(pair)) continue;
    pairs.add(pair);
    const [low, high] = [light(front), light(back)].sort((a, b) => a - b);
    if ((high + 0.05) / (low + 0.05) < 4.5) wrong.push(`contrast of ${front} on ${back}: ${text}`);
  }
  return {wrong: [...new Set(wrong)].slice(0, 20), texts: texts.length, pairs: pairs.size};
}"""


@pytest.fixture(name="browser")
def _browser():
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium")
    assert executable, "expected Debian's chromium, found none"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


class Shown:
    """A report in a window, and what the page has asked for or complained about."""

    def __init__(self, browser, path, width, scheme):
        self.page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        self.noticed = []
        self.page.on("console", lambda message: self.noticed.append(message.text))
        self.page.on("pageerror", lambda error: self.noticed.append(str(error)))
        self.page.on("dialog", lambda dialog: self.noticed.append(dialog.message))
        self.page.on("request", lambda request: self.noticed.append(request.url))
        self.page.goto(path.as_uri())
        assert self.noticed.pop(0) == path.as_uri()


def made(tmp_path, *given, **more):
    log, out = write(tmp_path / "log", *given, **more), tmp_path / "report.html"
    assert report.run([str(log), "--html", str(out)]) == 0
    return out


@pytest.mark.parametrize(
    ("count", "hosts"), [(1, 1), (10, 1), (10_000, 40), (10_000, 5000)], ids=lambda n: f"{n}"
)
def test_all_can_be_read_at_every_width(browser, tmp_path, count, hosts):
    out = made(tmp_path, count, hosts)

    for width in (320, 375, 640, 768, 1024, 1280, 1600):
        for scheme in ("light", "dark") if width in (320, 1600) else ("light",):
            shown = Shown(browser, out, width, scheme)
            found = shown.page.evaluate(LOOK)
            assert (found["wrong"], shown.noticed) == ([], []), (width, scheme)
            assert found["texts"] > 30
            assert found["pairs"] >= 2
            shown.page.close()


@pytest.mark.parametrize("width", [320, 1600])
def test_a_hostile_log_changes_nothing(browser, tmp_path, width):
    shown = Shown(browser, made(tmp_path, 300, text=HOSTILE), width, "light")

    found = shown.page.evaluate(LOOK)

    assert (found["wrong"], shown.noticed) == ([], [])
    assert shown.page.locator("script,img").count() == 0
    assert shown.page.locator("style").count() == 1
    assert "<script>alert(1)</script>" in shown.page.locator("body").inner_text()


def test_the_measure_finds_what_is_wrong(browser, tmp_path):
    """So that the tests above could fail."""
    shown = Shown(browser, made(tmp_path, 10), 320, "light")
    damage = {
        "page is wider": "main{min-width:900px}",
        "out of its card": ".tile .figure{white-space:nowrap;text-indent:400px}",
        "one on the other": ".more{margin-top:-1.2rem!important}",
        "contrast": ".more{color:#ccc!important}",
        "small": ".more{font-size:8px!important}",
        "cut off": ".card{overflow:hidden}.card h2{white-space:nowrap;text-indent:290px}",
    }

    for said, rules in damage.items():
        style = shown.page.evaluate_handle(
            "rules => { const sheet = new CSSStyleSheet(); sheet.replaceSync(rules);"
            "document.adoptedStyleSheets = [sheet]; return sheet }",
            rules,
        )
        assert any(said in each for each in shown.page.evaluate(LOOK)["wrong"]), said
        style.dispose()


def test_the_schemes_differ(browser, tmp_path):
    out = made(tmp_path, 10)

    back = {
        scheme: Shown(browser, out, 800, scheme).page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    }

    assert back["light"] != back["dark"]
