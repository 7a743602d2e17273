"""Password hashes: argon2id in a thread, few at a time, and as slow for an unknown account as for a known one."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: Letters and digits that cannot be taken for each other when read aloud or from paper.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Hasher:
    """Hashes and verifies. Each hash takes `memory_kib` of memory, so that at most `concurrency` run at once."""

    def __init__(self, *, time_cost: int = 2, memory_kib: int = 19_456, concurrency: int = 2) -> None:
        """The default is OWASP's second choice for argon2id (19 MiB, 2 passes, 1 lane)."""
        self._argon = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
        self._turn = asyncio.Semaphore(concurrency)
        # Made now, so that the first unknown account costs no more than the others.
        self._nobody = self._argon.hash(secrets.token_urlsafe(16))

    @classmethod
    def cheap(cls) -> Hasher:
        """The least argon2 allows: for tests and generated demo people, never for real passwords."""
        return cls(time_cost=1, memory_kib=8)

    async def hash(self, password: str) -> str:
        """The encoded hash of a password."""
        async with self._turn:
            return await asyncio.to_thread(self._argon.hash, password)

    def hash_now(self, password: str) -> str:
        """The same, in this thread: for seeding."""
        return self._argon.hash(password)

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password is right. None (no such account) costs the same time and is always wrong."""
        if encoded is None:
            await self._check(self._nobody, password)
            return False
        return await self._check(encoded, password)

    async def _check(self, encoded: str, password: str) -> bool:
        async with self._turn:
            try:
                return await asyncio.to_thread(self._argon.verify, encoded, password)
            except (VerificationError, InvalidHashError):
                return False

    def is_outdated(self, encoded: str) -> bool:
        """Whether a hash was made with another cost than today's."""
        return self._argon.check_needs_rehash(encoded)


def readable_secret(groups: int, size: int = 4) -> str:
    """A random secret that a person can read aloud and type: `k3mv-7pqa-…` (about 5 bits a character)."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(size)) for _ in range(groups))
