"""`careline bench live`: from what happens to a call to the screens of 500 people, while the call center works.

PostgreSQL on disk and the web process are the real ones, and so is call control, here with a switch in memory: the
events are written by its own writer. 450 people look at their desk and 50 at the board, each over a websocket of their
own from a process beside this one. A hundred of them are on the telephone: two calls a second, what 500 agents have who
talk for four minutes. Meanwhile callers come to a queue that nobody serves. Two delays are timed:

- one more waits: from the caller's arrival at the switch until each of the 500 screens shows so many;
- a call rings: from the order to ring an agent until this agent's own screen shows the call.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import aiohttp

from careline import bootstrap
from careline.bench.browsers import BOARD, DESK, Screen, Visit, browsers
from careline.bench.figures import Figure, Report, quantile
from careline.bench.load import cpu_seconds
from careline.bench.ours import NUMBER, WAITING
from careline.calls.control import CallControl
from careline.calls.lines import LineBook
from careline.calls.order_model import Order
from careline.calls.orders import obey
from careline.calls.switch_commands import Command, Ring
from careline.kernel.clock import SystemClock
from careline.organization.model import LineConfig
from careline.platform import postgres
from careline.platform.migrate import migrate
from careline.platform.settings import Settings
from careline.queues.model import AgentStatus
from careline.queues.views import QueueRules
from careline.security.actor import Actor, system_actor
from careline.security.model import Stage
from careline.security.permissions import Role
from careline.setup.steps import say
from careline.telephony.instance import Ports
from careline.telephony.prompts.media import SpokenMenu
from careline.testing import builders
from careline.testing.fake_switch import FakeSwitch

#: Most of a delay, p95 (milliseconds).
BUDGET = 100.0
#: The queue whose length is looked at.
WATCHED = "Waiting"
#: Seconds until a call is answered, and how long it lasts: short, so that a hundred people make two a second.
ANSWERED, TALKED = 0.7, 3.0


@dataclass(frozen=True, slots=True)
class Size:
    """How many people look, how many of them are on the telephone, and what happens for how long."""

    desks: int = 450
    boards: int = 50
    ready: int = 100
    calls_a_second: float = 2.0
    waiters_a_second: float = 2.0
    seconds: float = 45.0


QUICK = Size(desks=18, boards=2, ready=10, seconds=6.0)


class TimedSwitch(FakeSwitch):
    """The switch in memory, which notes when each telephone was told to ring."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.rang: list[tuple[str, str, float]] = []

    async def run(self, commands: Sequence[Command]) -> None:
        """Carry out commands, and note the rings: (telephone, channel, moment)."""
        now = time.monotonic()
        self.rang += [(c.endpoint, c.channel, now) for c in commands if isinstance(c, Ring)]
        await super().run(commands)


@dataclass
class Center:
    """A call center of the bench's own."""

    settings: Settings
    tenant_id: int
    agents: list[Actor]
    visits: list[Visit]
    switch: TimedSwitch
    control: CallControl
    web: subprocess.Popen[bytes]
    arrived: list[float] = field(default_factory=list)

    def sign_on(self, count: int) -> None:
        """The first agents use a telephone and are available."""
        for number, agent in enumerate(self.agents[:count]):
            self._order(agent, "agent.phone", endpoint=_phone(number))
            self.switch.register(_phone(number))

    async def until_available(self, count: int) -> None:
        """Make them available once their telephones are known to be reachable."""
        for agent in self.agents[:count]:
            known = self.control.floor.agents[_person(agent)]
            async with asyncio.timeout(10):
                while not known.phone_online:
                    await asyncio.sleep(0.01)
                    known = self.control.floor.agents[_person(agent)]
            self._order(agent, "agent.status", status=AgentStatus.AVAILABLE.value)

    def _order(self, agent: Actor, kind: str, **body: object) -> None:
        order = Order(tenant_id=self.tenant_id, person_id=_person(agent), kind=kind, body=body)
        self.control.apply(obey(self.control.floor, order, self.control.clock.now()))

    async def work(self, size: Size, seed: int = 7) -> None:
        """Callers come to both lines, at random moments; calls are answered, talked and ended."""
        lots = random.Random(seed)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._callers(size.calls_a_second, size.seconds, lots, wait=False))
            tasks.create_task(self._callers(size.waiters_a_second, size.seconds, lots, wait=True))
            answering = tasks.create_task(self._answer())
            await asyncio.sleep(size.seconds + ANSWERED + 1)
            answering.cancel()

    async def _callers(self, rate: float, seconds: float, lots: random.Random, *, wait: bool) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(lots.expovariate(rate))
            if wait:
                self.arrived.append(time.monotonic())
            self.switch.arrive(WAITING if wait else NUMBER, "+13125550123")

    async def _answer(self) -> None:
        """Each ringing telephone is answered after a while, and its call ends after another."""
        dealt = 0
        async with asyncio.TaskGroup() as tasks:
            while True:
                for _, channel, _at in self.switch.rang[dealt:]:
                    tasks.create_task(self._talk(channel))
                dealt = len(self.switch.rang)
                await asyncio.sleep(0.02)

    async def _talk(self, channel: str) -> None:
        await asyncio.sleep(ANSWERED)
        if channel in self.switch.channels:
            self.switch.answer_leg(channel)
            await asyncio.sleep(TALKED)
            if channel in self.switch.channels:
                self.switch.hang_up(channel)


def command(quick: bool) -> Report:
    """Run the bench."""
    # Reachable by the unprivileged user that PostgreSQL runs as, and short enough for its socket.
    folder = Path(tempfile.mkdtemp(prefix="careline-bench-"))
    folder.chmod(0o755)
    try:
        return asyncio.run(_bench(QUICK if quick else Size(), folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _bench(size: Size, folder: Path) -> Report:
    async with _center(folder, size) as center:
        with browsers(center.visits, center.settings.web_port, WATCHED) as looking:
            say(f"{len(center.visits)} browsers open their pages")
            await looking.ready(60)
            center.sign_on(size.ready)
            await center.until_available(size.ready)
            await asyncio.sleep(2)
            say(f"the call center works for {size.seconds:.0f} s")
            parts = {"web": center.web.pid, "browsers": looking.pid, "call control and the bench": os.getpid()}
            before, began = {name: cpu_seconds([pid]) for name, pid in parts.items()}, time.monotonic()
            await center.work(size)
            passed = time.monotonic() - began
            cost = {name: 100 * (cpu_seconds([pid]) - before[name]) / passed for name, pid in parts.items()}
            await asyncio.sleep(1)
            screens = await looking.seen()
    return report(size, center.arrived, center.switch.rang, screens, cost)


def report(
    size: Size,
    arrived: Sequence[float],
    rang: Sequence[tuple[str, str, float]],
    screens: Sequence[Screen],
    cost: dict[str, float],
) -> Report:
    """The figures. A screen that never showed what it should is counted as missing, and none may be."""
    waits = [delay for screen in screens for delay in screen.delays(arrived)]
    rings: dict[str, list[float]] = {}
    for phone, _, moment in rang:
        rings.setdefault(phone, []).append(moment)
    offers: list[float] = []
    for number, screen in enumerate(screens[: size.ready]):
        told = rings.get(_phone(number), [])
        offers += [at - moment for moment, (_, at) in zip(told, screen.offers, strict=False)]
    missing = len(arrived) * len(screens) - len(waits) + len(rang) - len(offers)
    found = Report("live")
    for name, delays in (
        (f"one more waits, on {len(screens)} screens", waits),
        ("a call rings, on the agent's", offers),
    ):
        found.figures += [
            Figure(f"{name}: p50", _ms(quantile(delays, 0.5)), None, "ms"),
            Figure(f"{name}: p95", _ms(quantile(delays, 0.95)), None, "ms", BUDGET),
            Figure(f"{name}: p99", _ms(quantile(delays, 0.99)), None, "ms"),
        ]
    messages = sum(screen.messages for screen in screens)
    found.figures += [
        Figure(f"not shown at all, of {len(waits) + len(offers) + missing}", missing, None, "", 0.0),
        Figure("messages to browsers", messages, None, ""),
        *(Figure(f"processor: {name}", round(share, 1), None, "% of a core") for name, share in cost.items()),
    ]
    return found


@asynccontextmanager
async def _center(folder: Path, size: Size) -> AsyncIterator[Center]:
    environment = {"CARELINE_HOME": str(folder), "CARELINE_WEB_PORT": str(Ports.free().http)}
    environment["CARELINE_LOG_LEVEL"] = "warning"
    settings = Settings.load(folder, {**os.environ, **environment})
    say("PostgreSQL, call control and the web process start")
    server = await asyncio.to_thread(postgres.start, folder)
    try:
        await asyncio.to_thread(migrate, server.admin_url)
        async with bootstrap.open_services(settings) as services:
            tenant_id, agents, visits = await _furnish(services, size)
            clock, switch = SystemClock(), TimedSwitch()
            for number in range(size.ready):
                await switch.grant_softphone(_phone(number), "bench", kind="desk")
            control = CallControl(
                db=services.db,
                switch=switch,
                lines=LineBook(services.organization, SpokenMenu()),
                media=lambda tenant_id, language, key, **params: (f"/{language}/{key}",),  # noqa: ARG005
                clock=clock,
            )
            running = asyncio.create_task(control.run())
            web = _start_web(folder, environment)
            try:
                async with asyncio.timeout(30):
                    await control.ready.wait()
                    await _until_up(settings, web, folder)
                yield Center(settings, tenant_id, agents, visits, switch, control, web)
            finally:
                web.terminate()
                await asyncio.to_thread(web.wait)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
    finally:
        await asyncio.to_thread(server.stop)


async def _furnish(services: bootstrap.Services, size: Size) -> tuple[int, list[Actor], list[Visit]]:
    tenant_id = await builders.make_tenant(services.db, "bench", name="Bench")
    system = system_actor(tenant_id)
    agents = [await builders.make_person(services.db, tenant_id, Role.AGENT) for _ in range(size.desks)]
    watchers = [await builders.make_person(services.db, tenant_id, Role.SUPERVISOR) for _ in range(size.boards)]
    queue = await services.queues.create(system, QueueRules(name="Bench", wrap_up_seconds=0, match_language=False))
    empty = await services.queues.create(system, QueueRules(name=WATCHED, wrap_up_seconds=0))
    for agent in agents[: size.ready]:
        await services.queues.set_profile(system, _person(agent), skills={}, languages=["en"], queues=[queue.id])
    for number, queue_id in ((NUMBER, queue.id), (WAITING, empty.id)):
        practice = await builders.make_practice(services.db, tenant_id, SystemClock(), number=number, name=number)
        config = LineConfig(queue_id=queue_id, direct=True, record=False, announce_recording=False)
        await services.organization.configure_line(system, practice.line_id, config)
    visits = []
    for person, topics in [*((a, DESK) for a in agents), *((w, BOARD) for w in watchers)]:
        async with services.db.tenant(tenant_id) as tx:
            opened = await services.security.sessions.open(tx, _person(person), Stage.FULL, "127.0.0.1", "bench")
        visits.append(Visit(opened.secret, topics))
    return tenant_id, agents, visits


def _start_web(folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / "web.log").open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "careline.cli", "web"], env={**os.environ, **environment}, stdout=out, stderr=out
        )


async def _until_up(settings: Settings, web: subprocess.Popen[bytes], folder: Path) -> None:
    async with aiohttp.ClientSession() as client:
        while True:
            if web.poll() is not None:
                raise RuntimeError(f"the web process does not start: {(folder / 'web.log').read_text()[-600:]}")
            try:
                async with client.get(f"http://127.0.0.1:{settings.web_port}/sign-in") as answer:
                    if answer.status < 500:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


def _phone(number: int) -> str:
    return f"d-bench{number}"


def _person(actor: Actor) -> UUID:
    assert actor.person_id is not None
    return actor.person_id


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
