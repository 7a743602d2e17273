"""`careline up` and `careline demo`: everything that one machine needs, started in order and stopped together."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import importlib
import importlib.util
import logging
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg

from careline import bootstrap
from careline.kernel.errors import CarelineError, Conflict
from careline.platform import logging as careline_logging
from careline.platform import postgres
from careline.platform.migrate import migrate as migrate_database
from careline.platform.settings import Settings
from careline.platform.supervisor import Process, Supervisor, end
from careline.setup import components, system
from careline.setup.names import PROCESSES
from careline.setup.steps import prepare, say
from careline.setup.system import Kind
from careline.telephony.installation import switch_process

log = logging.getLogger(__name__)

#: In the order of starting. Asterisk and PostgreSQL are apart: they outlive this process.
MODULES = {name: PROCESSES[name][0] for name in ("recorder", "voice", "callcontrol", "web", "worker", "callers")}


class AlreadyRunning(Conflict):
    """This system is running already."""

    id = "already-running"


def demo(options: argparse.Namespace) -> int:
    """The whole call center with a demo health system."""
    return asyncio.run(_run("demo", options))


def up(options: argparse.Namespace) -> int:
    """The whole call center, empty."""
    return asyncio.run(_run("up", options))


def install(_: argparse.Namespace) -> int:
    """Fetch every component; start nothing."""
    prepare(components.run_steps())
    for step in components.run_steps():
        say(f"{step.name}: {step.check()}")
    return 0


def migrate(_: argparse.Namespace) -> int:
    """Bring the database to the newest schema."""
    settings, _state = system.active_settings()
    server = bootstrap.server(settings)
    applied = migrate_database(server.admin_url, passwords=server.passwords)
    say(f"migrations applied: {', '.join(applied)}" if applied else "the database is at the newest schema")
    return 0


def stop(_: argparse.Namespace) -> int:
    """Stop what runs, whether its supervisor lives or not."""
    base = Settings.load().home
    stopped = [home for home in (system.demo_home(base), base) if asyncio.run(_stop(home))]
    say("stopped" if stopped else "nothing was running")
    return 0


async def _stop(home: Path) -> bool:
    state = system.read_running(home)
    did = False
    if state and state.alive:
        await end(state.pid, 60)
        did = True
    for pid in system.leftover_processes(home, reversed(MODULES)).values():
        await end(pid, 10)
        did = True
    if state:
        engine = switch_process(Settings.load(home, {**os.environ, **state.environment}))
        if engine is not None and engine.pid() is not None:
            await engine.stop()
            did = True
    server = postgres.attach(home)
    if server is not None:
        await asyncio.to_thread(server.stop)
        did = True
    return did


# --- starting -----------------------------------------------------------------------------------------------------


async def _run(kind: Kind, options: argparse.Namespace) -> int:
    began = time.monotonic()
    careline_logging.setup("warning", "console")
    base = Settings.load().home
    home = system.demo_home(base) if kind == "demo" else base
    home.mkdir(parents=True, exist_ok=True)
    with _only_one(home):
        prepare(components.run_steps())
        if getattr(options, "fresh", False):
            await _stop(home)
            _throw_away(home)
        for pid in system.leftover_processes(home, reversed(MODULES)).values():
            await end(pid, 10)
        settings, environment, notes = _plan(kind, home)
        for note in notes:
            say(note)
        async with _database(settings) as server, _switch(settings):
            say("PostgreSQL and Asterisk are up")
            applied = await asyncio.to_thread(migrate_database, server.admin_url, passwords=server.passwords)
            if applied:
                say(f"database: {len(applied)} migrations applied")
            if kind == "demo":
                await _seed(settings)
            processes = _processes(kind, settings, environment, options)
            supervisor = Supervisor(processes, home, tell=say)

            async def ready() -> None:
                system.write_running(home, kind, settings, environment)
                await _greet(kind, settings, time.monotonic() - began)

            guards = [asyncio.create_task(_guard_switch(settings)), asyncio.create_task(_guard_database(server))]
            try:
                await supervisor.run(ready)
            finally:
                for guard in guards:
                    guard.cancel()
                await asyncio.gather(*guards, return_exceptions=True)
                say("stopping")
        system.state_file(home).unlink(missing_ok=True)
    say("stopped")
    return 0


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """One start at a time of each state folder."""
    (home / "run").mkdir(parents=True, exist_ok=True)
    with (home / "run" / "supervisor.lock").open("w") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            state = system.read_running(home)
            where = f" at {state.url}" if state else ""
            raise AlreadyRunning(f"It is running already{where}. Stop it with: ./careline stop") from None
        yield


def _throw_away(home: Path) -> None:
    for entry in home.iterdir():
        if entry.name == "run":
            continue
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _plan(kind: Kind, home: Path) -> tuple[Settings, dict[str, str], list[str]]:
    """The settings of this start and the environment that gives them to every process."""
    environment = {"CARELINE_HOME": str(home)}
    if kind == "demo":
        environment |= {"CARELINE_DEMO": "true"}
        if "CARELINE_TRUNK_SOURCES" not in os.environ:
            environment["CARELINE_TRUNK_SOURCES"] = system.DEMO_TRUNK
    settings = Settings.load(home, {**os.environ, **environment})
    fixed: dict[str, int] = {}
    running = switch_process(settings)
    state = system.read_running(home)
    if running is not None and running.pid() is not None and state is not None:
        # A switch that outlived an earlier start keeps its ports.
        names = ("sip_port", "sip_tls_port", "asterisk_http_port", "asterisk_manager_port")
        fixed = {n: int(v) for n in names if (v := state.environment.get(f"CARELINE_{n.upper()}"))}
    ports, notes = system.choose_ports(settings, fixed)
    environment |= {f"CARELINE_{name.upper()}": str(port) for name, port in ports.items()}
    return Settings.load(home, {**os.environ, **environment}), environment, notes


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[postgres.Server]:
    """The external server as it is, or our own: started or adopted now, stopped at the end."""
    if settings.database_url:
        yield postgres.external(settings.database_url)
        return
    server = await asyncio.to_thread(postgres.start, settings.home)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def _switch(settings: Settings) -> AsyncIterator[None]:
    """Asterisk: started or adopted now, stopped at the end."""
    process = switch_process(settings)
    if process is None:
        raise CarelineError("The telephone engine is missing; type: ./careline install")
    if await process.ensure() == "adopted":
        say("Asterisk was running; it goes on with its calls")
    try:
        yield
    finally:
        await process.stop()


async def _guard_switch(settings: Settings) -> None:
    """Start Asterisk again whenever it is gone or hangs."""
    process = switch_process(settings)
    assert process is not None
    await process.guard(say)


async def _guard_database(server: postgres.Server) -> None:
    """Start our own PostgreSQL again whenever it is gone."""
    while server.data is not None:
        await asyncio.sleep(1)
        if server.pid is None:
            log.error("postgres is gone")
            say("PostgreSQL is gone; starting it again")
            server.release()
            if server.process is not None:
                server.process.poll()  # else it stays a zombie, ours
            try:
                fresh = await asyncio.to_thread(postgres.start, server.data.parent.parent)
            except (CarelineError, OSError) as error:
                say(f"PostgreSQL does not start yet: {error}")
            else:
                server.process, server._lock = fresh.process, fresh._lock


def _processes(
    kind: Kind, settings: Settings, environment: dict[str, str], options: argparse.Namespace
) -> list[Process]:
    """Careline's own processes, in the order of starting."""
    names = [name for name in MODULES if name != "callers"]
    if kind == "demo" and not options.no_callers:
        names.append("callers")
    environment = dict(environment)
    if (rate := getattr(options, "calls_per_hour", None)) is not None:
        environment["CARELINE_DEMO_CALLS_PER_HOUR"] = f"{rate:g}"
    checks: dict[str, Callable[[], Awaitable[bool]]] = {
        "web": lambda: asyncio.to_thread(_web_ready, settings),
        "callcontrol": lambda: asyncio.to_thread(_lease_held, settings),
    }
    found = []
    for name in names:
        if importlib.util.find_spec(MODULES[name]) is None:
            say(f"{name} is not part of this build")
            continue
        argv = [sys.executable, "-m", "careline.cli", name]
        found.append(Process(name=name, argv=argv, env=environment, ready=checks.get(name)))
    return found


def _web_ready(settings: Settings) -> bool:
    try:
        with urllib.request.urlopen(f"{settings.url}/readyz", timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _lease_held(settings: Settings) -> bool:
    """Whether call control has taken its lease, so that calls are being answered."""
    with contextlib.suppress(psycopg.Error, CarelineError), psycopg.connect(bootstrap.addresses(settings).app) as conn:
        found = conn.execute("SELECT 1 FROM lease WHERE name = 'callcontrol' AND until > clock_timestamp()")
        return found.fetchone() is not None
    return False


async def _seed(settings: Settings) -> None:
    """Fill the demo's database once."""
    if importlib.util.find_spec("careline.demo.seed") is None:
        say("the demo health system is not part of this build")
        return
    began = time.monotonic()
    seed = importlib.import_module("careline.demo.seed")
    async with bootstrap.open_services(settings) as services:
        if await seed.seed(services):
            say(f"demo health system: made in {time.monotonic() - began:.1f} s")


async def _greet(kind: Kind, settings: Settings, seconds: float) -> None:
    """What a person needs to know now."""
    print(f"\nCareline is up after {seconds:.1f} s: {settings.url}\n", flush=True)
    if kind == "up":
        async with bootstrap.open_services(settings) as services:
            first_run = services.security.first_run
            if await first_run.is_needed():
                from careline.security.first_run import setup_code

                print(f"  First run: open {settings.url}/setup and type the code {setup_code(settings.home)}")
        print(f"  SIP: {settings.sip_host}:{settings.sip_port} (UDP, TCP)")
    elif importlib.util.find_spec("careline.demo.seed") is not None:
        for line in importlib.import_module("careline.demo.seed").greeting(settings):
            print(f"  {line}")
    print("\n  Ctrl-C stops everything.\n", flush=True)
