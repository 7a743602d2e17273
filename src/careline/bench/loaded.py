"""A whole Careline under load: real processes, sipp's callers and sipp's agents, as the benches use them."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from careline.bench.load import Calls, Load
from careline.bench.ours import NUMBER, Ours
from careline.bootstrap import Services, open_services
from careline.setup import tools
from careline.telephony.instance import Ports
from careline.testing.callcenter import until

_BUCKET = re.compile(r'careline_decision_seconds_bucket\{le="([^"]+)"\} (\S+)')


@dataclass
class LoadedSystem:
    """A running Careline with agents signed on, and sipp to call it."""

    ours: Ours
    load: Load
    services: Services
    metrics: int

    @property
    def tenant_id(self) -> int:
        """The tenant whose line is called."""
        return self.ours.agents[0][0].tenant_id

    async def call(self, *, count: int, rate: float, seconds: float) -> Calls:
        """Calls at a rate; returns when all have ended, or after `seconds`."""
        port = self.ours.settings.sip_port
        return await asyncio.to_thread(self.load.call, NUMBER, port, count=count, rate=rate, seconds=seconds)

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows as the tenant sees them."""
        async with self.services.db.tenant(self.tenant_id) as tx:
            return await tx.all(query, values)

    async def outcomes(self) -> set[str]:
        """How the calls ended, once all of them have."""

        async def over() -> bool:
            return not await self.rows("SELECT FROM call WHERE ended_at IS NULL LIMIT 1")

        await until(over, 30)
        return {row["outcome"] for row in await self.rows("SELECT DISTINCT outcome FROM call")}

    async def decisions(self) -> dict[float, float]:
        """How many decisions took at most so many seconds, by bound; the last bound is infinity."""
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{self.metrics}/metrics") as answer:
            text = await answer.text()
        return {float(bound): float(count) for bound, count in _BUCKET.findall(text)}


@asynccontextmanager
async def under_load(*, agents: int, talk_ms: int) -> AsyncIterator[LoadedSystem]:
    """Start one with its agents answering; everything is ended and removed after the block."""
    sipp = tools.sipp()
    if sipp is None:
        raise RuntimeError("sipp is not on this machine; `careline test` installs it")
    root = Path(tempfile.mkdtemp(prefix="careline-load-"))
    os.chmod(root, 0o755)  # noqa: S103 (Asterisk and PostgreSQL run as another user)
    for name in ("load", "ours"):
        os.mkdir(root / name)
    load = Load(sipp, root / "load", agents=agents, talk_ms=talk_ms, caller_port=_port(), agent_port=_port())
    ours = Ours.prepare(root / "ours")
    metrics = _port()
    ours.environment["CARELINE_CALLCONTROL_METRICS_PORT"] = str(metrics)
    try:
        await ours.start(load)
        with load.answering():
            async with open_services(ours.settings) as services:
                yield LoadedSystem(ours, load, services, metrics)
    finally:
        await ours.stop()
        if not os.environ.get("CARELINE_BENCH_KEEP"):
            shutil.rmtree(root, ignore_errors=True)


def _port() -> int:
    return Ports.free(rtp=2).sip
