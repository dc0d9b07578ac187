"""A real headless browser: what a page shows, what it requests from the network, and what it prints on its console."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement

INSTALL = Path(__file__).with_name("install")
DESKTOP = (1280, 900)
PHONE = (390, 844)

# It runs as root in CI, and it is to ask the network for nothing of its own.
_ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser that shows one page at a time."""

    driver: Chrome

    def open(self, page: Path, *, scheme: str = "light", size: tuple[int, int] = DESKTOP) -> None:
        """Show *page* in a colour *scheme*, on a screen of *size*; what was logged before is forgotten."""
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        width, height = size
        mobile = size == PHONE
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.driver.get("about:blank")
        self.complaints()
        self.requests()
        self.driver.get(page.as_uri())

    def cdp(self, command: str, **arguments: Any) -> Any:
        """Return what the browser answers to a *command* of its DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, arguments)

    def find(self, selector: str) -> WebElement:
        """Return the first element that *selector* finds."""
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """Return what the elements that *selector* finds show."""
        return [element.text for element in self.driver.find_elements("css selector", selector)]

    def run(self, script: str) -> Any:
        """Return what the JavaScript *script* returns, which runs as a function of the page."""
        return self.driver.execute_script(script)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript *expression*."""
        return self.run(f"return {expression}")

    def wait_for(self, promise: str) -> Any:
        """Return what the JavaScript *promise* comes to; its error's text when it fails."""
        then = "const end = arguments[arguments.length - 1];"
        return self.driver.execute_async_script(f"{then} {promise}.then(end, (error) => end(String(error)));")

    def value(self, selector: str) -> str:
        """Return what is chosen or typed in the element that *selector* finds."""
        return str(self.find(selector).get_property("value"))

    def complaints(self) -> list[str]:
        """Return what the page said on the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def events(self) -> list[dict[str, Any]]:
        """Return what the browser did on the network, or failed to do, since the last call."""
        entries = self.driver.get_log("performance")  # type: ignore[no-untyped-call]
        return [json.loads(entry["message"])["message"] for entry in entries]

    def requests(self) -> list[str]:
        """Return the URLs that the page wanted to ask for since the last call."""
        sent = (one["params"] for one in self.events() if one["method"] == "Network.requestWillBeSent")
        return [params["request"]["url"] for params in sent]


@contextmanager
def started(folder: Path, *, javascript: bool = True) -> Iterator[Browser]:
    """Start a browser that keeps what it keeps in *folder*; what this machine lacks is installed first.

    Raises RuntimeError when it cannot be; the script has said why on stderr.
    """
    if subprocess.run([INSTALL], check=False).returncode:
        raise RuntimeError(f"no browser to test with: {INSTALL} says why above")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert browser is not None
    assert driver is not None
    options = ChromeOptions()
    options.binary_location = browser
    for argument in (*_ARGUMENTS, f"--user-data-dir={folder}"):
        options.add_argument(argument)
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # With its path given nobody looks for another driver, least of all on the network.
    service = Service(driver, env=os.environ | {"SE_OFFLINE": "true", "SE_AVOID_STATS": "true"})
    chrome = Chrome(options, service)
    try:
        yield Browser(chrome)
    finally:
        chrome.quit()
