"""The report in a browser: nothing from the network, no message, the numbers as they are seen."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from tests.conftest import Observed
from tests.oracle.metrics import breach_rate
from tests.pages import read_number, rounded

from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.run.manifest import read_run
from pqrs_kedro.run.report import report_page

INSTALL = "the report is tested in Chromium: apt-get install -y chromium chromium-driver"
WIDE, NARROW = 1200, 400
MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Chromium without a window and without a network, which notes what pages ask and say."""
    programs = shutil.which("chromium"), shutil.which("chromedriver")
    assert all(programs), INSTALL
    options = webdriver.ChromeOptions()
    options.binary_location = str(programs[0])
    profile = tmp_path_factory.mktemp("chromium")
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--hide-scrollbars", "--proxy-server=127.0.0.1:9", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(programs[1])))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def report_path(observed_documento: Observed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = observed_documento.run
    store = FolderStore(run.lake)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_page(store, read_run(store, run.run_id), []), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: webdriver.Chrome, report_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Opens the report at a width and returns what the browser did meanwhile."""

    def open_page(width: int, scheme: str = "light") -> list[dict[str, Any]]:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get_log("performance")  # type: ignore[no-untyped-call]
        browser.get_log("browser")  # type: ignore[no-untyped-call]
        browser.get(report_path.as_uri())
        noted = browser.get_log("performance")  # type: ignore[no-untyped-call]
        return [json.loads(entry["message"])["message"] for entry in noted]

    return open_page


pytestmark = pytest.mark.xdist_group("doc")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_is_asked_of_the_network_and_nothing_goes_wrong(
    opened: Callable[..., list[dict[str, Any]]],
    browser: webdriver.Chrome,
    report_path: Path,
    width: int,
    scheme: str,
) -> None:
    messages = opened(width, scheme)
    asked = [m["params"]["request"]["url"] for m in messages
             if m["method"] == "Network.requestWillBeSent"]  # fmt: skip
    assert asked == [report_path.as_uri()]
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_is_wider_than_the_page_and_one_form_of_each_figure_is_seen(
    opened: Callable[..., list[dict[str, Any]]], browser: webdriver.Chrome, width: int
) -> None:
    opened(width)
    assert browser.execute_script("return document.documentElement.scrollWidth") == width
    seen = browser.execute_script(
        "return [...document.querySelectorAll('figure svg')].filter(s => s.clientWidth > 0)"
        ".map(s => s.getAttribute('class'))"
    )
    figures = browser.execute_script("return document.querySelectorAll('figure').length")
    assert seen == ["wide" if width == WIDE else "narrow"] * figures


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_answer_is_on_the_first_screen(
    opened: Callable[..., list[dict[str, Any]]], browser: webdriver.Chrome, width: int
) -> None:
    opened(width)
    bottom = browser.execute_script(
        "return document.querySelector('.three').getBoundingClientRect().bottom"
    )
    # A telephone's screen is narrow, and as high again.
    assert bottom < (900 if width == WIDE else 1200)


def test_the_numbers_that_are_seen_are_those_of_the_raw_lines(
    opened: Callable[..., list[dict[str, Any]]],
    browser: webdriver.Chrome,
    observed_documento: Observed,
) -> None:
    opened(WIDE)
    cards = browser.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('.cards div')].map("
        "d => [d.querySelector('dt').innerText, d.querySelector('strong').innerText]))"
    )
    oracle = observed_documento.oracle
    breached, due = breach_rate(oracle)
    assert read_number(cards["Peticiones recibidas"]) == len(oracle.tickets)
    assert read_number(cards["Tasa de incumplimiento"]) == rounded(100 * breached / due)
    verdict = browser.execute_script("return document.querySelector('.verdict').innerText")
    shown = f"{breached} de {due}".replace(",", ".")
    assert verdict.startswith(f"{cards['Tasa de incumplimiento']} de los tickets")
    assert shown in verdict
    gold = observed_documento.run.table("gold_run_summary").to_pylist()
    (total,) = (r for r in gold if (r["measure"], r["group"]) == ("breach_rate", "total"))
    assert (total["numerator"], total["denominator"]) == (breached, due)


def test_it_prints(opened: Callable[..., list[dict[str, Any]]], browser: webdriver.Chrome) -> None:
    opened(WIDE)
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    content = base64.b64decode(printed["data"])
    assert content.startswith(b"%PDF")
    # A page of a run has some fifteen sheets; a box that cannot break would make many, or one.
    assert 5 <= content.count(b"/Type /Page\n") <= 30


def test_it_is_no_larger_than_a_mail_takes(report_path: Path) -> None:
    assert report_path.stat().st_size < MOST_BYTES
