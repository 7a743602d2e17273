"""The demo's page of synthetic callers, and what their process learns of the demo."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from careline.demo.callers import CallerControl, CallerSettings, Directory, NotADemo, read_directory
from careline.demo.personas import personas
from careline.demo.service import CallerService
from careline.kernel.clock import SystemClock
from careline.platform.db import Database
from careline.security.actor import Actor
from careline.security.permissions import Role
from careline.testing import builders
from careline.testing.postgres import Urls
from careline.testing.web import WebApp, web_app
from careline.web.assets import build_assets

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def assets(tmp_path_factory: pytest.TempPathFactory) -> None:
    build_assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture
def app(pg_urls: Urls, tmp_path: Path) -> Iterator[WebApp]:
    with web_app(pg_urls, tmp_path) as running:
        yield running


@pytest.fixture
async def supervisor(app: WebApp) -> AsyncIterator[aiohttp.ClientSession]:
    async with signed_in(app, Role.SUPERVISOR) as session:
        yield session


def signed_in(app: WebApp, role: Role) -> aiohttp.ClientSession:
    tenant = app.make_tenant()
    app.make_person(tenant, "someone@example.org", role)
    session = aiohttp.ClientSession(app.url, cookie_jar=aiohttp.CookieJar(unsafe=True))
    session.cookie_jar.update_cookies({"careline_session": app.cookie_for("someone@example.org")})
    return session


async def page(session: aiohttp.ClientSession, path: str = "/demo") -> tuple[int, str]:
    async with session.get(path) as answer:
        return answer.status, await answer.text()


async def token(session: aiohttp.ClientSession) -> str:
    found = re.search(r'name="csrf-token" content="([^"]+)"', (await page(session, "/account"))[1])
    assert found
    return found[1]


async def test_the_rate_is_set_on_the_page_and_reaches_the_callers(
    app: WebApp, supervisor: aiohttp.ClientSession, tmp_path: Path
) -> None:
    control = CallerControl(tmp_path)
    status, text = await page(supervisor)
    assert status == 200 and "No callers are running" in text
    assert all(f'name="mix-{name}"' in text for name in personas())
    headers = {"x-csrf-token": await token(supervisor)}
    form = {"rate": "240", "at_once": "12", "mix-cita": "50"}
    async with supervisor.post("/demo/callers", data=form, headers=headers) as answer:
        assert answer.status == 200 and answer.url.path == "/demo"
        assert 'value="240.0"' in await answer.text()
    settings = control.settings()
    assert (settings.rate, settings.at_once, settings.mix["cita"]) == (240, 12, 50)
    for bad in ({"rate": "-5"}, {"rate": "many"}, {"rate": "nan"}, {"rate": "1e9"}, {}, {"rate": "5", "mix-cita": "x"}):
        async with supervisor.post("/demo/callers", data=bad, headers=headers) as answer:
            assert answer.status == 400, bad
            assert "Nothing was changed." in await answer.text()
    assert control.settings() == settings
    async with supervisor.post("/demo/callers", data=form) as answer:
        assert answer.status == 403


async def test_what_the_callers_do_is_shown(supervisor: aiohttp.ClientSession, tmp_path: Path) -> None:
    assert json.loads((await page(supervisor, "/demo/status"))[1]) == {"running": False}
    CallerControl(tmp_path).report({"rate": 60, "live": 2, "doing": {"waiting": 2}, "outcomes": {"served": 41}})
    found = json.loads((await page(supervisor, "/demo/status"))[1])
    assert found["running"] and found["doing"] == {"waiting": 2}
    _, text = await page(supervisor)
    assert '<td data-key="served">41</td>' in text and "They are calling." in text


async def test_only_those_who_may_drive_the_demo_see_it(app: WebApp) -> None:
    async with signed_in(app, Role.AGENT) as session:
        assert (await page(session))[0] == 403
        assert (await page(session, "/demo/status"))[0] == 403


def test_a_real_system_has_no_synthetic_callers(tmp_path: Path) -> None:
    supervisor = Actor(tenant_id=1, kind="person", roles=frozenset({Role.SUPERVISOR}))
    for call in (
        lambda service: service.settings(supervisor),
        lambda service: service.status(supervisor),
        lambda service: service.set(supervisor, CallerSettings(rate=5)),
    ):
        with pytest.raises(NotADemo):
            call(CallerService(tmp_path, demo=False))
    assert list(tmp_path.iterdir()) == []


async def test_callers_come_from_the_demos_own_telephones(db: Database) -> None:
    assert await read_directory(db) == Directory(lines=(), callers={})
    first = await builders.make_tenant(db, "first")
    second = await builders.make_tenant(db, "second")
    for tenant, number in ((first, "+15555550100"), (second, "+15555550101")):
        await builders.make_practice(db, tenant, SystemClock(), number=number)
    await builders.make_patient(db, first, "Ana Luz", phones=["+15555550142"], language="es")
    await builders.make_patient(db, second, "Bo Ek", phones=["+15555550143"])
    assert await read_directory(db) == Directory(lines=["+15555550100"], callers={"es": ["+15555550142"]})
    async with db.tenant(first) as tx:
        (row,) = await tx.all("SELECT action, detail FROM audit_log WHERE object_type = 'patient_phone'")
    assert row["detail"] == {"synthetic_callers": 1}
