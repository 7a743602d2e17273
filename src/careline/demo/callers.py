"""The demo's callers as a process: they arrive at a rate that can be changed while they call, and call again.

Arrivals are a Poisson process. Settings and state are two small files in CARELINE_HOME/run, so that the demo's page and
this process need nothing of each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random

from careline.demo.caller import Outcome, SyntheticCaller
from careline.demo.personas import Persona, personas
from careline.demo.phone import Phone
from careline.kernel.errors import Conflict, InvalidInput
from careline.platform.db import Database, queries
from careline.platform.settings import Settings
from careline.security import audit
from careline.security.actor import system_actor

log = logging.getLogger(__name__)
_q = queries("careline.demo", "callers.sql")

#: Calls an hour when nothing else is said.
RATE = 60.0
#: More arrivals than this are not asked of one machine.
FASTEST = 6000.0


class NotADemo(Conflict):
    """Synthetic callers run only on a demo system."""

    id = "not-a-demo"


class BadCallerSettings(InvalidInput):
    """The rate must be between 0 and 6,000 calls an hour, and every persona's share 0 or more."""

    id = "bad-caller-settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSettings:
    """What is set on the demo's page."""

    #: Calls an hour; 0: none.
    rate: float = RATE
    #: Share of each persona; those not named keep their own.
    mix: Mapping[str, float] = field(default_factory=dict)
    #: No more calls at one time than this.
    at_once: int = 30

    def check(self) -> None:
        """Raises `BadCallerSettings`."""
        shares = [self.mix.get(name, person.weight) for name, person in personas().items()]
        if not 0 <= self.rate <= FASTEST or min(shares) < 0 or sum(shares) <= 0 or not 1 <= self.at_once <= 200:
            raise BadCallerSettings
        if not self.mix.keys() <= personas().keys():
            raise BadCallerSettings("There is no such persona.")


class CallerControl:
    """The two files by which the page steers and sees the callers."""

    def __init__(self, home: Path) -> None:
        """`home`: CARELINE_HOME."""
        self._settings = home / "run" / "callers.json"
        self._status = home / "run" / "callers-status.json"

    def settings(self) -> CallerSettings:
        """As last set; the defaults while nothing was."""
        try:
            return CallerSettings(**json.loads(self._settings.read_text()))
        except (OSError, ValueError, TypeError):
            return CallerSettings()

    def begin(self, rate: str | None) -> None:
        """A rate named at the start goes before what was set on the page in an earlier run."""
        if rate:
            try:
                self.set(replace(self.settings(), rate=float(rate)))
            except ValueError as error:
                raise BadCallerSettings from error

    def set(self, settings: CallerSettings) -> None:
        """Change what the callers do from now on. Raises `BadCallerSettings`, changing nothing."""
        settings.check()
        _write(self._settings, asdict(settings))

    def status(self) -> dict[str, object] | None:
        """What the callers do now, or None while their process is not running."""
        try:
            found: dict[str, object] = json.loads(self._status.read_text())
            fresh = time.time() - self._status.stat().st_mtime < 5
        except (OSError, ValueError):
            return None
        return found if fresh else None

    def report(self, status: Mapping[str, object]) -> None:
        """Written by the callers' process every second."""
        _write(self._status, status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Which numbers can be called, and whose telephones call."""

    lines: Sequence[str]
    #: Callers' numbers by language.
    callers: Mapping[str, Sequence[str]]


class Population:
    """All callers of one demo."""

    def __init__(
        self,
        phone: Phone,
        sip: tuple[str, int],
        directory: Directory,
        control: CallerControl,
        *,
        seed: int | None = None,
    ) -> None:
        self._phone = phone
        self._sip = sip
        self._directory = directory
        self._control = control
        self._dice = Random(seed)
        self._live: dict[asyncio.Task[None], SyntheticCaller] = {}
        self._again: list[tuple[float, Persona, str, str | None]] = []
        self.outcomes: Counter[str] = Counter()

    async def run(self, stop: asyncio.Event) -> None:
        """Let them call until told to stop; then everybody hangs up."""
        until_next = self._dice.expovariate(1)
        last = reported = time.monotonic()
        settings = self._control.settings()
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await stop.wait()
            now = time.monotonic()
            # Time is counted in expected arrivals, so that a changed rate holds at once.
            until_next -= (now - last) * settings.rate / 3600
            last = now
            while until_next <= 0:
                until_next += self._dice.expovariate(1)
                self._arrive(settings)
            if settings.rate:
                self._call_again(now, settings)
            if now - reported >= 1:
                reported = now
                settings = self._control.settings()
                self._control.report(self.snapshot(settings))
        for task in list(self._live):
            task.cancel()
        await asyncio.gather(*self._live, return_exceptions=True)

    def snapshot(self, settings: CallerSettings) -> dict[str, object]:
        """Who does what now, and how calls ended so far. No numbers and no names."""
        doing = Counter(caller.doing for caller in self._live.values())
        return {
            "rate": settings.rate,
            "live": len(self._live),
            "doing": dict(doing),
            "calling_again": len(self._again),
            "outcomes": dict(self.outcomes),
        }

    def _arrive(self, settings: CallerSettings) -> None:
        people = list(personas().values())
        shares = [settings.mix.get(person.id, person.weight) for person in people]
        (persona,) = self._dice.choices(people, shares)
        numbers = self._directory.callers.get(persona.language) or self._directory.callers.get("en") or ()
        withheld = not numbers or self._dice.random() < 0.03
        caller = None if withheld else self._dice.choice(numbers)
        # The first line is the main number: half of all call there.
        lines = self._directory.lines
        line = lines[0] if self._dice.random() < 0.5 else self._dice.choice(lines)
        self._start(persona, line, caller, settings)

    def _call_again(self, now: float, settings: CallerSettings) -> None:
        due = [entry for entry in self._again if entry[0] <= now]
        self._again = [entry for entry in self._again if entry[0] > now]
        for _, persona, line, caller in due:
            self._start(persona, line, caller, settings)

    def _start(self, persona: Persona, line: str, caller: str | None, settings: CallerSettings) -> None:
        if len(self._live) >= settings.at_once:
            self.outcomes["too-many-at-once"] += 1
            return
        dice = Random(self._dice.getrandbits(64))
        person = SyntheticCaller(persona, self._phone, number=line, sip=self._sip, caller=caller, dice=dice)
        task = asyncio.get_running_loop().create_task(self._live_through(person))
        self._live[task] = person
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._live.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a synthetic caller failed", exc_info=error)

    async def _live_through(self, person: SyntheticCaller) -> None:
        outcome = await person.call()
        self.outcomes[outcome] += 1
        stubborn = 0.8 if person.persona.habit == "impatient" else 0.45
        unserved = outcome in (Outcome.GAVE_UP, Outcome.CUT_OFF, Outcome.NOT_ANSWERED)
        if unserved and self._dice.random() < stubborn:
            again = time.monotonic() + 20 + self._dice.expovariate(1 / 90)
            self._again.append((again, person.persona, person.number, person.caller))


async def read_directory(db: Database) -> Directory:
    """The demo's lines and a sample of its patients' telephones, so that callers are recognised."""
    async with db.system() as tx:
        found = await tx.one(_q["find_demo_tenant"])
    if found is None:
        return Directory(lines=(), callers={})
    callers: dict[str, list[str]] = {}
    async with db.tenant(found["id"]) as tx:
        lines = [row["number"] for row in await tx.all(_q["list_numbers"])]
        sample = await tx.all(_q["sample_callers"])
        for row in sample:
            callers.setdefault(row["language"], []).append(row["number"])
        if sample:
            await audit.record(
                tx,
                system_actor(found["id"]),
                audit.Action.READ,
                "patient_phone",
                fields=["number"],
                detail={"synthetic_callers": len(sample)},
            )
    return Directory(lines=lines, callers=callers)


async def serve(settings: Settings, db: Database, stop: asyncio.Event) -> None:
    """Call until told to stop. Raises `NotADemo` on a real system."""
    if not settings.demo:
        raise NotADemo
    directory = await read_directory(db)
    if not directory.lines:
        log.warning("there is no line to call")
        await stop.wait()
        return
    source = next((address for address in settings.trunk_sources if address.startswith("127.")), "127.0.0.2")
    control = CallerControl(settings.home)
    control.begin(os.environ.get("CARELINE_DEMO_CALLS_PER_HOUR"))
    phone = Phone(source, sparing=True)
    await phone.start()
    try:
        population = Population(phone, (settings.sip_host, settings.sip_port), directory, control)
        await population.run(stop)
    finally:
        await phone.stop()


def _write(file: Path, content: Mapping[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content))
    temporary.replace(file)
