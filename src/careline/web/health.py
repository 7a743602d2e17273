"""Is it alive, is it ready, what has it measured: for supervisors, load balancers and Prometheus. No patient data."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from litestar import Response, get
from litestar.datastructures import State
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import PoolTimeout


@get("/healthz", include_in_schema=False, opt={"public": True})
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@get("/readyz", include_in_schema=False, opt={"public": True})
async def readyz(state: State) -> Response[dict[str, Any]]:
    """The process can do its work: the database answers, live updates flow."""
    checks: dict[str, str] = {}
    try:
        async with asyncio.timeout(2):
            async with state.services.db.system() as tx:
                await tx.one("SELECT 1 AS one")
        checks["database"] = "ok"
    except (TimeoutError, psycopg.Error, PoolTimeout, OSError):
        checks["database"] = "unreachable"
    hub = state.get("live")
    if hub is not None:
        checks["live"] = "ok" if hub.following else "not-following"
    ready = checks["database"] == "ok"
    return Response({"status": "ready" if ready else "not-ready", "checks": checks}, status_code=200 if ready else 503)


@get("/metrics", include_in_schema=False, opt={"public": True})
async def metrics() -> Response[bytes]:
    """Prometheus exposition of this process."""
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})


handlers = [healthz, readyz, metrics]
