"""Sign-in, account, people, tokens and audit as people meet them: in a real Chromium, by keyboard, in two languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.async_api import Page

from careline.security.permissions import Role
from careline.testing.browser import Visit, axe, becomes
from careline.testing.postgres import Urls
from careline.testing.web import PASSWORD, WebApp, web_app

pytestmark = pytest.mark.browser

OWN_PASSWORD = "blue river stone lamp"


async def submit(page: Page) -> None:
    """Send the form one is in, by keyboard."""
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def path(page: Page) -> str:
    return str(await page.evaluate("location.pathname + location.search"))


class TestFirstRun:
    @pytest.fixture
    def app(self, pg_urls: Urls, home: Path) -> Iterator[WebApp]:
        """As in production: a second factor for everybody, and a set-up code."""
        with web_app(pg_urls, home, demo=False) as running:
            yield running

    async def test_from_nothing_to_a_second_person_by_keyboard(self, app: WebApp, visit: Visit, home: Path) -> None:
        visitor = await visit()
        page = await visitor.open("/")
        assert await path(page) == "/setup"
        assert await axe(page) == []

        await page.fill("#organization", "Lakeside Clinic")
        await page.fill("#name", "Dana Reyes")
        await page.fill("#email", "dana@example.org")
        await page.fill("#password", OWN_PASSWORD)
        await page.fill("#code", "wrong")
        await submit(page)
        assert await page.evaluate("document.activeElement.id") == "error-summary"
        assert await axe(page) == []
        assert await page.input_value("#organization") == "Lakeside Clinic", "what was typed is kept"
        assert await page.input_value("#password") == "", "but never a password"
        await page.fill("#password", OWN_PASSWORD)
        await page.fill("#code", (home / "keys" / "setup-code").read_text())
        await submit(page)

        assert (await path(page)).startswith("/sign-in/second-factor")
        assert await axe(page) == []
        await page.locator("summary").click()
        seed = await page.locator("details code").inner_text()
        await page.goto(app.url + "/people")
        assert (await path(page)).startswith("/sign-in/second-factor"), "nothing else before this is done"
        await page.fill("#code", pyotp.TOTP(seed).now())
        await submit(page)
        assert await page.locator(".codes li").count() == 10
        assert await axe(page) == []

        await page.goto(app.url + "/people/new")
        assert await page.evaluate("document.activeElement.id") == "name"
        assert await axe(page) == []
        await page.keyboard.type("Ana Osei")
        await page.keyboard.press("Tab")
        await page.keyboard.type("ana@example.org")
        await page.select_option("#language", "es")
        await page.locator("input[value=agent]").focus()
        await page.keyboard.press("Space")
        await submit(page)
        assert await axe(page) == []
        first = await page.locator(".big-code").inner_text()

        other = await visit(locale="es")
        theirs = await other.open("/sign-in")
        assert await theirs.locator("h1").inner_text() == "Iniciar sesión"
        assert await axe(theirs) == []
        await theirs.fill("#email", "ana@example.org")
        await theirs.fill("#password", first)
        await submit(theirs)
        assert await theirs.locator("h1").inner_text() == "Elija su propia contraseña"
        await theirs.fill("#current", first)
        await theirs.fill("#new", "corta")
        await submit(theirs)
        assert "12 caracteres" in await theirs.locator("#error-summary").inner_text()
        await theirs.fill("#current", first)
        await theirs.fill("#new", "green hill cup of tea")
        await submit(theirs)
        assert await theirs.locator("h1").inner_text() == "Configure su autenticador"

    async def test_it_can_be_done_once(self, app: WebApp, visit: Visit) -> None:
        app.make_tenant()
        page = await (await visit()).open("/setup")
        assert await path(page) == "/sign-in"


class TestSignIn:
    async def test_goes_where_one_wanted_to_and_says_what_was_wrong(self, app: WebApp, visit: Visit) -> None:
        app.make_person(app.make_tenant(), "robin@example.org", Role.ADMINISTRATOR)
        page = await (await visit()).open("/people")
        assert await path(page) == "/sign-in?next=/people"
        await page.fill("#email", "robin@example.org")
        await page.fill("#password", "wrong")
        await submit(page)
        assert await page.locator("#error-summary").inner_text() == "The e-mail address or password is not right."
        assert await page.input_value("#email") == "robin@example.org"
        await page.fill("#password", PASSWORD)
        await submit(page)
        assert await path(page) == "/people"
        cookies = {c.get("name"): c for c in await page.context.cookies()}
        session = cookies["careline_session"]
        assert (session.get("httpOnly"), session.get("sameSite"), session.get("expires")) == (True, "Lax", -1)

    async def test_another_site_in_next_is_not_followed(self, app: WebApp, visit: Visit) -> None:
        app.make_person(app.make_tenant(), "robin@example.org", Role.ADMINISTRATOR)
        page = await (await visit()).open("/sign-in?next=//evil.example/x")
        await page.fill("#email", "robin@example.org")
        await page.fill("#password", PASSWORD)
        await submit(page)
        assert (await page.evaluate("location.host")) == app.url.removeprefix("http://")

    async def test_repeated_failures_are_answered_with_a_wait(self, app: WebApp, visit: Visit) -> None:
        app.make_person(app.make_tenant(), "robin@example.org", Role.ADMINISTRATOR)
        page = await (await visit()).open("/sign-in")
        for _ in range(6):
            await page.fill("#email", "robin@example.org")
            await page.fill("#password", "wrong")
            await submit(page)
        assert "Try again in 30 seconds" in await page.locator("#error-summary").inner_text()


class TestPages:
    @pytest.fixture
    def secret(self, app: WebApp) -> str:
        tenant = app.make_tenant()
        roles = (Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.AGENT)
        app.make_person(tenant, "robin@example.org", *roles)
        app.make_person(tenant, "ana@example.org", Role.AGENT, name="Ana Osei")
        return app.cookie_for("robin@example.org")

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    async def test_axe_finds_nothing(self, visit: Visit, secret: str, app: WebApp, scheme: Any) -> None:
        page = await (await visit(secret, color_scheme=scheme)).open("/account")
        for address in ("/account", "/account/second-factor", "/people", "/people/new", "/tokens", "/audit"):
            await page.goto(app.url + address)
            assert await path(page) == address
            assert await axe(page) == [], address

    async def test_person_loses_everything_at_once(self, app: WebApp, visit: Visit, secret: str) -> None:
        theirs = await (await visit(app.cookie_for("ana@example.org"))).open("/account")
        page = await (await visit(secret)).open("/people")
        await page.get_by_role("link", name="Ana Osei").click()
        assert await axe(page) == []
        await page.get_by_role("button", name="Deactivate").click()
        assert await page.get_by_role("button", name="Reactivate").count() == 1
        await theirs.reload()
        assert (await path(theirs)).startswith("/sign-in")

    async def test_token_is_shown_once_and_works_until_revoked(self, visit: Visit, secret: str, app: WebApp) -> None:
        page = await (await visit(secret)).open("/tokens")
        await page.fill("#name", "Billing")
        await page.check("input[value='people.manage']")
        await page.get_by_role("button", name="Make token").click()
        token = await page.locator(".big-code").inner_text()
        assert await axe(page) == []

        def status() -> int:
            async def ask(services: Any) -> int:
                actor = await services.security.tokens.actor_for(token)
                return len(await services.security.people.everyone(actor))

            return app.run(ask)

        assert status() == 2
        await page.goto(app.url + "/tokens")
        assert token not in await page.content()
        await page.get_by_role("button", name="Revoke").click()
        assert await page.get_by_text("Revoked", exact=True).count() == 1
        with pytest.raises(Exception, match="unknown, expired or revoked"):
            status()

    async def test_audit_says_who_did_what_and_whether_it_is_whole(self, visit: Visit, secret: str) -> None:
        page = await (await visit(secret)).open("/audit")
        await page.get_by_role("button", name="Check the chain now").click()
        assert "The log is whole" in await page.locator(".notice").inner_text()
        assert await axe(page) == []
        await page.goto(page.url.removesuffix("/verify"))
        assert await page.get_by_role("cell", name="verify", exact=True).count() == 1
        await page.fill("#patient", "nonsense")
        await page.get_by_role("button", name="Search").click()
        assert await page.locator("#error-summary").inner_text() == "This is not the id of a record."
        assert await axe(page) == []


class TestLock:
    @pytest.fixture
    def secret(self, app: WebApp) -> str:
        tenant = app.make_tenant()
        app.make_person(tenant, "robin@example.org", Role.AGENT)
        return app.cookie_for("robin@example.org")

    async def test_an_ordinary_page_gives_way_and_comes_back(self, app: WebApp, visit: Visit, secret: str) -> None:
        page = await (await visit(secret)).open("/account")
        await becomes(page, "Boolean(document.getElementById('lock-panel'))")
        await page.evaluate("document.querySelector('form[action=\"/lock\"]').submit()")
        await page.wait_for_url("**/lock*")
        assert await axe(page) == []
        await page.fill("#password", "wrong")
        await submit(page)
        assert await page.locator("#error-summary").inner_text() == "The password is not right."
        await page.fill("#password", PASSWORD)
        await submit(page)
        assert await path(page) == "/account"

    async def test_locked_from_elsewhere_every_tab_gives_way(self, app: WebApp, visit: Visit, secret: str) -> None:
        visitor = await visit(secret)
        page = await visitor.open("/account")
        await becomes(page, "performance.getEntriesByType('resource').some((r) => r.name.endsWith('lock.js'))")
        lock(app, secret)
        await page.wait_for_url("**/lock?next=%2Faccount")

    async def test_a_page_with_a_call_bar_stays_and_is_covered(self, app: WebApp, visit: Visit, secret: str) -> None:
        page = await (await visit(secret)).open("/desk")
        await page.evaluate("window.sameDocument = true")
        lock(app, secret)
        panel = page.locator(".lock-panel")
        await panel.wait_for()
        assert await page.evaluate("getComputedStyle(document.querySelector('.call-bar')).visibility") == "visible"
        assert await page.evaluate("getComputedStyle(document.querySelector('#contact')).visibility") == "hidden"
        await page.fill("#lock-password", "wrong")
        await page.keyboard.press("Enter")
        await panel.get_by_text("The password is not right.").wait_for()
        await page.fill("#lock-password", PASSWORD)
        await page.keyboard.press("Enter")
        await panel.wait_for(state="detached")
        assert await page.evaluate("window.sameDocument"), "the page, and with it the call, was never left"
        assert await page.evaluate("getComputedStyle(document.querySelector('#contact')).visibility") == "visible"


def lock(app: WebApp, secret: str) -> None:
    """Lock the screen of a session as idling would."""

    async def go(services: Any) -> None:
        session = await services.security.sessions.read(secret)
        await services.security.sessions.lock(session.actor)

    app.run(go)
