"""Idempotency keys of the API: the same request sent twice is done once, and both get the same answer.

A client sends `Idempotency-Key: <anything unique>` with a POST, PUT, PATCH or DELETE. The answer is kept for a day.
Sent again with another body or address, the key is refused; sent again while the first is at work, the client is told
to wait. A request that fails changes nothing, so its key is free again. When the process dies in mid-request nobody can
say whether the change was committed: the key then stays taken for its day, and the client must look.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Any, ClassVar

from litestar import Request
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from careline.kernel.clock import Clock
from careline.kernel.errors import CarelineError, Conflict, InvalidInput
from careline.platform.db import Database, queries
from careline.security.actor import Actor
from careline.security.keys import Keyring

_q = queries("careline.security")

HEADER = "idempotency-key"
KEPT = timedelta(hours=24)
_KEY = re.compile(r"[!-~]{1,200}")
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_MOST_KEPT = 1024 * 1024


class KeyReused(CarelineError):
    """This idempotency key was used for another request."""

    id = "idempotency-key-reused"
    status: ClassVar[int] = 422


class StillAtWork(Conflict):
    """The first request with this idempotency key is still at work, or was cut off; look before repeating it."""

    id = "idempotency-in-progress"
    retryable: ClassVar[bool] = True


class IdempotencyMiddleware:
    """Stands in front of every changing API request that carries a key."""

    def __init__(self, app: ASGIApp, *, db: Database, clock: Clock, keyring: Keyring) -> None:
        self.app = app
        self._db = db
        self._clock = clock
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, refuse, or do it and remember."""
        if scope["type"] == ScopeType.WEBSOCKET or scope["method"] not in _CHANGING:
            await self.app(scope, receive, send)
            return
        actor: Actor | None = scope["state"].get("actor")
        key = Headers.from_scope(scope).get(HEADER)
        if key is None or actor is None or not scope["path"].startswith("/api/"):
            await self.app(scope, receive, send)
            return
        if not _KEY.fullmatch(key):
            raise InvalidInput("An idempotency key is 1 to 200 printable ASCII characters without spaces.")
        body = await Request[Any, Any, Any](scope, receive).body()  # kept by Litestar for the handler
        owner = f"{actor.kind}:{actor.person_id}"
        request_hash = _hash(scope, body)
        kept = await self._claim(actor, owner, key, request_hash)
        if kept is not None:
            await _answer(send, kept)
            return
        answer = _Kept()
        try:
            await self.app(scope, receive, answer.listen(send))
        except BaseException:
            # Also when the client went away: a handler that did not answer has rolled back.
            await self._release(actor, owner, key)
            raise
        if answer.complete and answer.status < 400:
            await self._finish(actor, owner, key, answer)
        else:
            await self._release(actor, owner, key)

    async def _claim(self, actor: Actor, owner: str, key: str, request_hash: bytes) -> dict[str, Any] | None:
        """Take the key; None when it is ours now, else the answer given before."""
        now = self._clock.now()
        values = {"owner": owner, "key": key, "request_hash": request_hash, "now": now, "stale": now - KEPT}
        async with self._db.tenant(actor.tenant_id) as tx:
            await tx.run(_q["sweep_idempotency_keys"], {"stale": now - KEPT})
            if await tx.run(_q["claim_idempotency_key"], values):
                return None
            row = await tx.one(_q["read_idempotency_key"], {"owner": owner, "key": key})
            if row is None or (bytes(row["request_hash"]) == request_hash and row["status"] is None):
                raise StillAtWork
            if bytes(row["request_hash"]) != request_hash:
                raise KeyReused
            return {**row, "body": await self._keyring.open(tx, bytes(row["body"]), _context(owner, key))}

    async def _finish(self, actor: Actor, owner: str, key: str, answer: _Kept) -> None:
        async with self._db.tenant(actor.tenant_id) as tx:
            # An answer may hold a patient's data, or a secret that is told only once.
            sealed = await self._keyring.seal(tx, bytes(answer.body), _context(owner, key))
            await tx.run(
                _q["finish_idempotency_key"],
                {
                    "owner": owner,
                    "key": key,
                    "status": answer.status,
                    "content_type": answer.content_type,
                    "body": sealed,
                },
            )

    async def _release(self, actor: Actor, owner: str, key: str) -> None:
        async with self._db.tenant(actor.tenant_id) as tx:
            await tx.run(_q["release_idempotency_key"], {"owner": owner, "key": key})


class _Kept:
    """The answer as it goes by."""

    def __init__(self) -> None:
        self.status = 0
        self.content_type = ""
        self.body = bytearray()
        self.complete = False

    def listen(self, send: Send) -> Send:
        async def heard(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.content_type = Headers(message["headers"]).get("content-type", "")
            elif message["type"] == "http.response.body":
                self.body += message["body"]
                self.complete = not message.get("more_body") and len(self.body) <= _MOST_KEPT
            await send(message)

        return heard


async def _answer(send: Send, kept: dict[str, Any]) -> None:
    headers = [(b"idempotency-replayed", b"true")]
    if kept["content_type"]:
        headers.append((b"content-type", kept["content_type"].encode("latin-1")))
    await send({"type": "http.response.start", "status": kept["status"], "headers": headers})
    await send({"type": "http.response.body", "body": kept["body"], "more_body": False})


def _context(owner: str, key: str) -> str:
    return f"answer {owner} {key}"


def _hash(scope: HTTPScope, body: bytes) -> bytes:
    where = f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}\n"
    return hashlib.sha256(where.encode() + body).digest()
