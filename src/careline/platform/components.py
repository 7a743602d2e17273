"""What a part of the installation says about itself: the board's banner and `careline doctor` show it."""

from __future__ import annotations

from datetime import datetime

from careline.platform.db import Database, queries

_q = queries("careline.platform", "queries.sql")


async def report_component(db: Database, name: str, state: str, detail: str, now: datetime) -> None:
    """Say how a part is: `up`, `degraded` or `down`, with one plain sentence for people."""
    async with db.system() as tx:
        await tx.run(_q["report_component"], {"name": name, "state": state, "detail": detail, "now": now})
