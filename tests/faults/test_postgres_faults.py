"""The launcher and what stands on it, with the server killed, gone, adopted, or its directory in a bad state."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import psycopg
import pytest

from careline.kernel.ids import new_id
from careline.platform import outbox, postgres
from careline.platform.db import Database, DatabaseAway, DatabaseFull
from careline.platform.events import NewEvent, append
from careline.platform.migrate import migrate
from careline.platform.postgres import PostgresOwned, Server
from careline.testing.postgres import private_directory

pytestmark = pytest.mark.faults


@pytest.fixture
def home() -> Iterator[Path]:
    with private_directory() as path:
        yield path
        if server := postgres.attach(path):
            server.stop()


def kill_all(server: Server) -> None:
    """kill -9 of the postmaster and all its children at once, as the kernel does when memory runs out."""
    postmaster = server.pid
    assert postmaster is not None
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in (postmaster, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    if server.process is not None:
        server.process.wait(30)
    wait_for(lambda: not any(postgres.is_postgres(int(pid)) for pid in children))


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "condition not met in time"
        time.sleep(0.01)


def test_started_twice_it_is_the_same_server_and_only_one_may_supervise_it(home: Path) -> None:
    first = postgres.start(home)
    with pytest.raises(PostgresOwned):
        postgres.start(home)
    pid = first.pid
    first.release()  # as when the supervisor was killed
    second = postgres.start(home)
    assert second.adopted and second.pid == pid
    second.stop()
    assert second.pid is None and postgres.attach(home) is None
    if first.process is not None:
        first.process.wait(10)


def test_it_outlives_a_killed_parent_and_is_adopted(home: Path) -> None:
    code = "import sys, time, pathlib; from careline.platform import postgres;"
    code += "s = postgres.start(pathlib.Path(sys.argv[1])); print(s.pid, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    server = postgres.start(home)
    assert server.adopted and server.pid == pid
    server.stop()
    assert not postgres.is_postgres(pid)


def test_committed_rows_survive_kill_9(home: Path) -> None:
    server = postgres.start(home)
    migrate(server.admin_url)
    with psycopg.connect(server.app_url, autocommit=True) as conn:
        for n in range(50):
            conn.execute("INSERT INTO tenant (slug, name) VALUES (%s, 'T')", (f"t{n}",))
        kill_all(server)
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT 1")
    server.release()
    again = postgres.start(home)
    assert not again.adopted
    with psycopg.connect(again.app_url) as conn:
        assert conn.execute("SELECT count(*) FROM tenant").fetchone() == (50,)
    again.stop()


def test_a_pid_file_that_names_another_process_does_not_matter(home: Path) -> None:
    server = postgres.start(home)
    kill_all(server)
    server.release()
    assert server.data is not None
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")  # the pid was given out again: to us
    again = postgres.start(home)
    assert not again.adopted and again.pid not in (None, os.getpid())
    again.stop()


def test_a_half_made_cluster_is_made_anew(home: Path) -> None:
    base = home / "postgres"
    base.mkdir(mode=0o700)
    (base / "data.new").mkdir()
    (base / "data.new" / "junk").write_text("left by a killed initdb")
    postgres.start(home).stop()


def test_a_path_too_long_for_a_socket_is_no_obstacle(home: Path) -> None:
    deep = home / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    server = postgres.start(deep)
    assert postgres.reachable(server.url("postgres", "postgres")) is None
    server.stop()
    sockets = postgres.socket_directory(deep / "postgres")
    assert sockets.stat().st_mode & 0o777 == 0o700
    sockets.rmdir()


def test_nobody_gets_in_without_being_known(home: Path) -> None:
    server = postgres.start(home)
    sockets = home / "postgres" / "socket"
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert server.data is not None
    hba = (server.data / "pg_hba.conf").read_text()
    assert "trust" not in hba and "host" not in hba
    with psycopg.connect(server.url("postgres", "postgres")) as conn:
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)
        # Values must not reach the server's log either: an error's detail quotes the row.
        assert conn.execute("SHOW log_error_verbosity").fetchone() == ("terse",)
        conn.execute("CREATE ROLE stranger LOGIN")
        conn.commit()
    with pytest.raises(psycopg.OperationalError, match="Peer authentication failed"):
        psycopg.connect(f"host={sockets} user=stranger dbname=postgres")
    server.stop()


def test_it_never_runs_as_root_and_only_our_own_account_may_connect(home: Path) -> None:
    server = postgres.start(home)
    owner = Path(f"/proc/{server.pid}").stat().st_uid
    assert owner != 0 if os.geteuid() == 0 else owner == os.geteuid()
    assert server.data is not None
    known = {line.split()[1] for line in (server.data / "pg_ident.conf").read_text().splitlines()}
    assert known == {f'"{pwd.getpwuid(os.geteuid()).pw_name}"'}
    server.stop()


def test_a_reason_is_given_when_it_cannot_start(home: Path) -> None:
    with pytest.raises(postgres.PostgresError, match="no_such_setting"):
        postgres.start(home, config={"no_such_setting": "1"})
    postgres.start(home).stop()  # and the supervisor's lock was given up


async def test_an_absent_server_is_said_soon_and_used_again_at_once(home: Path) -> None:
    server = postgres.start(home)
    migrate(server.admin_url)
    db = await Database.open(server.app_url)

    async def ask() -> None:
        async with db.system() as tx:
            await tx.one("SELECT 1 AS x")

    await ask()
    await asyncio.to_thread(server.stop)
    for _ in range(2):
        async with asyncio.timeout(15):
            with pytest.raises(DatabaseAway):
                await ask()
    again = await asyncio.to_thread(postgres.start, home)
    try:
        async with asyncio.timeout(15):
            await ask()
    finally:
        await db.close()
        again.stop()


async def test_a_full_disk_is_named(home: Path) -> None:
    server = postgres.start(home)
    migrate(server.admin_url)
    db = await Database.open(server.app_url)
    try:
        with pytest.raises(DatabaseFull):
            async with db.system() as tx:
                await tx.run("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$")
    finally:
        await db.close()
        server.stop()


async def test_followers_and_pools_come_back_after_a_crash_and_an_absence(home: Path) -> None:
    """kill -9 in the middle of writing, away for two seconds: every acknowledged event arrives, once."""
    server = postgres.start(home)
    migrate(server.admin_url)
    db = await Database.open(server.app_url, max_size=4)
    async with db.system() as tx:
        row = await tx.one("INSERT INTO tenant (slug, name) VALUES ('t', 'T') RETURNING id")
    assert row is not None
    acknowledged: set[str] = set()
    got: list[str] = []

    async def write(count: int) -> None:
        for _ in range(count):
            name = str(new_id())
            async with db.tenant(row["id"]) as tx:
                await append(tx, [NewEvent(stream="t", stream_id=new_id(), kind=name, body={})])
            acknowledged.add(name)

    async def write_until_it_breaks() -> None:
        with pytest.raises((psycopg.Error, OSError)):
            await write(1_000_000)

    async def follow() -> None:
        async with aclosing(outbox.follow(server.relay_url, "test", start="beginning")) as batches:
            async for batch in batches:
                got.extend(e.kind for e in batch)
                if last in got:
                    return

    last = ""
    following = asyncio.create_task(follow())
    writers = [asyncio.create_task(write_until_it_breaks()) for _ in range(3)]
    while len(acknowledged) < 300:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(kill_all, server)
    await asyncio.wait_for(asyncio.gather(*writers), 60)
    await asyncio.sleep(2)
    server.release()
    again = await asyncio.to_thread(postgres.start, home)
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    await write(1)
                    break
                except (psycopg.Error, OSError):
                    await asyncio.sleep(0.1)
        name = str(new_id())
        last = name
        async with db.tenant(row["id"]) as tx:
            await append(tx, [NewEvent(stream="t", stream_id=new_id(), kind=name, body={})])
        await asyncio.wait_for(following, 60)
        assert acknowledged <= set(got)
        assert len(got) == len(set(got))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await db.close()
        again.stop()
