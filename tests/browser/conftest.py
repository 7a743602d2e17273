"""Fixtures of the browser tier: a real Chromium with a microphone made of a tone, and the application it looks at."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from careline.demo.phone import Phone
from careline.platform.db import Database
from careline.telephony.engine import get_engine
from careline.telephony.instance import InstanceConfig, Ports
from careline.telephony.process import AsteriskProcess
from careline.testing import browser
from careline.testing.browser import Visit, Visitor
from careline.testing.callcenter import CallCenter, call_center
from careline.testing.postgres import Urls
from careline.testing.voices import granting_at, public_network
from careline.testing.web import WebApp, web_app
from careline.web.assets import build_assets


@pytest.fixture(scope="session", autouse=True)
def assets(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The bundled browser code."""
    build_assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound file that is Chromium's microphone."""
    file = tmp_path_factory.mktemp("sound") / "microphone.wav"
    browser.write_microphone(file)
    return file


@pytest.fixture
async def chromium(microphone: Path) -> AsyncIterator[Browser]:
    """A fresh Chromium."""
    async with browser.chromium(microphone) as running:
        yield running


@pytest.fixture
async def visit(chromium: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Visit]:
    """Make visitors: `await visit(secret=…, locale=…, viewport=…)`. Their complaints fail the test."""
    # A test that needs telephones has the application with a switch behind it.
    app: WebApp = request.getfixturevalue("phone_app" if "phone_app" in request.fixturenames else "app")
    visitors: list[Visitor] = []

    async def make(secret: str | None = None, **options: Any) -> Visitor:
        context = await chromium.new_context(permissions=options.pop("permissions", ["microphone"]), **options)
        visitor = Visitor(context, app)
        visitors.append(visitor)
        if secret is not None:
            await visitor.sign_in(secret)
        return visitor

    yield make
    for visitor in visitors:
        await visitor.context.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder."""
    with tempfile.TemporaryDirectory(prefix="careline-web-") as folder:
        yield Path(folder)


@pytest.fixture
def app(pg_urls: Urls, home: Path) -> Iterator[WebApp]:
    """The application on a fresh database, without a switch."""
    with web_app(pg_urls, home) as running:
        yield running


@pytest.fixture(scope="session")
def asterisk() -> Iterator[AsteriskProcess]:
    """A private Asterisk on free ports."""
    root = Path(tempfile.mkdtemp(prefix="careline-ast-"))
    root.chmod(0o755)
    (root / "a").mkdir()
    process = AsteriskProcess(InstanceConfig(home=root / "a", ports=Ports.free()), get_engine())
    asyncio.run(process.start())
    yield process
    asyncio.run(process.stop(gently=2))
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
async def center(db: Database, pg_urls: Urls, tenant: int, asterisk: AsteriskProcess) -> AsyncIterator[CallCenter]:
    """A call center with one line, whose calls go straight to its one queue."""
    async with call_center(db, pg_urls.app, tenant, asterisk, asterisk.home / "prompts", direct=True) as running:
        yield running


@pytest.fixture
def phone_app(center: CallCenter, pg_urls: Urls, home: Path) -> Iterator[WebApp]:
    """The application beside the call center, granting telephones at its Asterisk."""
    access = center.asterisk.access()
    with web_app(pg_urls, home, change=granting_at(access), asterisk_http_port=access.http_port) as running:
        yield running


@pytest.fixture
async def trunk() -> AsyncIterator[Phone]:
    """The public telephone network."""
    async with public_network() as network:
        yield network
