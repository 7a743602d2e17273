"""What the worker does for this capability again and again: anchor the audit chains, forget what is out of date."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import psycopg

from careline.kernel.clock import Clock
from careline.kernel.errors import CarelineError
from careline.platform.db import Database
from careline.security.chain import anchor_all, anchors_file
from careline.security.keys import Keyring
from careline.security.throttle import Throttles

log = logging.getLogger(__name__)

#: How much of the audit log's end could be cut off unseen: what was written since the last anchor.
EVERY = timedelta(minutes=15)


async def keep_house(db: Database, clock: Clock, keyring: Keyring, home: Path) -> None:
    """One round."""
    await anchor_all(db, clock, keyring, anchors_file(home))
    await Throttles(db, clock).sweep()


async def run(db: Database, clock: Clock, keyring: Keyring, home: Path, *, every: timedelta = EVERY) -> None:
    """Round after round until cancelled. A round that fails (database or disk away) is made up for by the next."""
    while True:
        try:
            await keep_house(db, clock, keyring, home)
        except (CarelineError, psycopg.Error, OSError) as error:
            log.warning("security housekeeping failed", extra={"error": type(error).__qualname__})
        await asyncio.sleep(every.total_seconds())
