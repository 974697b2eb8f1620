"""A headless Chromium for a test, driven over its debugging pipe: no package is needed but the browser itself."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
_PATIENCE = 60.0  # seconds


class Tab:
    """One page. ``errors`` are what it has logged as an error or thrown, ``urls`` what it has asked for."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._heard = b""
        self._number = 0
        self._session: str | None = None
        self.errors: list[str] = []
        self.urls: list[str] = []

    def open(self, url: str, *, width: int, height: int = 900, dark: bool = False) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.protocol !== 'about:'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is awaited."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until it is true."""
        end = time.monotonic() + _PATIENCE
        while not (found := self.evaluate(expression)):
            assert time.monotonic() < end, f"never: {expression}"
            time.sleep(0.05)
        return found

    def screenshot(self, *, whole: bool = True) -> bytes:
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        said: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            said["sessionId"] = self._session
        os.write(self._writing, json.dumps(said).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._number:
                assert "error" not in heard, heard
                result: dict[str, Any] = heard["result"]
                return result
            self._note(heard)

    def _note(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning"):
                self.errors.append(json.dumps(told["args"]))
            case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                self.errors.append(json.dumps(told["entry"]))
            case "Network.requestWillBeSent":
                self.urls.append(told["request"]["url"])

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._heard:
            data = os.read(self._reading, 1 << 16)
            assert data, "the browser has ended"
            self._heard += data
        message, _, self._heard = self._heard.partition(b"\0")
        heard: dict[str, Any] = json.loads(message)
        return heard


@contextmanager
def tab() -> Iterator[Tab]:
    """A browser with a profile of its own, for the length of the block."""
    assert BROWSER is not None
    its_reading, writing = os.pipe()
    reading, its_writing = os.pipe()
    # It reads from descriptor 3 and writes to 4.
    flags = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --remote-debugging-pipe"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        script = f"exec {BROWSER} {flags} --user-data-dir={profile} 3<&{its_reading} 4>&{its_writing}"
        process = subprocess.Popen(
            ["bash", "-c", script],
            pass_fds=[its_reading, its_writing],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(its_reading)
        os.close(its_writing)
        try:
            yield Tab(reading, writing)
        finally:
            process.kill()
            process.wait()
            os.close(reading)
            os.close(writing)
