"""Helpers for tests in a real Chromium: its microphone, its flags, and visitors who are watched for script errors."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import wave
from array import array
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from careline.testing.web import WebApp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

#: What Chromium's microphone plays: proves on the far side that it is heard.
MICROPHONE_HZ = 1000

Visit = Callable[..., Awaitable["Visitor"]]


def write_microphone(file: Path, hz: int = MICROPHONE_HZ) -> None:
    """A sound file that serves as Chromium's microphone: a steady tone."""
    rate = 48_000
    samples = array("h", (int(12_000 * math.sin(2 * math.pi * hz * i / rate)) for i in range(rate * 2)))
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())


@asynccontextmanager
async def chromium(microphone: Path) -> AsyncIterator[Browser]:
    """A browser that may use the microphone and never leaves this machine."""
    from playwright.async_api import async_playwright

    arguments = [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--autoplay-policy=no-user-gesture-required",
        "--disable-features=WebRtcHideLocalIpsWithMdns",
        "--allow-loopback-in-peer-connection",
    ]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    program = os.environ.get("CARELINE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


class Visitor:
    """One browser profile; every page in it is watched for script errors and breaches of the content policy."""

    def __init__(self, context: BrowserContext, app: WebApp) -> None:
        self.context = context
        self.app = app
        self.complaints: list[str] = []
        context.on("weberror", lambda error: self.complaints.append(error.error.stack or str(error.error)))
        context.on("console", self._console)

    def _console(self, message: ConsoleMessage) -> None:
        # An error status, or a server that is away, is the business of the test that brings it about.
        expected = ("Failed to load resource", "WebSocket connection")
        if message.type == "error" and not any(words in message.text for words in expected):
            self.complaints.append(message.text)

    async def open(self, path: str) -> Page:
        """A new page at an address of the application."""
        page = await self.context.new_page()
        await page.goto(self.app.url + path)
        return page

    async def sign_in(self, secret: str) -> None:
        """Carry a session's cookie."""
        await self.context.add_cookies([{"name": "careline_session", "value": secret, "url": self.app.url}])


async def becomes(page: Page, expression: str, *, arg: Any = None, seconds: float = 20.0) -> None:
    """Wait until a JavaScript expression (or function) on the page is true.

    Playwright's own `wait_for_function` needs `eval` in the page, which our content policy rightly forbids.
    """
    found = None
    try:
        async with asyncio.timeout(seconds):
            while not (found := await page.evaluate(expression, arg)):  # noqa: ASYNC110 (a page tells nothing by itself)
                await asyncio.sleep(0.03)
    except TimeoutError:
        raise AssertionError(f"after {seconds:.0f} s still not true: {expression} (but {found!r})") from None


async def hears(page: Page, stream: str, hz: float, *, seconds: float = 20.0) -> None:
    """Wait until the loudest frequency of a stream of the page (a JavaScript expression) is `hz`."""
    await becomes(page, _HEARS % stream, arg=hz, seconds=seconds)


_HEARS = """async (hz) => {
  const stream = %s;
  if (!stream) return false;
  window.ears ??= new AudioContext();
  const analyser = ears.createAnalyser();
  analyser.fftSize = 8192;
  analyser.smoothingTimeConstant = 0;
  const source = ears.createMediaStreamSource(stream);
  source.connect(analyser);
  await new Promise((resolve) => setTimeout(resolve, 400));
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  source.disconnect();
  const top = levels.indexOf(Math.max(...levels));
  const found = (top * ears.sampleRate) / analyser.fftSize;
  return levels[top] > -60 && Math.abs(found - hz) < 15;
}"""


_SETTLE = """() => {
  for (const one of document.getAnimations()) if (one.effect?.getComputedTiming().endTime !== Infinity) one.finish();
}"""


async def axe(page: Page) -> list[str]:
    """What axe-core finds wrong on a page by WCAG 2.2 A and AA: one line for each element."""
    from axe_playwright_python.async_playwright import Axe

    options: dict[str, Any] = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    }
    # Half-way between two colour schemes nothing has its own colours: what has an end is brought to it.
    await page.evaluate(_SETTLE)
    results = await Axe().run(page, options=options)
    return [
        f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]
