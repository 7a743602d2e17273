"""What callers, agents and other systems send never stops the writer: one bad text would stop every call's record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from careline.calls.model import Event, Kind
from careline.calls.store import Batch, write
from careline.kernel.text import storable
from careline.platform.db import Database

pytestmark = pytest.mark.integration

HOSTILE = [
    ("NUL", "a\x00b", "ab"),
    ("half a character", "a\ud800b", "ab"),
    ("both, with a backslash before", "\\\x00\\u0000\udfff", "\\\\u0000"),
    ("no number", float("nan"), None),
    ("endless", float("inf"), None),
    ("a number of five thousand digits", 10**5000, None),
    ("inside a list", ["x", ["\x00y"]], ["x", ["y"]]),
    ("as a key", {"k\x00": 1}, {"k": 1}),
    ("innocent", "Ñandú \\u0000 😀", "Ñandú \\u0000 😀"),
]


@pytest.mark.parametrize(("what", "sent", "kept"), HOSTILE, ids=[what for what, _, _ in HOSTILE])
async def test_a_hostile_value_is_written_without_what_cannot_be_held(
    db: Database, tenant: int, what: str, sent: Any, kept: Any
) -> None:
    call_id = uuid4()
    bodies = [{"variables": {"plan": sent}}, {"variables": {"plan": "the next call's"}}]
    events = [Event(call_id=call_id, kind=Kind.NOTED, at=datetime.now(UTC), body=body) for body in bodies]
    async with db.tenant(tenant) as tx:
        await write(tx, Batch(log=list(events)))
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT body FROM event WHERE stream_id = %s ORDER BY id", (call_id,))
    assert [row["body"]["variables"]["plan"] for row in rows] == [kept, "the next call's"]


def test_what_can_be_held_is_left_as_it_is() -> None:
    body = {"a": [1, 2.5, True, None, "text"], "b": {"c": "é"}}
    assert storable(body) == body
