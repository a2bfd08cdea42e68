# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real browser, and the page in it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from portzero.project import OUT
from portzero.report import page
from portzero.report.model import Model

from conftest import PATIENCE

# The accessibility rules; from the npm registry, this very file.
AXE = "axe-core@4.14.1"
AXE_SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage"]


@dataclass
class Browser:
    """Chromium, and what it noted since the page was opened."""

    driver: webdriver.Chrome
    folder: Path

    def open(self, shown: Model, fragment: str = "") -> None:
        """Show a model's page, at an address."""
        path = self.folder / "index.html"
        page.write(shown, path)
        self.open_file(path, fragment)

    def open_file(self, path: Path, fragment: str = "") -> None:
        """Show a page that is there."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(path.as_uri() + fragment)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script's body in the page, return its result."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[Any]:
        """All elements of the page that a CSS selector means."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> Any:
        """The element of the page that a CSS selector means."""
        return self.driver.find_element("css selector", selector)

    def until(self, condition: str) -> None:
        """Wait until an expression holds in the page; else fail."""
        self.driver.set_script_timeout(2 * PATIENCE)
        ended = self.driver.execute_async_script(
            f"const done = arguments[0], end = performance.now() + {1000 * PATIENCE};"
            f"const look = () => ({condition}) ? done(true)"
            " : performance.now() > end ? done(false) : setTimeout(look, 5); look();")
        assert ended, condition

    def complaints(self) -> list[str]:
        """What the console was told, and what was fetched besides the page."""
        found = [entry["message"] for entry in self.driver.get_log("browser")]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith(("file:", "data:", "about:")):
                    found.append(f"fetched {url}")
        return found

    def media(self, width: int, scheme: str, kind: str = "screen") -> None:
        """Make the window so wide, and prefer this colour scheme."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "media": kind, "features": [{"name": "prefers-color-scheme", "value": scheme}]})


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests, with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    profile = tmp_path_factory.mktemp("profile")
    for argument in [*CHROMIUM, f"--user-data-dir={profile}"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    yield Browser(driver, tmp_path_factory.mktemp("page"))
    driver.quit()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser; after each test, nothing was complained about or fetched."""
    chromium.media(1200, "light")
    yield chromium
    assert chromium.complaints() == []


@pytest.fixture(scope="session")
def axe() -> str:
    """The text of axe-core's script."""
    folder = OUT / "axe"
    folder.mkdir(parents=True, exist_ok=True)
    tarball = folder / f"{AXE.replace('@', '-')}.tgz"
    if not tarball.exists():
        npm = shutil.which("npm")
        assert npm, "npm is missing; run: apt-get install npm"
        subprocess.run([npm, "pack", "--silent", AXE, "--pack-destination", folder], check=True,
                       stdout=subprocess.DEVNULL)
    assert hashlib.sha256(tarball.read_bytes()).hexdigest() == AXE_SHA256
    with tarfile.open(tarball) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script
        return script.read().decode()
