"""`careline doctor`: each component's version and state, and what to do about a fault."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

import psycopg

from careline import __version__, bootstrap
from careline.bootstrap import Services
from careline.kernel.errors import CarelineError
from careline.messages.store import unowned
from careline.platform import migrate, postgres
from careline.platform.settings import Settings, unknown_variables
from careline.security.chain import anchors_file, verify_all
from careline.setup import components, system
from careline.setup.names import PROCESSES
from careline.setup.steps import Step
from careline.telephony.installation import switch_process

#: Below this much free space a call's recording is in danger; a PostgreSQL without space stops.
_DISK_FAULT, _DISK_WARNING = 500_000_000, 5_000_000_000
#: A component that has said nothing for so long is not believed any more, in seconds.
_SILENT = 15
_TIMER_LATE = 60


class State(StrEnum):
    """How a component is."""

    OK = "ok"
    OFF = "off"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    component: str
    state: State
    detail: str
    #: What to do; empty when nothing needs doing.
    advice: str = ""


def command(options: argparse.Namespace) -> int:
    """Print the findings; 1 when there is a fault."""
    settings, state = system.active_settings()
    findings = asyncio.run(examine(settings, state))
    ok = all(f.state is not State.FAULT for f in findings)
    if options.json:
        print(json.dumps({"ok": ok, "findings": [asdict(f) for f in findings]}, indent=2))
    else:
        print("\n".join(report(findings)))
    return 0 if ok else 1


def report(findings: list[Finding]) -> list[str]:
    """The findings as lines for a terminal."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.state.value:<8} {finding.component:<28} {finding.detail}")
        if finding.advice:
            lines.append(f"{'':<8} {'':<28} → {finding.advice}")
    faults = sum(1 for f in findings if f.state is State.FAULT)
    lines.append("" if not faults else f"\n{faults} fault{'s' if faults > 1 else ''}")
    return lines


async def examine(settings: Settings, state: system.Running | None) -> list[Finding]:
    """Look at everything; a part that cannot be looked at is a finding, never an exception."""
    findings = [
        Finding("careline", State.OK, f"{__version__}, Python {platform.python_version()}, {sys.platform}"),
        *(_component(step) for step in components.run_steps()),
        *_settings(),
        _disk(settings),
    ]
    running = bool(state and state.alive)
    findings.append(_running(state))
    findings += await _postgres(settings, running)
    findings += await _asterisk(settings, running)
    if running:
        findings += _processes(settings, state)
        findings.append(_web(settings))
    if _reachable(settings) is None:
        async for finding in _inside(settings, running):
            findings.append(finding)
    return findings


def _component(step: Step) -> Finding:
    found = step.check()
    if found is None:
        state = State.WARNING if step.optional else State.FAULT
        return Finding(step.name, state, "missing", f"./careline install, or {step.advice}")
    return Finding(step.name, State.OK, found)


def _settings() -> list[Finding]:
    return [
        Finding("settings", State.WARNING, f"{name} is no setting", "see docs/settings.md for the right name")
        for name in unknown_variables()
    ]


def _disk(settings: Settings) -> Finding:
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free
    text = f"{free / 1e9:.1f} GB free in {settings.home}"
    if free < _DISK_FAULT:
        return Finding("disk", State.FAULT, text, "free some space now: recordings and the database cannot be written")
    if free < _DISK_WARNING:
        return Finding("disk", State.WARNING, text, "free some space soon")
    return Finding("disk", State.OK, text)


def _running(state: system.Running | None) -> Finding:
    if state is None:
        return Finding("system", State.OFF, "never started here", "./careline demo, or ./careline up")
    if not state.alive:
        return Finding("system", State.OFF, "not running", f"./careline {state.kind}")
    return Finding("system", State.OK, f"{state.kind} at {state.url}, SIP {state.sip}")


def _reachable(settings: Settings) -> str | None:
    """None when the application can use its database, else why not."""
    try:
        return postgres.reachable(bootstrap.addresses(settings).app)
    except CarelineError as error:
        return error.detail


async def _postgres(settings: Settings, running: bool) -> list[Finding]:
    why = await asyncio.to_thread(_reachable, settings)
    if why is not None:
        if not running and not settings.database_url:
            return [Finding("database", State.OFF, "not running")]
        log = settings.home / "postgres" / "server.log"
        advice = f"it is restarted by itself; log: {log}"
        if settings.database_url:
            advice = "check the server and the setting database_url"
        return [Finding("database", State.FAULT, why, advice)]
    url = bootstrap.addresses(settings).app
    try:
        with psycopg.connect(url) as conn:
            version = conn.info.parameter_status("server_version")
        missing = await asyncio.to_thread(migrate.pending, url)
    except psycopg.Error as error:
        return [Finding("database", State.FAULT, str(error).splitlines()[0], "see the database's log")]
    if missing:
        text = f"{len(missing)} migrations missing, first {missing[0]}"
        return [Finding("database", State.FAULT, text, "./careline migrate")]
    return [Finding("database", State.OK, f"PostgreSQL {version}, schema at its newest")]


async def _asterisk(settings: Settings, running: bool) -> list[Finding]:
    process = switch_process(settings)
    if process is None:
        return []
    pid = process.pid()
    log = process.home / "log/messages"
    if pid is None:
        state = State.FAULT if running else State.OFF
        return [Finding("switch", state, "not running", f"it is restarted by itself; log: {log}" if running else "")]
    try:
        calls = await process.calls()
    except (CarelineError, ValueError, IndexError):
        advice = "it hangs: end it (./careline stop, then start again); calls in progress are lost with it"
        return [Finding("switch", State.FAULT, f"Asterisk (pid {pid}) does not answer", advice)]
    return [Finding("switch", State.OK, f"Asterisk {process.engine.version}, pid {pid}, {calls} channels up")]


def _processes(settings: Settings, state: system.Running | None) -> list[Finding]:
    found = []
    alive = system.leftover_processes(settings.home, PROCESSES)
    for name in PROCESSES:
        log = settings.home / "logs" / f"{name}.log"
        if name in alive:
            found.append(Finding(name, State.OK, f"pid {alive[name]}"))
        elif name != "callers" and state is not None:
            found.append(Finding(name, State.FAULT, "not running", f"it is restarted by itself; its log: {log}"))
    return found


def _web(settings: Settings) -> Finding:
    try:
        with urllib.request.urlopen(f"{settings.url}/readyz", timeout=5) as answer:  # noqa: S310 - our own address
            return Finding("web pages", State.OK, f"{settings.url} answers {answer.status}")
    except urllib.error.HTTPError as error:
        return Finding("web pages", State.FAULT, f"{settings.url} is not ready ({error.code})", "see the database")
    except OSError as error:
        advice = f"see {settings.home}/logs/web.log"
        return Finding("web pages", State.FAULT, f"{settings.url} does not answer ({error})", advice)


# --- inside the database ------------------------------------------------------------------------------------------


async def _inside(settings: Settings, running: bool) -> AsyncIterator[Finding]:
    """What only the database can tell."""
    checks: list[tuple[str, Callable[[Services], Awaitable[Finding]]]] = [
        ("timers", _timers),
        ("work items", _work_items),
        ("audit log", _audit),
    ]
    if running:
        checks.insert(0, ("call control", _call_control))
    async with bootstrap.open_services(settings) as services:
        for name, check in checks:
            try:
                yield await check(services)
            except (CarelineError, psycopg.Error, OSError) as error:
                yield Finding(name, State.FAULT, f"cannot be examined ({type(error).__name__})", "./careline migrate")
        async for finding in _components(services, running):
            yield finding


async def _call_control(services: Services) -> Finding:
    async with services.db.system() as tx:
        row = await tx.one("SELECT holder, until > clock_timestamp() AS held FROM lease WHERE name = 'callcontrol'")
    if row is None or not row["held"]:
        advice = f"calls wait with music until it is back; its log: {services.settings.home}/logs/callcontrol.log"
        return Finding("call control", State.FAULT, "nobody decides about calls", advice)
    return Finding("call control", State.OK, f"active: {row['holder']}")


async def _components(services: Services, running: bool) -> AsyncIterator[Finding]:
    """What the parts say about themselves."""
    async with services.db.system() as tx:
        rows = await tx.all("SELECT name, state, detail, seen_at FROM component_state ORDER BY name")
    for row in rows if running else ():
        age = (datetime.now(UTC) - row["seen_at"]).total_seconds()
        name = f"{row['name']} says"
        if row["state"] != "up":
            yield Finding(name, State.FAULT, row["detail"] or row["state"], "see the component's own line above")
        elif age > _SILENT:
            yield Finding(name, State.FAULT, f"nothing for {age:.0f} s", "its process hangs or is gone, see above")
        else:
            yield Finding(name, State.OK, f"{row['state']}, {age:.0f} s ago")


async def _timers(services: Services) -> Finding:
    async with services.db.system() as tx:
        row = await tx.one("SELECT count(*) AS armed, min(due) AS due FROM timer") or {}
    late = (datetime.now(UTC) - row["due"]).total_seconds() if row["due"] else 0.0
    if late > _TIMER_LATE:
        text = f"{row['armed']} armed, the oldest is {late:.0f} s late"
        log = f"{services.settings.home}/logs/worker.log"
        return Finding("timers", State.FAULT, text, f"the worker does not run or fails, see {log}")
    return Finding("timers", State.OK, f"{row['armed']} armed, none late")


async def _work_items(services: Services) -> Finding:
    """Nothing that a caller asked for may be without an owner or an inbox, and a running timer."""
    async with services.db.system() as tx:
        tenants = [row["id"] for row in await tx.all("SELECT id FROM tenant")]
    orphans = []
    for tenant_id in tenants:
        async with services.db.tenant(tenant_id) as tx:
            orphans += await unowned(tx)
    if orphans:
        text = f"{len(orphans)} open messages without owner, inbox or timer"
        return Finding("work items", State.FAULT, text, "open each in the inbox and give it to somebody; then tell us")
    return Finding("work items", State.OK, "each open one has an owner or inbox, and a timer")


async def _audit(services: Services) -> Finding:
    keyring, anchors = services.security.keyring, anchors_file(services.settings.home)
    states = await verify_all(services.db, keyring, anchors)
    broken = [s for s in states if not s.whole]
    if broken:
        text = f"tenant {broken[0].tenant_id}: {broken[0].reason}"
        return Finding("audit log", State.FAULT, text, "./careline audit verify; keep a backup as evidence")
    rows = sum(s.rows for s in states)
    return Finding("audit log", State.OK, f"{rows} rows in {len(states)} chains, whole")
