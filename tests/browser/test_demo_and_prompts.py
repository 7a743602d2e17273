"""The pages of synthetic callers and of prompts in a real Chromium: by keyboard, refreshed in place, watched by axe."""

from __future__ import annotations

from pathlib import Path

import pytest

from careline.demo.callers import CallerControl
from careline.security.permissions import Role
from careline.speech.audio import tone, write_wav
from careline.testing.browser import Visit, axe, becomes
from careline.testing.web import WebApp
from careline.web.i18n import COOKIE

pytestmark = pytest.mark.browser


@pytest.fixture
def secret(app: WebApp) -> str:
    """The session of somebody who may both drive the demo and change prompts."""
    tenant = app.make_tenant()
    return app.session_of(tenant, app.make_person(tenant, "admin@example.org", Role.ADMINISTRATOR))


async def test_the_callers_are_steered_by_keyboard_and_their_figures_move(
    app: WebApp, visit: Visit, secret: str, home: Path
) -> None:
    page = await (await visit(secret)).open("/demo")
    assert await axe(page) == []
    assert "No callers are running" in await page.inner_text("#callers-state")
    CallerControl(home).report({"rate": 60, "live": 2, "doing": {"waiting": 2}, "outcomes": {"served": 41}})
    await becomes(page, "document.querySelector('#callers-doing [data-key=waiting]').textContent === '2'")
    assert await page.inner_text("#callers-outcomes [data-key=served]") == "41"
    assert await page.inner_text("#callers-state") == "They are calling."
    await page.fill("#rate", "300")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert await page.input_value("#rate") == "300.0"
    assert CallerControl(home).settings().rate == 300
    assert await axe(page) == []


async def test_a_prompt_is_heard_replaced_and_restored(app: WebApp, visit: Visit, secret: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "own.wav", tone(500, 2.0))
    page = await (await visit(secret)).open("/prompts")
    assert await axe(page) == []
    row = page.locator("tr", has=page.locator("code", has_text="closed.hours"))
    length = """async (audio) => {
      audio.load();
      await new Promise((resolve) => { audio.onloadedmetadata = resolve; });
      return audio.duration;
    }"""
    bundled = await row.locator("audio").evaluate(length)
    await row.locator("input[type=file]").set_input_files(tmp_path / "own.wav")
    async with page.expect_navigation():
        await row.get_by_role("button", name="Use closed.hours").click()
    assert abs(await row.locator("audio").evaluate(length) - 2.0) < 0.2
    assert await axe(page) == []
    async with page.expect_navigation():
        await row.get_by_role("button", name="Back to the bundled voice").click()
    assert await row.locator("audio").evaluate(length) == bundled


async def test_both_pages_speak_spanish(app: WebApp, visit: Visit, secret: str) -> None:
    page = await (await visit(secret, locale="es-MX")).open("/prompts?language=es")
    assert await page.locator("audio").count() > 40
    await page.context.add_cookies([{"name": COOKIE, "value": "es", "url": app.url}])
    for path, words in (("/demo", "Cómo terminaron sus llamadas"), ("/prompts?language=es", "Su grabación")):
        await page.goto(app.url + path)
        text = await page.inner_text("main")
        assert words in text
        assert not any(english in text for english in ("Calls an hour", "Who calls", "Your recording", "Listen"))
