"""The shell in a real Chromium: every page there is, in light and dark; keys; live through a restart."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from careline.platform.events import NewEvent, append
from careline.security.permissions import Role
from careline.testing.browser import Visit, Visitor, axe, becomes
from careline.testing.postgres import Urls
from careline.testing.web import WebApp, web_app

pytestmark = pytest.mark.browser


def employ(app: WebApp, *roles: Role, language: str = "en") -> str:
    """Somebody with these roles; returns the session's secret."""
    tenant = app.make_tenant()
    app.make_person(tenant, "someone@example.org", *roles, lang=language)
    return app.cookie_for("someone@example.org")


async def places(page: Page) -> list[str]:
    """Every page of ours that the navigation, the palette and the Manage page lead to."""
    found = await page.evaluate(
        """[...document.querySelectorAll('header nav a, #palette-list [data-href], .tiles a')]
           .map((one) => one.dataset.href ?? one.getAttribute('href'))"""
    )
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "es")])
async def test_r5_every_page_is_accessible_and_keeps_the_content_policy(
    app: WebApp, visit: Visit, scheme: str, language: str
) -> None:
    # All roles at once: the same pages a job shows, each looked at once. Who is shown what: test_navigation.
    visitor = await visit(secret=employ(app, *Role, language=language), color_scheme=scheme)
    page = await visitor.open("/")
    reachable = await places(page)
    assert {"/desk", "/board", "/calls", "/inbox", "/manage", "/people", "/audit", "/account"} <= set(reachable)
    found = {}
    for path in reachable:
        answer = await page.goto(app.url + path)
        assert answer is not None
        assert answer.status == 200, path
        assert await page.locator("h1").count() == 1, path
        assert await page.locator("html").get_attribute("lang") == language
        if complaints := await axe(page):
            found[path] = complaints
    assert found == {}


@pytest.mark.parametrize("path", ["/sign-in", "/call", "/nothing-here"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_r5_public_pages_are_accessible_and_fit_a_telephone(
    app: WebApp, visit: Visit, path: str, width: int
) -> None:
    app.make_tenant()
    page = await (await visit(viewport={"width": width, "height": 740})).open(path)
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    small = await page.evaluate(
        """[...document.querySelectorAll('a, button, input, summary')].filter((one) => {
          const box = one.getBoundingClientRect();
          const inText = getComputedStyle(one).display === 'inline';
          return box.width && box.bottom > 0 && (box.width < 24 || box.height < 24) && !inText;
        }).map((one) => one.outerHTML)"""
    )
    assert small == []


async def test_r5_the_palette_and_the_list_of_keys_work_by_keyboard_and_give_the_focus_back(
    app: WebApp, visit: Visit
) -> None:
    page = await (await visit(secret=employ(app, Role.ADMINISTRATOR))).open("/manage")
    link = page.get_by_role("link", name="People and roles")
    await link.focus()
    await page.keyboard.press("Control+k")
    await becomes(page, "document.activeElement.id === 'palette-query'")
    await page.keyboard.type("acco")
    assert await page.locator("#palette-list [aria-selected=true]").inner_text() != ""
    assert await axe(page) == []
    await page.keyboard.press("Escape")
    await becomes(page, "document.activeElement.textContent.includes('People and roles')")
    await page.keyboard.press("?")
    await page.get_by_role("dialog", name="Keys").wait_for()
    assert await axe(page) == []
    await page.keyboard.press("Escape")
    await becomes(page, "!document.querySelector('dialog[open]')")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("my account")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/account")


async def test_r5_the_first_tab_stop_skips_the_navigation(app: WebApp, visit: Visit) -> None:
    page = await (await visit(secret=employ(app, Role.AGENT))).open("/account")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    await becomes(page, "document.activeElement.id === 'main'")


LISTEN = """async () => {
  const base = document.querySelector("script[src*=shell]").src.replace("shell.js", "");
  const { subscribe } = await import(base + "live.js");
  window.boards = [];
  subscribe("board", (data) => boards.push(data));
}"""


async def add_queue(app: WebApp, name: str) -> None:
    """A change that the board shows."""

    async def go(services: object) -> None:
        async with services.db.tenant(1) as tx:  # type: ignore[attr-defined]
            row = await tx.one("INSERT INTO queue (id, name) VALUES (gen_random_uuid(), %s) RETURNING id", (name,))
            await append(tx, [NewEvent(stream="queue", stream_id=row["id"], kind="made", body={})])

    await asyncio.to_thread(app.run, go)


async def test_live_views_come_back_by_themselves_after_the_server_was_away(
    pg_urls: Urls, home: Path, chromium: Browser
) -> None:
    with ExitStack() as first, ExitStack() as second:
        app = first.enter_context(web_app(pg_urls, home))
        secret = employ(app, Role.SUPERVISOR)
        visitor = Visitor(await chromium.new_context(), app)
        await visitor.sign_in(secret)
        page = await visitor.open("/account")
        await page.evaluate(LISTEN)
        await becomes(page, "boards.length > 0")
        behind = await visitor.open("/account")  # the other tab is in the background from now on
        await behind.bring_to_front()
        await add_queue(app, "Referrals")
        await becomes(page, "JSON.stringify(boards.at(-1)).includes('Referrals')")

        await asyncio.to_thread(first.close)
        await becomes(page, "document.getElementById('connection').textContent === 'Reconnecting…'")
        again = second.enter_context(web_app(pg_urls, home, port=int(app.url.rpartition(":")[2])))
        await add_queue(again, "Refills")
        await becomes(page, "JSON.stringify(boards.at(-1)).includes('Refills')")
        await becomes(page, "document.getElementById('connection').hidden")
        assert visitor.complaints == []
        await visitor.context.close()


async def test_a_page_whose_session_has_ended_hears_no_more(app: WebApp, visit: Visit) -> None:
    page = await (await visit(secret=employ(app, Role.SUPERVISOR))).open("/account")
    await page.evaluate(LISTEN)
    await becomes(page, "boards.length > 0")

    async def revoke(services: object) -> None:
        async with services.db.tenant(1) as tx:  # type: ignore[attr-defined]
            row = await tx.one("SELECT id FROM person")
            await services.security.sessions.revoke_in(tx, row["id"], "test")  # type: ignore[attr-defined]

    await asyncio.to_thread(app.run, revoke)
    await becomes(page, "document.getElementById('connection').textContent.includes('signed out')")
    before = await page.evaluate("boards.length")
    await add_queue(app, "Refills")
    await asyncio.to_thread(app.run, lambda services: asyncio.sleep(0.5))
    assert await page.evaluate("boards.length") == before
