"""A headless Chromium driven over its debugging pipe: no driver, no port, no package."""

import base64
import fcntl
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--remote-debugging-pipe")  # fmt: skip


def chromium() -> str | None:
    """Where a Chromium is, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


PLACE = """
((text, within) => {
    const all = [...(document.querySelector(within) ?? document).querySelectorAll('*')];
    const words = all.filter(one => one.textContent.trim() === text).at(-1);
    const found = words?.closest('button, a, [role=menuitem], [role=tab]') ?? words;
    found?.scrollIntoView({block: 'nearest'});
    const box = found?.getBoundingClientRect();
    return box?.width ? [box.x + box.width / 2, box.y + box.height / 2] : null;
})
"""


class Browser:
    """One browser with one tab."""

    def __init__(self, profile: Path) -> None:
        program = chromium()
        assert program
        to_read, self._write = map(_high, os.pipe())
        self._read, to_write = map(_high, os.pipe())
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        # dash knows no descriptor above 9.
        command = ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "bash", program, *FLAGS,
                   f"--user-data-dir={profile}", "about:blank"]  # fmt: skip
        self._process = subprocess.Popen(
            command, pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._numbers = itertools.count(1)
        self._rest = b""
        self.events: list[dict[str, Any]] = []
        self._session = ""
        try:
            self._attach()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def _attach(self) -> None:
        target = next(
            t for t in self._call("Target.getTargets")["targetInfos"] if t["type"] == "page"
        )
        found = self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._process.terminate()
        self._process.wait(timeout=20)
        os.close(self._read)
        os.close(self._write)

    def window(
        self, width: int, height: int = 900, dark: bool = False, paper: bool = False
    ) -> None:
        """Take a size in CSS pixels and a colour scheme, on a screen or as it is printed."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                   deviceScaleFactor=1, mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        medium = "print" if paper else ""
        self._call("Emulation.setEmulatedMedia", media=medium, features=[scheme])

    def open(self, path: Path, fragment: str = "") -> None:
        """Load a file and wait until it stands."""
        self.events.clear()
        self._call("Page.navigate", url="about:blank")
        self._wait("Page.loadEventFired")
        self._call("Page.navigate", url=f"{path.as_uri()}{fragment}")
        self._wait("Page.loadEventFired")

    def visit(self, url: str) -> None:
        """Load a page of a server; what its scripts fetch afterwards is not waited for."""
        self.events.clear()
        self._call("Page.navigate", url=url)
        self._wait("Page.loadEventFired")

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self._call("Runtime.evaluate", expression=script, returnByValue=True,
                           awaitPromise=True)  # fmt: skip
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        codes = {"Tab": 9, "ArrowDown": 40, "Space": 32, "Enter": 13}
        text = {"Space": " ", "Enter": "\r"}.get(key, "")
        name = {"Space": " "}.get(key, key)
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=name, code=key, text=text,
                       windowsVirtualKeyCode=codes[key])  # fmt: skip

    def click(self, text: str, within: str = "body") -> bool:
        """Click on what says this and stands still; whether there is such a thing.

        ``within`` is a selector; where it finds nothing, the whole page is searched.
        """
        script = f"{PLACE}({json.dumps(text)}, {json.dumps(within)})"
        place = self.ask(script)
        self.ask("new Promise(done => setTimeout(done, 150))")
        if place is None or self.ask(script) != place:
            return False
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1],
                       button="none" if kind == "mouseMoved" else "left", clickCount=1)  # fmt: skip
        return True

    def write(self, text: str) -> None:
        """Type a text into what has the focus."""
        self._call("Input.insertText", text=text)

    def picture(self, path: Path) -> None:
        """A PNG of the whole page."""
        found = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def troubles(self, page: Path, width: int) -> list[str]:
        """What is wrong with a page in a window so wide: it is wider, or it complains."""
        self.window(width)
        self.open(page)
        wide = self.ask("document.documentElement.scrollWidth")
        return [*([f"{wide} pixels wide"] if wide > width else []), *self.complaints()]

    def complaints(self) -> list[str]:
        """Errors and refusals that the page gave rise to, and requests that left it."""
        told = []
        for event in self.events:
            params = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                told.append(params["exceptionDetails"]["text"])
            elif event["method"] == "Log.entryAdded":
                told.append(params["entry"]["text"])
            elif event["method"] == "Network.requestWillBeSent":
                url = params["request"]["url"]
                told += [] if url.startswith(("file:", "data:", "about:")) else [url]
        return told

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self.events.append(answer)
        raise AssertionError(f"the browser ended during {method}")

    def _wait(self, method: str) -> None:
        if any(event.get("method") == method for event in self.events):
            self.events = [event for event in self.events if event.get("method") != method]
            return
        for event in self._messages():
            if event.get("method") == method:
                return
            self.events.append(event)

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            head, found, rest = self._rest.partition(b"\0")
            if found:
                self._rest = rest
                yield json.loads(head)
                continue
            data = os.read(self._read, 1 << 20)
            if not data:
                return
            self._rest += data


def _high(descriptor: int) -> int:
    """The same descriptor under a number that the browser's own 3 and 4 do not run over."""
    found = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return found


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser that ends with the block; without a Chromium its test is skipped, or fails where
    all must run."""
    if not chromium():
        if os.environ.get("VARIFACTORY_FULL"):
            pytest.fail("no Chromium found: apt-get install chromium")
        pytest.skip("needs a headless Chromium (make test-full installs it)")
    with Browser(profile) as found:
        yield found
