"""The page of an audit, in a real browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.harness import registry, surveys
from tests.harness.browser import DESKTOP, PHONE, Browser, started
from tests.harness.server import wait_for
from webhook.audit.survey import Survey
from webhook.report import page

MOST_ELEMENTS = 4000  # of a page with ten thousand findings: a browser lays that out at once


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[], Survey]], Path]:
    folder = tmp_path_factory.mktemp("pages")

    def written(make: Callable[[], Survey]) -> Path:
        file = folder / f"{make.__name__}.html"
        if not file.exists():
            file.write_text(page.render(make()), encoding="utf-8")
        return file

    return written


Pages = Callable[[Callable[[], Survey]], Path]
ALL = (surveys.story, surveys.wide, surveys.healthy, surveys.empty, surveys.hostile)


def press(browser: Browser, *keys: str) -> None:
    chain = ActionChains(browser.driver)
    for key in keys:
        chain = chain.send_keys(key)
    chain.perform()


def tab_to(browser: Browser, identity: str) -> None:
    """Press Tab until the element *identity* has the focus, as somebody without a mouse does."""
    for _ in range(200):
        if browser.evaluate("document.activeElement.id") == identity:
            return
        press(browser, Keys.TAB)
    raise AssertionError(f"Tab never comes to {identity}")


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_a_page_asks_for_nothing_and_complains_of_nothing(browser: Browser, pages: Pages, make: Any) -> None:
    file = pages(make)
    browser.open(file)
    assert browser.requests() == [file.as_uri()]
    assert browser.complaints() == []


def test_the_headline_is_the_number_of_pods_that_would_not_come_back(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    assert browser.find("h1").text.replace("\n", " ") == "9 of 20 running pods would not come back"
    browser.open(pages(surveys.healthy))
    assert browser.find("h1").text.replace("\n", " ") == "3 of 3 running pods would come back"
    browser.open(pages(surveys.empty))
    assert browser.find("h1").text == "No running pods of Airflow were seen"


def test_the_story_of_the_four_layers_is_there_at_a_glance_and_the_fourth_is_not_claimed(
    browser: Browser, pages: Pages
) -> None:
    browser.open(pages(surveys.story))
    layers = [text.splitlines()[:2] for text in browser.texts(".layers li")]
    assert [[name.lstrip("1234 "), state] for name, state in layers] == [
        ["Stale image", "found"],
        ["Image cache", "found"],
        ["Namespace wall", "found"],
        ["Callback", "not checked"],
    ]
    browser.open(pages(surveys.healthy))
    states = [text.splitlines()[1] for text in browser.texts(".layers li")]
    assert states == ["not found", "not found", "not checked", "not checked"]  # no variable is declared for these
    browser.open(pages(surveys.empty))
    assert {text.splitlines()[1] for text in browser.texts(".layers li")} == {"not checked"}


def test_drift_shows_both_digests_with_their_nodes_and_ages(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    first, second = browser.texts("section[aria-labelledby=drift] .picture > ol > li")
    assert "sha256:111111111111" in first
    assert all(word in first for word in ("7 pods", "node-a", "9 days"))
    assert "sha256:222222222222" in second
    assert all(word in second for word in ("2 pods", "node-b", "5 hours"))


def test_skew_shows_who_is_behind_whom(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    rows = browser.texts("section[aria-labelledby=skew] .picture > ol > li")
    assert len(rows) == 4
    assert "2.10.5" in rows[0]
    assert "behind" not in rows[0]
    assert all(word in rows[1] for word in ("2.10.4", "worker", "3 pods", "behind"))


def test_the_list_is_searched_and_filtered_by_keyboard_alone(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    assert browser.find("#count").text == "13 findings"
    tab_to(browser, "search")
    press(browser, "TRIGGERER main")
    assert browser.find("#count").text == "2 of 13 findings"
    press(browser, Keys.TAB, Keys.TAB, Keys.TAB, "mutable")  # past namespace and component, to the rule
    assert browser.value("#by-rule") == "mutable-tag"
    assert browser.find("#count").text == "1 of 13 findings"
    (shown,) = browser.texts("#list > li")
    assert "triggerer Deployment airflow/airflow-triggerer" in shown
    assert "Fix: set images.airflow.tag" in shown
    press(browser, Keys.TAB, Keys.TAB, Keys.ENTER)  # past the mode, to the button
    assert browser.find("#count").text == "13 findings"
    assert len(browser.texts("#list > li")) == 13


def test_nothing_found_is_said(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    browser.find("#search").send_keys("no such thing")
    assert browser.find("#count").text == "0 of 13 findings"
    assert browser.texts("#list > li") == []


def test_a_number_of_the_matrix_leads_to_its_findings(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    browser.find("a[data-namespace=lab][data-rule=required-env]").send_keys(Keys.ENTER)
    assert browser.find("#count").text == "2 of 13 findings"
    headings = [text.splitlines()[-1] for text in browser.texts("#list h3")]
    assert headings == ["scheduler Deployment lab/lab-scheduler", "scheduler Deployment lab/lab2-scheduler"]
    assert browser.evaluate("document.activeElement.id") == "findings"


def test_what_attacks_the_page_stays_text(browser: Browser, pages: Pages) -> None:
    file = pages(surveys.hostile)
    browser.open(file)
    browser.find("#search").send_keys("onerror")
    assert browser.find("#count").text == "8 findings"
    assert browser.evaluate(
        "[document.images.length, document.scripts.length, document.title.includes('pwned</')]"
    ) == [0, 2, False]
    assert browser.evaluate("document.title") != "pwned"
    assert surveys.HOSTILE in browser.find("main").text
    assert surveys.HOSTILE in browser.find("#list").text
    assert [option for option in browser.texts("#by-namespace option") if option] == ["all", surveys.HOSTILE, "airflow"]
    assert browser.requests() == [file.as_uri()]
    assert browser.complaints() == []


ATTACKS = """
document.body.insertAdjacentHTML("beforeend", "<img src='http://127.0.0.1:9/x' onerror='document.title=1'>");
document.body.insertAdjacentHTML("beforeend", "<a id='bait' href='#' onclick='document.title=1'>x</a>");
document.getElementById("bait").click();
for (const [name, text] of [["script", "document.title = 1"], ["style", "h1 { display: none }"]]) {
  const made = document.createElement(name);
  made.textContent = text;
  document.head.append(made);
}
"""


def test_what_got_into_the_page_all_the_same_would_run_and_load_nothing(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    browser.run(ATTACKS)
    events: list[dict[str, Any]] = []

    def refused() -> list[Any]:
        events.extend(browser.events())
        return [one["params"] for one in events if one["params"].get("blockedReason") == "csp"]

    assert len(wait_for(refused, 10, "the image to be refused")) == 1
    assert browser.evaluate("document.title").startswith("9 of 20")
    assert browser.find("h1").is_displayed()
    answered = [one["params"]["response"]["url"] for one in events if one["method"] == "Network.responseReceived"]
    assert all(url.startswith("file:") for url in answered)
    complaints = [message for message in browser.complaints() if "Content Security Policy" in message]
    assert len(complaints) == 5  # two handlers, the image, the script and the style


TYPED = """
const box = document.getElementById("search"), before = performance.now();
box.value = "dag_0999";
box.dispatchEvent(new Event("input", {bubbles: true}));
document.body.offsetHeight;  // so that the layout counts too
return performance.now() - before;
"""


def test_ten_thousand_findings_stay_usable(browser: Browser, pages: Pages, capsys: pytest.CaptureFixture[str]) -> None:
    browser.open(pages(surveys.large))
    assert browser.find("#count").text == "10000 findings"
    assert browser.evaluate("document.querySelectorAll('*').length") < MOST_ELEMENTS
    ready = browser.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    took = browser.run(TYPED)
    assert browser.find("#count").text == "10 of 10000 findings"
    assert len(browser.texts("#list > li")) == 10
    with capsys.disabled():
        print(f"\n10,000 findings: interactive after {ready:.0f} ms, filtered in {took:.1f} ms")  # noqa: T201 - figures for who reads


def test_pages_are_turned_by_keyboard(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.large))
    first = browser.texts("#list h3")
    assert len(first) == 50
    assert browser.find("#page").text == "page 1 of 200"
    assert not browser.find("#previous").is_enabled()
    browser.find("#next").send_keys(Keys.ENTER)
    assert browser.find("#page").text == "page 2 of 200"
    assert browser.evaluate("document.activeElement.id") == "findings"
    assert not set(browser.texts("#list h3")) & set(first)
    browser.find("#previous").send_keys(Keys.ENTER)
    assert browser.texts("#list h3") == first


COUNTED = """
window.addEventListener("beforeprint", () => {
  window.printed = ["#list > li", "details:not([open])"].map((found) => document.querySelectorAll(found).length);
});
"""


def test_paper_gets_what_is_chosen_and_what_is_folded(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.large))
    browser.find("#search").send_keys("airflow-team-01")
    browser.run(COUNTED)
    assert browser.cdp("Page.printToPDF")["data"]
    assert browser.evaluate("window.printed") == [250, 0]
    assert len(browser.texts("#list > li")) == 50
    assert browser.evaluate("document.querySelectorAll('details[open]').length") == 0


def test_without_javascript_everything_is_there_to_be_read(tmp_path: Path, pages: Pages) -> None:
    with started(tmp_path / "profile", javascript=False) as browser:
        browser.open(pages(surveys.story))
        assert browser.find("h1").text.startswith("9")
        assert not browser.find("#filter").is_displayed()
        assert len(browser.texts("#list > li")) == 13
        browser.open(pages(surveys.large))
        assert browser.find("#count").text.startswith("The first 200 of 10000 findings.")
        assert len(browser.driver.find_elements("css selector", "#list > li")) == page.STATIC


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("make", [*ALL, surveys.large], ids=lambda make: make.__name__)
def test_a_page_is_accessible(browser: Browser, pages: Pages, make: Any, size: tuple[int, int], scheme: str) -> None:
    browser.open(pages(make), scheme=scheme, size=size)
    axe = registry.npm(registry.AXE) / "axe.min.js"
    browser.run(axe.read_text(encoding="utf-8"))
    found = browser.wait_for("axe.run()")
    told = [
        f"{one['id']}: {node['html']}: {node['failureSummary']}" for one in found["violations"] for node in one["nodes"]
    ]
    assert told == []
    assert len(found["passes"]) > 20


@pytest.mark.parametrize("make", [*ALL, surveys.large], ids=lambda make: make.__name__)
def test_a_phone_scrolls_in_one_direction(browser: Browser, pages: Pages, make: Any) -> None:
    browser.open(pages(make), size=PHONE)
    assert browser.evaluate("document.documentElement.scrollWidth") == PHONE[0]
