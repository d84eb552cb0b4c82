"""The pages as a person sees them: a real browser, a campaign of 25,000 accounts, both colour schemes, a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.cases import made_up
from tests.cases.made_up import ALERT_ID
from tests.patience import until
from tests.web.browser import emulate, opened_browser
from tests.web.site import TOKEN, Site

pytestmark = pytest.mark.slow
ACCOUNTS = 25_000


class Open(NamedTuple):
    """A browser, and the page it looks at."""

    browser: Chrome
    url: str
    site: Site

    @property
    def case(self) -> str:
        return f"{self.url}/alerts/{ALERT_ID}"

    def text(self) -> str:
        return str(self.browser.execute_script("return document.body ? document.body.innerText : ''"))

    def style(self, selector: str, name: str) -> str:
        return self.browser.find_element(By.CSS_SELECTOR, selector).value_of_css_property(name)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    site = Site()
    with opened_browser(tmp_path_factory.mktemp("profile")) as browser, site.running() as url:
        made_up.campaign(site.store, ACCOUNTS)
        yield Open(browser, url, site)


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG has it."""
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_both_colour_schemes_it_can_be_read(opened: Open, scheme: str) -> None:
    emulate(opened.browser, scheme=scheme)
    opened.browser.get(opened.case)
    ground = opened.style("body", "background-color")
    assert (luminance(ground) > 0.5) == (scheme == "light")
    surface = opened.style(".decide", "background-color")
    for selector in ("h1", ".muted", "a", ".pill.critical", "dt", "td"):
        colour = opened.style(selector, "color")
        assert min(contrast(colour, ground), contrast(colour, surface)) >= 4.5, selector
    bar = opened.style(".bars rect", "fill")
    assert contrast(bar, surface) >= 3
    assert opened.browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_the_picture_of_25_000_accounts_stays_a_picture(opened: Open) -> None:
    emulate(opened.browser)
    opened.browser.get(opened.case)
    assert "25,000 accounts that share one prompt template" in opened.text()
    shapes, labels = opened.browser.execute_script(
        """const bonds = document.querySelectorAll(".picture svg")[1];
           return [bonds.querySelectorAll("path, rect").length,
                   [...bonds.querySelectorAll("text.halo")].map(each => {
                       const box = each.getBoundingClientRect();
                       return [box.left, box.top, box.right, box.bottom]})]"""
    )
    assert shapes < 500
    assert len(labels) > 20
    for place, one in enumerate(labels):
        for other in labels[place + 1 :]:
            across = min(one[2], other[2]) - max(one[0], other[0])
            down = min(one[3], other[3]) - max(one[1], other[1])
            assert across < 1 or down < 4, "two labels lie on each other"


def test_on_a_telephone_nothing_sticks_out(opened: Open) -> None:
    emulate(opened.browser, width=360, height=740)
    for path in ("/", f"/alerts/{ALERT_ID}", "/login"):
        opened.browser.get(opened.url + path)
        assert opened.browser.execute_script("return document.documentElement.scrollWidth") <= 360


def test_with_the_keyboard_alone_one_reads_logs_in_and_decides(opened: Open) -> None:
    emulate(opened.browser)
    opened.browser.get(opened.url)

    def focused() -> str:
        return str(opened.browser.switch_to.active_element.accessible_name)

    def to(name: str, turns: int = 60) -> None:
        for _ in range(turns):
            opened.browser.switch_to.active_element.send_keys(Keys.TAB)
            if focused().startswith(name):
                outline = opened.browser.switch_to.active_element.value_of_css_property("outline-style")
                assert outline != "none"
                return
        pytest.fail(f"{name} cannot be reached with the keyboard")

    def enter(place: str) -> None:
        opened.browser.switch_to.active_element.send_keys(Keys.ENTER)
        until(lambda: opened.browser.current_url.startswith(place), place)

    to("25,000 accounts")
    enter(opened.case)
    to("Log in")
    enter(f"{opened.url}/login")
    until(lambda: opened.browser.switch_to.active_element.get_attribute("name") == "token", "one may type the token")
    opened.browser.switch_to.active_element.send_keys(TOKEN)
    enter(opened.case)
    to("Block")
    opened.browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert opened.site.sent == [], "nobody is blocked without a reason"
    until(lambda: focused().startswith("Why"), "the browser asks for it")
    opened.browser.switch_to.active_element.send_keys("a class of mine" + Keys.ENTER)
    assert opened.site.sent == [], "Enter in a text field decides nothing"
    to("Dismiss")
    opened.browser.switch_to.active_element.send_keys(Keys.ENTER)
    until(lambda: "Dismissed." in opened.text(), "that it is dismissed")
    assert len(opened.site.sent) == 1
    to("account", turns=90)
    opened.browser.switch_to.active_element.send_keys(Keys.ENTER)
    until(lambda: "sort=account" in opened.browser.current_url, "the accounts in another order")
    assert opened.browser.find_element(By.CSS_SELECTOR, "table.dense tbody th").text.startswith("acct_000")


def test_without_scripts_everything_works(opened: Open) -> None:
    emulate(opened.browser)
    opened.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        opened.browser.get(f"{opened.case}?q=acct_0&show=limited")
        assert "page 1 of" in opened.text()
        opened.browser.find_element(By.LINK_TEXT, "next →").click()
        until(lambda: "page 2 of" in opened.text(), "the second page")
    finally:
        opened.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_it_fetches_nothing_from_elsewhere(opened: Open, tmp_path: Path) -> None:
    emulate(opened.browser)
    opened.browser.get(opened.case)
    names = opened.browser.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert [name for name in names if not name.startswith((opened.url, "data:"))] == []
    assert opened.browser.save_screenshot(str(tmp_path / "page.png"))
    assert (tmp_path / "page.png").stat().st_size > 10_000
