"""The page of an audit, in a real browser."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.harness import populace, registry, surveys
from tests.harness.browser import DESKTOP, PHONE, Browser, started
from tests.harness.livepods import NOW, live, running
from tests.harness.scanning import ENFORCING
from tests.harness.waiting import until
from webhook.audit.assessment import Law, judge
from webhook.audit.survey import Survey
from webhook.audit.taking import Look
from webhook.documents.policy import read_policy
from webhook.pods.nodes import decode_node, known
from webhook.report import page

TABLET = (800, 1100)
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
ALL = (surveys.story, surveys.several, surveys.wide, surveys.healthy, surveys.empty, surveys.hostile)


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
    assert browser.find("h1").text == "No running Airflow pods were seen"


def test_the_story_of_the_four_layers_is_there_at_a_glance_and_the_fourth_is_not_claimed(
    browser: Browser, pages: Pages
) -> None:
    browser.open(pages(surveys.story))
    layers = [text.splitlines()[:2] for text in browser.texts(".layers > li")]
    assert [[name.lstrip("1234 "), state] for name, state in layers] == [
        ["Stale image", "found"],
        ["Image cache", "found"],
        ["Namespace wall", "found"],
        ["Callback", "not checked"],
    ]
    browser.open(pages(surveys.healthy))
    states = [text.splitlines()[1] for text in browser.texts(".layers > li")]
    assert states == ["not found", "not found", "not checked", "not checked"]  # no variable is declared for these
    browser.open(pages(surveys.empty))
    assert {text.splitlines()[1] for text in browser.texts(".layers > li")} == {"not checked"}


def test_drift_shows_both_digests_with_their_nodes_and_ages(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    first, second = browser.texts("section[aria-labelledby=drift] tbody tr")
    assert all(word in first for word in ("sha256:111111111111", "7", "node-a", "9 days"))
    assert all(word in second for word in ("sha256:222222222222", "2", "node-b", "5 hours"))


def test_skew_shows_who_is_behind_whom(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    rows = browser.texts("section[aria-labelledby=skew] tbody tr")
    assert len(rows) == 4
    assert "2.10.5" in rows[0]
    assert "behind" not in rows[0]
    assert all(word in rows[1] for word in ("2.10.4", "worker", "3", "behind"))


def test_a_cause_is_one_card_with_its_workloads_under_the_fixes_that_they_need(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    card = browser.find("#list > li")
    assert "enforce mutable-tag registry.example.com/data/airflow:main" in card.text.replace("\n", " ")
    ways = [way.text for way in card.find_elements("css selector", ".way")]
    assert len(ways) == 2
    assert "images.pod_template.pullPolicy" in ways[0]
    assert "task Pod airflow/sales_daily/load_orders 5 pods" in ways[0]
    assert ways[1].endswith("2 workloads")
    card.find_element("css selector", "summary").send_keys(Keys.ENTER)
    assert "triggerer Deployment airflow/airflow-triggerer" in card.text


def test_what_to_do_first_names_three_causes_and_what_each_mends(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    first, second, third = browser.texts(".first > li")
    assert "registry.example.com/data/airflow:main" in first
    assert "set images.airflow.tag" in first
    assert "9 more pods would come back; 3 of 13 findings gone, in 3 workloads, 9 pods." in first
    assert "MESSAGE_CALLBACK_ENDPOINT" in second
    assert "docker.io/apache/airflow:2.10.4" in third
    browser.find(".first > li:nth-child(2) a").send_keys(Keys.ENTER)
    assert browser.find("#count").text == "1 of 8 causes, in 4 workloads"
    assert browser.evaluate("document.activeElement.id") == "causes"


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_every_link_of_the_contents_leads_to_a_heading(browser: Browser, pages: Pages, make: Any) -> None:
    browser.open(pages(make))
    targets = browser.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map((one) => one.hash)")
    headings = browser.evaluate("[...document.querySelectorAll('h2[id]')].map((one) => `#${one.id}`)")
    assert set(targets) - {"#main"} <= set(headings)
    assert set(headings) <= set(
        browser.evaluate("[...document.querySelectorAll('.contents a')].map((one) => one.hash)")
    )


def test_the_list_is_searched_and_filtered_by_keyboard_alone(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    assert browser.find("#count").text == "13 findings with 8 causes"
    tab_to(browser, "search")
    press(browser, "TRIGGERER main")
    assert browser.find("#count").text == "2 of 8 causes, in 4 workloads"
    press(browser, Keys.TAB, Keys.TAB, Keys.TAB, "mutable")  # past namespace and component, to the rule
    assert browser.value("#by-rule") == "mutable-tag"
    assert browser.find("#count").text == "1 of 8 causes, in 1 workload"
    (shown,) = browser.texts("#list > li")
    assert "triggerer Deployment airflow/airflow-triggerer" in shown
    assert "airflow-scheduler" not in shown
    assert "Fix: set images.airflow.tag" in shown
    press(browser, Keys.TAB, Keys.TAB, Keys.ENTER)  # past the mode, to the button
    assert browser.find("#count").text == "13 findings with 8 causes"
    assert len(browser.texts("#list > li")) == 8


def test_nothing_found_is_said(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    browser.find("#search").send_keys("no such thing")
    assert browser.find("#count").text == "0 of 8 causes, in 0 workloads"
    assert browser.texts("#list > li") == []


def test_a_number_of_the_matrix_leads_to_its_findings(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.story))
    browser.find("a[data-namespace=lab][data-rule=required-env]").send_keys(Keys.ENTER)
    assert browser.find("#count").text == "1 of 8 causes, in 2 workloads"
    shown = browser.texts("#list .hits > li")
    assert [text.partition(" 1 pod")[0] for text in shown] == [
        "scheduler Deployment lab/lab-scheduler",
        "scheduler Deployment lab/lab2-scheduler",
    ]
    assert browser.evaluate("document.activeElement.id") == "causes"


def test_what_attacks_the_page_stays_text(browser: Browser, pages: Pages) -> None:
    file = pages(surveys.hostile)
    browser.open(file)
    browser.find("#search").send_keys("onerror")
    assert browser.find("#count").text == "8 findings with 6 causes"
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

    assert len(until(refused, "the image to be refused")) == 1
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
    assert browser.find("#count").text == "10000 findings with 40 causes"
    assert browser.evaluate("document.querySelectorAll('*').length") < MOST_ELEMENTS
    ready = browser.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    took = browser.run(TYPED)
    assert browser.find("#count").text == "10 of 40 causes, in 10 workloads"
    assert len(browser.texts("#list > li")) == 10
    with capsys.disabled():
        print(f"\n10,000 findings: interactive after {ready:.0f} ms, filtered in {took:.1f} ms")  # noqa: T201 - figures for who reads


def test_all_workloads_of_a_cause_are_shown_when_asked_for(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.large))
    card = browser.find("#list > li")
    card.find_element("css selector", "summary").send_keys(Keys.ENTER)
    assert len(card.find_elements("css selector", ".hits > li")) == 20
    card.find_element("css selector", "button").send_keys(Keys.ENTER)
    assert len(card.find_elements("css selector", ".hits > li")) == 250
    assert browser.evaluate("document.activeElement.matches('.hits > li:nth-child(21)')")


def test_pages_are_turned_by_keyboard(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.large))
    first = browser.texts("#list h3")
    assert len(first) == 10
    assert browser.find("#page").text == "page 1 of 4"
    assert not browser.find("#previous").is_enabled()
    browser.find("#next").send_keys(Keys.ENTER)
    assert browser.find("#page").text == "page 2 of 4"
    assert browser.evaluate("document.activeElement.id") == "causes"
    assert not set(browser.texts("#list h3")) & set(first)
    browser.find("#previous").send_keys(Keys.ENTER)
    assert browser.texts("#list h3") == first


COUNTED = """
window.addEventListener("beforeprint", () => {
  window.printed = ["#list .hits > li", "details:not([open])"].map((found) => document.querySelectorAll(found).length);
});
"""


def test_paper_gets_what_is_chosen_and_what_is_folded(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.large))
    browser.find("#search").send_keys("airflow-team-01")
    browser.run(COUNTED)
    assert browser.cdp("Page.printToPDF")["data"]
    assert browser.evaluate("window.printed") == [250, 0]
    assert len(browser.texts("#list > li")) == 1
    assert browser.evaluate("document.querySelectorAll('details[open]').length") == 0


def test_without_javascript_everything_is_there_to_be_read(tmp_path: Path, pages: Pages) -> None:
    with started(tmp_path / "profile", javascript=False) as browser:
        browser.open(pages(surveys.story))
        assert browser.find("h1").text.startswith("9")
        assert not browser.find("#filter").is_displayed()
        assert len(browser.texts("#list > li")) == 8
        assert len(browser.driver.find_elements("css selector", "#list .hits > li")) == 15
        browser.open(pages(surveys.large))
        assert browser.find("#count").text == "10000 findings with 40 causes"
        assert "and 230 more workloads, which -o json lists" in str(browser.find("#list").get_property("textContent"))


TALLEST = 7000  # pixels


def dump() -> Survey:
    """Return what an audit says of five thousand pods by a policy that enforces."""
    made = populace.crowd()
    look = Look(
        tuple(live(pod) for pod in made.pods),
        known(found for node in made.nodes if (found := decode_node(json.dumps(node).encode())) is not None),
    )
    return judge(look, (), Law(read_policy(ENFORCING)), surveys.BASIS, datetime.now(UTC))


def test_five_thousand_pods_are_no_longer_than_a_page_that_people_scroll(browser: Browser, pages: Pages) -> None:
    browser.open(pages(dump))
    assert browser.evaluate("document.documentElement.scrollHeight") <= TALLEST


def test_every_workload_among_five_thousand_pods_is_found_by_search(browser: Browser, pages: Pages) -> None:
    browser.open(pages(dump))
    made = populace.crowd()
    script = """
    const box = document.getElementById("search");
    return arguments[0].filter((name) => {
      box.value = name;
      box.dispatchEvent(new Event("input", {bubbles: true}));
      return !document.getElementById("list").textContent.includes(name);
    });
    """
    assert len(made.violators) == populace.VIOLATORS
    wanted = sorted({*made.violators, *made.drifting})
    assert browser.driver.execute_script(script, wanted) == []


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


# Words of headers that stand on two lines.
BROKEN = """
const broken = [];
for (const one of document.querySelectorAll("header, h1, h2, .layers h3, th, dt")) {
  const walker = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest("code, .hidden")) continue;
    for (const word of node.data.matchAll(/[\\w']+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((box) => box.top)).size > 1) broken.push(word[0]);
    }
  }
}
return broken;
"""


@pytest.mark.parametrize("size", [DESKTOP, TABLET, PHONE], ids=["desktop", "tablet", "phone"])
@pytest.mark.parametrize("make", [surveys.story, surveys.wide, surveys.large], ids=lambda make: make.__name__)
def test_no_word_of_a_header_is_broken(browser: Browser, pages: Pages, make: Any, size: tuple[int, int]) -> None:
    browser.open(pages(make), size=size)
    assert browser.run(BROKEN) == []


CLIPPED = """
return [...document.querySelectorAll("body *")].filter((one) => {
  const style = getComputedStyle(one);
  if (style.overflowX === "visible" || one.closest(".hidden, .skip, thead, select, input")) return false;
  // What scrolls casts a shadow where it goes on.
  return one.scrollWidth > one.clientWidth + 1 && !style.backgroundImage.includes("radial-gradient");
}).map((one) => one.outerHTML.slice(0, 200));
"""


@pytest.mark.parametrize("size", [DESKTOP, TABLET, PHONE], ids=["desktop", "tablet", "phone"])
@pytest.mark.parametrize("make", [*ALL, surveys.large], ids=lambda make: make.__name__)
def test_nothing_is_clipped_without_a_sign(browser: Browser, pages: Pages, make: Any, size: tuple[int, int]) -> None:
    browser.open(pages(make), size=size)
    assert browser.run(CLIPPED) == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("make", [surveys.story, surveys.large], ids=lambda make: make.__name__)
def test_on_a_phone_tables_are_cards_that_name_what_they_show(browser: Browser, pages: Pages, make: Any) -> None:
    browser.open(pages(make), size=PHONE)
    cells = browser.evaluate(
        "[...document.querySelectorAll('td:not(.none)')].filter((one) => one.offsetParent)"
        ".map((one) => [getComputedStyle(one).display, one.dataset.label, getComputedStyle(one, '::before').content])"
    )
    assert len(cells) > 10
    assert all(display == "block" and label and content == f'"{label}"' for display, label, content in cells)
    assert browser.evaluate("[...document.querySelectorAll('table')].every((one) => one.role === 'table')")


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_a_layer_says_one_of_four_words_and_why(browser: Browser, pages: Pages, make: Any) -> None:
    browser.open(pages(make))
    states = browser.texts(".layers .state")
    assert len(states) == 4
    assert set(states) <= {"found", "not found", "not checked", "not comparable"}
    assert all(text for text in browser.texts(".layers .told"))
    ticks = browser.evaluate("document.querySelectorAll('.layers .clear').length")
    assert ticks == states.count("not found")


def warned() -> Survey:
    """Return what is seen where a policy only warns about five of fourteen pods."""
    broken = [running(image="apache/airflow:latest", name=f"scheduler-{n}") for n in range(5)]
    pods = [*broken, *(running("worker", name=f"worker-{n}") for n in range(9))]
    return judge(Look(tuple(live(pod) for pod in pods)), (), Law(), surveys.BASIS, NOW)


def test_where_the_policy_only_warns_the_headline_says_what_enforcing_would_deny(
    browser: Browser, pages: Pages
) -> None:
    browser.open(pages(warned))
    assert browser.find("h1").text == "None would be denied by this policy; 5 of 14 under mode: enforce"
    assert browser.find("h1").get_attribute("class") == "doubtful"
    assert "14 of 14" not in browser.find("main").text


def test_a_report_on_several_clusters_can_be_narrowed_to_one(browser: Browser, pages: Pages) -> None:
    browser.open(pages(surveys.several))
    names = ["prod-eu", "arn:aws:eks:eu-west-1:123456789012:cluster/prod"]
    assert browser.texts("#by-cluster option") == ["all", *sorted(names)]
    browser.find("#by-cluster").send_keys("prod-eu")
    workloads = browser.evaluate("[...document.querySelectorAll('#list .hits > li b')].map((one) => one.textContent)")
    assert workloads
    assert all(one.startswith("prod-eu/") for one in workloads)
    assert [row.split("\n")[0] for row in browser.texts("table[aria-labelledby=clusters] tbody th")] == [*names, "gone"]
