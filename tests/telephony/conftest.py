"""The telephony tier: one real Asterisk for the session, a call center on a fresh database for each test."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from careline.platform.db import Database
from careline.telephony.engine import get_engine
from careline.telephony.instance import InstanceConfig, Ports
from careline.telephony.process import AsteriskProcess
from careline.telephony.prompts.render import bundled
from careline.testing.callcenter import CallCenter, call_center
from careline.testing.postgres import Urls


@pytest.fixture(scope="session")
def asterisk() -> Iterator[AsteriskProcess]:
    """A private Asterisk on free ports."""
    home = Path(tempfile.mkdtemp(prefix="careline-ast-"))
    config = InstanceConfig(home=home / "a", ports=Ports.free(), music=bundled() / "music")
    (home / "a").mkdir()
    home.chmod(0o755)
    process = AsteriskProcess(config, get_engine())
    asyncio.run(process.start())
    yield process
    asyncio.run(process.stop(gently=2))
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def prompts(asterisk: AsteriskProcess) -> Path:
    """A prompts folder that Asterisk can read."""
    return asterisk.home / "prompts"


@pytest.fixture
async def center(
    db: Database, pg_urls: Urls, tenant: int, asterisk: AsteriskProcess, prompts: Path
) -> AsyncIterator[CallCenter]:
    """A call center with one line and one queue."""
    async with call_center(db, pg_urls.app, tenant, asterisk, prompts) as running:
        yield running
