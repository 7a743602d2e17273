"""Slowing down those who guess: failures counted in the database, so that every web process and restart knows them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from careline.kernel.clock import Clock
from careline.platform.db import Database, queries
from careline.security.model import ACCOUNT, ADDRESS, FORGET, PAIR, SignInBlocked, Throttle

_q = queries("careline.security")


class Throttles:
    """Counts failures under an account, an address, and the two together. Known and unknown accounts alike."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def check(self, account: str, ip: str | None) -> None:
        """Raise `SignInBlocked` while a block stands."""
        await self._check(_keys(account, ip))

    async def check_session(self, session_id: UUID) -> None:
        """The same for somebody who is signed in: a stranger who guesses elsewhere cannot keep them out."""
        await self._check(_session_keys(session_id))

    async def _check(self, keys: dict[str, Throttle]) -> None:
        now = self._clock.now()
        async with self._db.system() as tx:
            row = await tx.one(_q["read_throttle"], {"keys": list(keys)})
        until: datetime | None = row["blocked_until"] if row else None
        if until is not None and until > now:
            seconds = max(1, round((until - now).total_seconds()))
            raise SignInBlocked(f"Too many failed attempts; try again in {_spoken(seconds)}.", seconds=seconds)

    async def failed(self, account: str, ip: str | None) -> None:
        """Count a failure, and block what has had too many. Committed by itself, whatever the caller does next."""
        await self._failed(_keys(account, ip))

    async def failed_session(self, session_id: UUID) -> None:
        """Count a wrong password within a session."""
        await self._failed(_session_keys(session_id))

    async def _failed(self, keys: dict[str, Throttle]) -> None:
        now = self._clock.now()
        async with self._db.system() as tx:
            # In one order everywhere, so that two failures at once cannot wait for each other.
            for key, throttle in sorted(keys.items()):
                row = await tx.one(_q["count_failure"], {"key": key, "now": now, "stale": now - FORGET})
                block = throttle.block(row["failures"]) if row else None
                if block is not None:
                    await tx.run(_q["block_key"], {"key": key, "until": now + block})

    async def succeeded(self, account: str, ip: str | None) -> None:
        """Forget the failures of this account; those of the address stay, or one good account would wash it clean."""
        keys = [key for key in _keys(account, ip) if not key.startswith("address:")]
        async with self._db.system() as tx:
            await tx.run(_q["clear_throttle"], {"keys": keys})

    async def succeeded_session(self, session_id: UUID) -> None:
        """Forget the failures within a session."""
        async with self._db.system() as tx:
            await tx.run(_q["clear_throttle"], {"keys": list(_session_keys(session_id))})

    async def sweep(self) -> int:
        """Remove counts that nobody needs any more; returns how many."""
        async with self._db.system() as tx:
            return await tx.run(_q["sweep_throttle"], {"stale": self._clock.now() - FORGET})


def _keys(account: str, ip: str | None) -> dict[str, Throttle]:
    # The table has no tenant, so it holds no e-mail address, only its hash.
    who = hashlib.sha256(account.encode()).hexdigest()
    keys = {f"account:{who}": ACCOUNT}
    if ip is not None:
        keys[f"address:{ip}"] = ADDRESS
        keys[f"pair:{who}:{ip}"] = PAIR
    return keys


def _session_keys(session_id: UUID) -> dict[str, Throttle]:
    return {f"session:{session_id}": PAIR}


def _spoken(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"
