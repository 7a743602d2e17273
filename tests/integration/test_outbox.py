"""Following events: nothing lost and nothing twice, whatever order commits come in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

import psycopg
import pytest

from careline.kernel.ids import new_id
from careline.platform import outbox
from careline.platform.db import Database
from careline.platform.events import Event, NewEvent, append
from careline.testing.postgres import Urls

pytestmark = pytest.mark.integration


def event(kind: str = "happened") -> NewEvent:
    return NewEvent(stream="test", stream_id=new_id(), kind=kind, body={"n": 1})


async def write(db: Database, tenant: int, *kinds: str) -> None:
    async with db.tenant(tenant) as tx:
        await append(tx, [event(kind) for kind in kinds])


async def read(url: str, count: int, name: str | None = None, start: outbox.Cursor | None = None) -> list[Event]:
    """The next `count` events; those of a durable follower count as dealt with."""
    found: list[Event] = []
    async with aclosing(outbox.follow(url, name, start=start or outbox.Cursor(), batch=count)) as batches:
        while len(found) < count:
            found += await anext(batches)
        if name is not None:
            await finish(batches)
    return found


async def finish(batches: AsyncGenerator[list[Event], None]) -> None:
    """Asking for the next batch is what acknowledges the last one; there may be none for now."""
    step = asyncio.ensure_future(anext(batches))
    await asyncio.wait([step], timeout=0.3)
    step.cancel()
    await asyncio.gather(step, return_exceptions=True)


async def test_an_event_arrives_with_all_it_was_given(db: Database, pg_urls: Urls, tenant: int) -> None:
    subject = new_id()
    person = new_id()
    async with db.tenant(tenant) as tx:
        new = NewEvent(stream="call", stream_id=subject, kind="call.ended", body={"cause": "normal"}, person_id=person)
        await append(tx, [new])
    (got,) = await asyncio.wait_for(read(pg_urls.relay, 1), 10)
    assert (got.tenant_id, got.stream, got.stream_id, got.kind) == (tenant, "call", subject, "call.ended")
    assert (got.body, got.person_id) == ({"cause": "normal"}, person)


async def test_concurrent_writers_lose_nothing(db: Database, pg_urls: Urls, tenant: int) -> None:
    """Writers that hold their transactions open for different times: ids become visible out of order."""
    total, writers = 400, 8
    got: list[Event] = []

    async def follow() -> None:
        async with aclosing(outbox.follow(pg_urls.relay, start="beginning", batch=37)) as batches:
            async for batch in batches:
                got.extend(batch)
                if len(got) >= total:
                    return

    async def writer(number: int) -> None:
        for i in range(total // writers):
            async with db.tenant(tenant) as tx:
                if (i + number) % 3 == 1:  # an old transaction that writes late
                    await tx.one("SELECT pg_current_xact_id(), pg_sleep(0.004)")
                await append(tx, [event(f"{number}-{i}")])
                if (i + number) % 3 == 0:  # one that writes early and commits late
                    await tx.one("SELECT pg_sleep(0.004)")

    async with asyncio.TaskGroup() as group, asyncio.timeout(60):
        reading = group.create_task(follow())
        for number in range(writers):
            group.create_task(writer(number))
        await reading
    assert len(got) == len({e.id for e in got}) == total
    assert [(e.xid, e.id) for e in got] == sorted((e.xid, e.id) for e in got)
    ids = [e.id for e in got]
    assert ids != sorted(ids), "ids came in the order of transactions: this run could not have shown a loss"
    for number in range(writers):
        mine = [e.kind for e in got if e.kind.startswith(f"{number}-")]
        assert mine == [f"{number}-{i}" for i in range(total // writers)]


async def test_an_open_transaction_holds_later_ones_back(db: Database, pg_urls: Urls, tenant: int) -> None:
    async with aclosing(outbox.follow(pg_urls.relay)) as batches:
        following = asyncio.ensure_future(anext(batches))
        async with await psycopg.AsyncConnection.connect(pg_urls.app) as slow:
            await slow.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant),))
            await slow.execute(
                "INSERT INTO event (stream, stream_id, kind, body) VALUES ('test', gen_random_uuid(), 'first', '{}')"
            )
            await write(db, tenant, "second")
            done, _ = await asyncio.wait([following], timeout=0.5)
            assert not done
            await slow.commit()
        kinds = [e.kind for e in await asyncio.wait_for(following, 10)]
        while len(kinds) < 2:
            kinds += [e.kind for e in await asyncio.wait_for(anext(batches), 10)]
    assert kinds == ["first", "second"]


async def test_a_wake_up_that_came_too_early_is_not_the_last_look(db: Database, pg_urls: Urls, tenant: int) -> None:
    # The one who holds the others back wakes nobody when it ends, and the next look would be in an hour.
    async with aclosing(outbox.follow(pg_urls.relay, poll=3600.0)) as batches:
        following = asyncio.ensure_future(anext(batches))
        async with await psycopg.AsyncConnection.connect(pg_urls.app) as slow:
            await slow.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant),))
            await slow.execute(
                "INSERT INTO event (stream, stream_id, kind, body) VALUES ('test', gen_random_uuid(), 'undone', '{}')"
            )
            await write(db, tenant, "early")
            done, _ = await asyncio.wait([following], timeout=0.3)
            assert not done
            await slow.rollback()
        assert [e.kind for e in await asyncio.wait_for(following, 20)] == ["early"]


async def test_a_rolled_back_event_never_arrives(db: Database, pg_urls: Urls, tenant: int) -> None:
    async def fail() -> None:
        async with db.tenant(tenant) as tx:
            await append(tx, [event("undone")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await write(db, tenant, "done")
    assert [e.kind for e in await asyncio.wait_for(read(pg_urls.relay, 1), 10)] == ["done"]


async def test_from_now_means_what_comes_after(db: Database, pg_urls: Urls, tenant: int) -> None:
    await write(db, tenant, "before")
    async with aclosing(outbox.follow(pg_urls.relay)) as batches:
        following = asyncio.ensure_future(anext(batches))
        # The first wake-up it hears proves that it listens, so that "now" has been fixed before the write.
        await _listening(pg_urls)
        await write(db, tenant, "after")
        assert [e.kind for e in await asyncio.wait_for(following, 10)] == ["after"]


async def _listening(urls: Urls) -> None:
    async with await psycopg.AsyncConnection.connect(urls.admin, autocommit=True) as conn:
        while True:
            row = await (
                await conn.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND usename = 'careline_relay' AND query LIKE '%pg_snapshot_xmin%' AND state = 'idle'"
                )
            ).fetchone()
            if row and row[0]:
                return


async def test_a_durable_follower_goes_on_where_it_was(db: Database, pg_urls: Urls, tenant: int) -> None:
    await write(db, tenant, "a", "b", "c")
    assert [e.kind for e in await asyncio.wait_for(read(pg_urls.relay, 2, "mailer"), 10)] == ["a", "b"]
    await write(db, tenant, "d")
    assert [e.kind for e in await asyncio.wait_for(read(pg_urls.relay, 2, "mailer"), 10)] == ["c", "d"]


async def test_work_cut_short_comes_again(db: Database, pg_urls: Urls, tenant: int) -> None:
    await write(db, tenant, "a")
    for _ in range(2):
        async with aclosing(outbox.follow(pg_urls.relay, "mailer", start="beginning")) as batches:
            # Never asked for the next batch, so this one was not finished.
            assert [e.kind for e in await asyncio.wait_for(anext(batches), 10)] == ["a"]


async def test_the_second_follower_of_a_name_stands_by(db: Database, pg_urls: Urls, tenant: int) -> None:
    await write(db, tenant, "a")
    first = outbox.follow(pg_urls.relay, "mailer", start="beginning")
    second = outbox.follow(pg_urls.relay, "mailer", start="beginning")
    assert [e.kind for e in await asyncio.wait_for(anext(first), 10)] == ["a"]
    waiting = asyncio.ensure_future(anext(second))
    done, _ = await asyncio.wait([waiting], timeout=0.6)
    assert not done
    await first.aclose()
    assert [e.kind for e in await asyncio.wait_for(waiting, 10)] == ["a"]  # the first never finished it
    await second.aclose()


async def test_wake_ups_are_coalesced(db: Database, pg_urls: Urls, tenant: int) -> None:
    for _ in range(40):
        await write(db, tenant, "x")
    assert db.waker is not None
    await db.waker.close()
    assert 1 <= db.waker.sent < 40


async def test_a_broken_connection_is_made_again(db: Database, pg_urls: Urls, tenant: int) -> None:
    await write(db, tenant, "a")
    async with aclosing(outbox.follow(pg_urls.relay, start="beginning")) as batches:
        assert [e.kind for e in await asyncio.wait_for(anext(batches), 10)] == ["a"]
        following = asyncio.ensure_future(anext(batches))
        async with await psycopg.AsyncConnection.connect(pg_urls.admin, autocommit=True) as conn:
            await conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = 'careline_relay'"
            )
        await write(db, tenant, "b")
        assert [e.kind for e in await asyncio.wait_for(following, 10)] == ["b"]


def test_cursor_order() -> None:
    assert outbox.Cursor(9, 5) < outbox.Cursor(10, 1) < outbox.Cursor(10, 2)
    assert isinstance(new_id(), UUID)
