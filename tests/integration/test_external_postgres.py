"""An external server by URL: over TCP with passwords, as an administrator who is no superuser."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from careline.kernel.ids import new_id
from careline.platform import postgres
from careline.platform.backup import BackupFailed, backup
from careline.platform.db import Database
from careline.platform.events import NewEvent, append
from careline.platform.migrate import migrate, pending
from careline.platform.sealed import Secret
from careline.platform.settings import Settings
from careline.testing.postgres import FAST, private_directory

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server as a hosting provider gives it: an account that may create roles and databases, and nothing else."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with private_directory() as home:
        server = postgres.start(home)
        server.stop()
        config = {**FAST, "listen_addresses": "127.0.0.1"}
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(postgres, "PORT", port)
            server = postgres.start(home, config=config)
            with psycopg.connect(server.url(postgres.ADMIN, "postgres"), autocommit=True) as conn:
                conn.execute("CREATE ROLE hosting LOGIN CREATEDB CREATEROLE PASSWORD 'it is a s3cret; \"quoted\"'")
            assert server.data is not None and server.pid is not None
            with (server.data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all 127.0.0.1/32 scram-sha-256\n")
            os.kill(server.pid, signal.SIGHUP)
            yield f"postgresql://hosting:it%20is%20a%20s3cret%3B%20%22quoted%22@127.0.0.1:{port}/callcenter"
            server.stop()


async def test_from_an_administrators_address_to_a_working_database(address: str) -> None:
    server = postgres.external(address)
    assert migrate(server.admin_url, passwords=server.passwords)
    assert migrate(server.admin_url, passwords=server.passwords) == [] == pending(server.owner_url)
    db = await Database.open(server.app_url)
    try:
        async with db.system() as tx:
            row = await tx.one("INSERT INTO tenant (slug, name) VALUES ('t', 'T') RETURNING id, current_user")
        assert row is not None and row["current_user"] == "careline_app"
        async with db.tenant(row["id"]) as tx:
            await append(tx, [NewEvent(stream="t", stream_id=new_id(), kind="k", body={})])
    finally:
        await db.close()
    with psycopg.connect(server.relay_url) as conn:
        assert conn.execute("SELECT kind FROM event").fetchall() == [("k",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT * FROM person")


def test_another_machine_derives_the_same_addresses(address: str) -> None:
    one, other = postgres.external(address), postgres.external(address)
    assert one.app_url == other.app_url and one.app_url != one.relay_url
    assert "s3cret" not in one.app_url + one.owner_url + one.relay_url


def test_a_wrong_password_is_refused(address: str) -> None:
    server = postgres.external(address.replace("s3cret", "guess"))
    reason = postgres.reachable(server.admin_url)
    assert reason is not None and "password authentication failed" in reason


def test_a_backup_that_would_miss_rows_is_refused(address: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=address)
    with pytest.raises(BackupFailed, match="BYPASSRLS"):
        backup(settings, tmp_path / "file", Secret.key_file(b"k" * 32))
    assert list(tmp_path.iterdir()) == []
