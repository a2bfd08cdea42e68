#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Has a browser show pages, and tells what a reader sees.

    browser.py chromium [-- ARGUMENT...] < PAGES
    browser.py firefox [-- PREFERENCE=VALUE...] < PAGES

PAGES has a line `NAME ADDRESS` for each.  Told are, of each page: its name,
what the driver calls the error if there is one, the text on it, and a picture
(prelude.sh has the form).  Chromium is driven by WebDriver (package
chromium-driver), Firefox by Marionette, which it brings; neither writes a
picture of its own error pages by --screenshot."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 640, 480
LEAST_MEMORY = 900  # MB
DRIVER_PORT = 9515
MARIONETTE_PORT = 2828
# All text that is shown: Firefox's error pages have theirs in shadow trees.
TEXT = """
const texts = root => [...root.children].map(element => element.innerText).concat(
    [...root.querySelectorAll("*")].filter(element => element.shadowRoot)
        .flatMap(element => texts(element.shadowRoot)));
return texts(document).join("\\n").trim();
"""

# No calls home: there is nobody to answer them in here.
CHROMIUM = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--hide-scrollbars",
            f"--window-size={WIDTH},{HEIGHT}")
FIREFOX = {"marionette.port": MARIONETTE_PORT, "app.normandy.enabled": False,
           "app.update.disabledForTesting": True, "browser.aboutwelcome.enabled": False,
           "browser.region.network.url": "", "browser.safebrowsing.update.enabled": False,
           "browser.startup.homepage_override.mstone": "ignore",
           "datareporting.policy.dataSubmissionEnabled": False,
           "network.captive-portal-service.enabled": False,
           "network.connectivity-service.enabled": False,
           "services.settings.server": "data:,#remote-settings-dummy/v1",
           "toolkit.telemetry.server": ""}


def connect(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    """Connect to what a process will listen at."""
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if process.poll() is not None:
                sys.exit(f"{process.args!r} ended with status {process.returncode}")
            time.sleep(0.05)


class Chromium:
    """By the WebDriver protocol."""

    def __init__(self, arguments: list[str]) -> None:
        self.process = subprocess.Popen(["chromedriver", f"--port={DRIVER_PORT}"],
                                        stdout=subprocess.DEVNULL)
        connect(DRIVER_PORT, self.process).close()
        options = {"binary": "/usr/bin/chromium", "args": [*CHROMIUM, *arguments]}
        self.session = ""
        answer = self.ask("", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.session = f"/{answer['sessionId']}"

    def ask(self, command: str, values: object = None, method: str = "") -> Any:
        """Send a command, return its value.  Raises RuntimeError with what the
        driver calls the error."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{DRIVER_PORT}/session{self.session}{command}", method=method or None,
            data=None if values is None else json.dumps(values).encode())
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].splitlines()[0]) from None

    def go(self, address: str) -> None:
        self.ask("/url", {"url": address})

    def text(self) -> str:
        return str(self.ask("/execute/sync", {"script": TEXT, "args": []}))

    def picture(self) -> str:
        return str(self.ask("/screenshot"))

    def end(self) -> None:
        self.ask("", method="DELETE")
        self.process.terminate()


class Firefox:
    """By Marionette: LENGTH:[0, number, command, values], and an answer alike."""

    def __init__(self, arguments: list[str]) -> None:
        profile = Path("firefox")
        profile.mkdir(exist_ok=True)
        preferences = dict(FIREFOX)
        for argument in arguments:
            name, _, value = argument.partition("=")
            preferences[name] = json.loads(value)
        (profile / "user.js").write_text("".join(
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
            for name, value in preferences.items()))
        self.process = subprocess.Popen(
            ["firefox-esr", "--headless", "--marionette", "--profile", str(profile),
             f"--width={WIDTH}", f"--height={HEIGHT}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.stream = connect(MARIONETTE_PORT, self.process).makefile("rwb")
        self.read()
        self.ask("WebDriver:NewSession", {})

    def read(self) -> Any:
        digits = b""
        while (digit := self.stream.read(1)) != b":":
            digits += digit
        return json.loads(self.stream.read(int(digits)))

    def ask(self, command: str, values: dict[str, object]) -> Any:
        """Send a command, return its value.  Raises RuntimeError as Chromium's does."""
        data = json.dumps([0, 1, command, values]).encode()
        self.stream.write(b"%d:%s" % (len(data), data))
        self.stream.flush()
        _, _, error, value = self.read()
        if error:
            raise RuntimeError(error["message"].splitlines()[0])
        return value.get("value") if isinstance(value, dict) else value

    def go(self, address: str) -> None:
        self.ask("WebDriver:Navigate", {"url": address})

    def text(self) -> str:
        return str(self.ask("WebDriver:ExecuteScript", {"script": TEXT, "args": []}))

    def picture(self) -> str:
        return str(self.ask("WebDriver:TakeScreenshot", {"full": False}))

    def end(self) -> None:
        self.ask("Marionette:Quit", {"flags": ["eForceQuit"]})


def main() -> None:
    kind, *arguments = sys.argv[1:]
    megabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    if megabytes < LEAST_MEMORY:
        # Pages crash (Chromium), or do not come in six minutes (Firefox).
        sys.exit(f"browser.py: a browser takes a gigabyte of memory, and here are {megabytes} MB")
    browser = {"chromium": Chromium, "firefox": Firefox}[kind](arguments[1:])
    for line in sys.stdin:
        name, address = line.split()
        print(f"page {name}: {address}")
        try:
            browser.go(address)
        except RuntimeError as error:
            print(f"error: {str(error).partition('&')[0]}")
        # An error page draws itself after it is there.
        while not (text := browser.text()):
            time.sleep(0.05)
        for line in text.splitlines():
            if line.strip():
                print(f"text: {line.strip()}")
        print(f"picture {name} {browser.picture()}", flush=True)
    browser.end()
    browser.process.wait()


main()
