"""The screens in a browser, drawn by a reader of .bob files that is not ours: cs-web-lib."""

from __future__ import annotations

import functools
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import epics
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from nifsdc.screens.reading import Need

from .gateway import Gateway
from .system import System
from .walk import Shown

WAIT_SECONDS = 240.0
POLL_SECONDS = 0.3
QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
COLOURS = 48
"""of a picture of a screen: few, so that it is small"""
_PICTURE = "/images/demoCameraImage.jpg"
"""what the reader shows for an image widget, which it does not draw itself"""


class _Files(http.server.SimpleHTTPRequestHandler):
    """The page, the screens below ``/opi``, and the newest image in the place of the reader's picture."""

    def __init__(self, *arguments: object, opi: Path, picture: Path, **options: object) -> None:
        self._opi = opi
        self._picture = picture
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def translate_path(self, path: str) -> str:
        if path.startswith("/opi/"):
            return str(self._opi / path.removeprefix("/opi/").partition("?")[0])
        return str(self._picture) if path == _PICTURE else super().translate_path(path)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def served(site: Path, opi: Path, picture: Path) -> Iterator[str]:
    """Serve the page and the screens; yields the address."""
    handler = functools.partial(_Files, directory=str(site), opi=opi, picture=picture)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="files")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Browser:
    """A browser that shows a screen."""

    def __init__(self, programs: tuple[str, str], gateway: Gateway) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = programs[0]
        for each in QUIET:
            options.add_argument(each)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self._driver = webdriver.Chrome(options=options, service=Service(programs[1]))
        self._gateway = gateway

    def open(self, address: str, camera: str, macros: dict[str, str]) -> None:
        """Show the first screen of a camera."""
        screen = quote(f"/opi/{camera}.bob")
        self._driver.get(
            f"{address}/?screen={screen}&macros={quote(json.dumps(macros))}"
            f"&gateway=127.0.0.1:{self._gateway.port}"
        )

    def press(self, text: str) -> None:
        """Press the button with a text; the last one where there are several."""
        button = f"//button[normalize-space()={text!r}]"
        wait(lambda: bool(self._driver.find_elements(By.XPATH, button)), f"a button {text!r}")
        self._driver.find_elements(By.XPATH, button)[-1].click()

    def type(self, number: int, text: str) -> None:
        """Type into an entry of the screen, in the order in which they are drawn, and press Enter."""
        entry = self._driver.find_elements(By.XPATH, "//input[not(@readonly)]")[number]
        entry.click()
        entry.send_keys(Keys.CONTROL, "a")
        entry.send_keys(text, Keys.ENTER)

    def problems(self, shown: Shown) -> list[str]:
        """What is wrong with the screen that is shown, once it had time to appear."""
        self._driver.set_window_size(shown.size()[0] + 16, shown.size()[1] + 160)
        needed = {channel for channel, use in shown.uses() if use.need is not Need.WRITE}
        asked = {channel for channel in needed if not channel.startswith("pva://")}
        texts = shown.texts()
        lacking: set[str] = set()

        def complete() -> bool:
            text = self._text()
            lacking.clear()
            lacking.update(asked - self._gateway.connected(), (each for each in texts if each not in text))
            return not lacking

        found = []
        try:
            wait(complete, shown.path.name)
        except TimeoutError:
            found = [f"{shown.path.name}: {each} is not shown or not connected" for each in sorted(lacking)]
        if "$(" in self._text():
            found.append(f"{shown.path.name}: a macro without a value is shown")
        for entry in self._driver.get_log("browser"):
            # Before the first image there is none.
            if entry["level"] == "SEVERE" and _PICTURE not in entry["message"]:
                found.append(f"{shown.path.name}: the browser says {entry['message']}")
        return found

    def picture(self, path: Path) -> None:
        """Draw what is shown, a small PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._driver.save_screenshot(str(path))
        with Image.open(path) as image:
            image.convert("RGB").quantize(COLOURS).save(path, optimize=True)

    def close(self) -> None:
        """End it."""
        self._driver.quit()

    def _text(self) -> str:
        text: str = self._driver.execute_script("return document.body.innerText")
        return " ".join(text.split())


def wait(condition: Callable[[], bool], what: str) -> None:
    """Wait for something.

    Raises
    ------
    TimeoutError
        when it does not come about
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {WAIT_SECONDS:g} s for {what}")
        time.sleep(POLL_SECONDS)


def observe(browser: Browser, system: System, label: str) -> Path:
    """Take an observation by pressing buttons of the overview; return its file."""
    response = epics.PV(f"{system.top}dc:observeC")
    mark = epics.PV(f"{system.top}dc:observe.MARK")
    path = epics.PV(f"{system.top}sad:dc:lastPath", auto_monitor=False)
    browser.press("Mark observe")
    wait(lambda: mark.get() == 1, "the mark")
    browser.press("Clear")
    wait(lambda: mark.get() == 0, "the mark to be taken away")
    browser.type(0, label)
    wait(lambda: mark.get() == 1, "the mark of the label")
    browser.press("START")
    wait(lambda: label in str(path.get(as_string=True)), f"a file with {label} in its name")
    wait(lambda: response.get(as_string=True) == "IDLE", "the response")
    return Path(str(path.get(as_string=True)))
