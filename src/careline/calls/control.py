"""Call control: the one process that decides about live calls. The shell around the pure floor.

Causes come in (events of the switch, orders of people, time), the floor decides, commands go out at once and events
are written right behind. Everything here happens on one event loop, one cause at a time: there are no locks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from careline.calls import opening, store
from careline.calls.asking import Asking
from careline.calls.asks import Answer, Ask, Asker
from careline.calls.doorkeeper import Doorkeeper
from careline.calls.expected import ExpectedWaits
from careline.calls.floor import Floor
from careline.calls.lines import LineBook
from careline.calls.model import Phase
from careline.calls.order_model import Order
from careline.calls.orders import obey
from careline.calls.outcome import Outcome
from careline.calls.outlook import Outlook
from careline.calls.ports import Switch
from careline.calls.recognition import Recognition
from careline.calls.reconcile import arrival, lost_switch, reconcile, strays
from careline.calls.step import Media
from careline.calls.switch_commands import Command, Ring, RingBack
from careline.calls.switch_events import Arrived, SwitchDown, SwitchEvent, SwitchUp
from careline.calls.writer import Companion, Writer
from careline.kernel.clock import Clock
from careline.kernel.errors import CarelineError, Unavailable
from careline.kernel.ids import new_id
from careline.platform.db import Database, queries
from careline.platform.metrics import counter, gauge, histogram

log = logging.getLogger(__name__)
_q = queries("careline.calls", "control.sql")

CALLS = counter("careline_calls", "Calls that arrived.", ("kind",))
OFFERS = counter("careline_offers", "Calls offered to agents.")
DECISION = histogram(
    "careline_decision_seconds",
    "From what happened at the switch, or became due, to the order to ring an agent for it.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)
LIVE = gauge("careline_calls_live", "Calls up at this moment.", ("state",))
UNWRITTEN = gauge("careline_events_unwritten", "Call events that wait for the database.")

#: How often the configuration is read again: a change reaches the floor within this time, and no call loses a place.
REFRESH = 3.0
#: How often callers are looked for whom no event announced.
LOOK = 4.0
REMEMBERED_ORDERS = 1000


class CallControl:
    """Runs the floor until it is told to stop."""

    def __init__(
        self,
        *,
        db: Database,
        switch: Switch,
        lines: LineBook,
        media: Media,
        clock: Clock,
        companions: tuple[Companion, ...] = (),
        provision: Callable[[Switch, Database, int], Any] | None = None,
        region: str = "US",
        askers: Mapping[str, Asker] | None = None,
    ) -> None:
        """`companions` are written in the transaction of each batch; `provision(switch, db, tenant)` configures a
        tenant's desk phones at the switch after it was (re)started."""
        self.db = db
        self.switch = switch
        self.clock = clock
        self.floor = Floor(media, new_id, region)
        self.writer = Writer(db, self.floor, companions)
        self._sending: set[asyncio.Task[None]] = set()
        self._recognition = Recognition(db, self.floor, clock, self.apply)
        self._asking = Asking(askers or {}, self._answered)
        self._outlook = Outlook(db, self.floor)
        self._expected = ExpectedWaits(db, self.floor)
        self._lines = lines
        self._provision = provision
        self._tenants: list[int] = []
        #: The last orders taken: each comes twice, announced and found by looking. Its row knows what was done before.
        self._seen_orders: OrderedDict[UUID, None] = OrderedDict()
        self.door = Doorkeeper(self.floor, clock, apply=self.apply, give=self._give)
        self._wake = asyncio.Event()
        self._looked_again = clock.now() - timedelta(hours=1)
        self.switch_up = False
        #: Set when the floor has been loaded and reconciled for the first time.
        self.ready = asyncio.Event()

    # --- life -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take over what there is, then serve for ever. Cancel to stop: calls stay up."""
        await self.refresh()
        await self._take_over()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.writer.run())
                tasks.create_task(self._listen_to_switch())
                tasks.create_task(self._keep_time())
                tasks.create_task(self._keep_fresh())
                tasks.create_task(self._look_around())
        finally:
            await self._asking.close()
            await self._recognition.close()

    async def _take_over(self) -> None:
        """Fold the calls that a predecessor left, and the state of every agent."""
        for tenant_id in self._tenants:
            async with self.db.tenant(tenant_id) as tx:
                calls = await store.open_calls(tx, tenant_id)
                states = await store.agent_states(tx)
                since = self.clock.now() - timedelta(days=1)
                last = await tx.all(_q["list_last_offered"], {"since": since})
                self.floor.empty_since |= await store.empty_queues(tx, self.clock.now())
            for call in calls:
                self.floor.calls[call.id] = call
                self.floor.pinned[call.id] = await self._lines.pinned(
                    tenant_id, call.line_id, call.arrived_at, call.flow
                )
                self.floor.adopt(call)
            self.floor.dispatch.last |= {row["queue_id"]: row["agent_id"] for row in last}
            for person_id, state in states.items():
                self.floor.roster.lay_over(person_id, state)
        self.apply(opening.open_floor(self.floor, self.clock.now()))
        if self.floor.calls:
            log.info("calls taken over", extra={"count": len(self.floor.calls)})

    async def refresh(self) -> None:
        """Read queues, people and lines again. Live state is kept: nobody loses a place or is signed out."""
        async with self.db.system() as tx:
            self._tenants = [row["id"] for row in await tx.all(_q["list_tenants"])]
        now = self.clock.now()
        today = now - timedelta(hours=12)
        plans = {}
        for tenant_id in self._tenants:
            async with self.db.tenant(tenant_id) as tx:
                plans[tenant_id] = await store.floor_plan(tx, tenant_id, today, now)
        lines = await self._lines.load(self._tenants, now)
        # Until the switch is there nothing can be offered.
        self.apply(self.floor.configure(plans, lines, now if self.switch_up else None))

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH)
            try:
                await self.refresh()
                await self._report()
                await self._outlook.publish(self.clock.now())
                await self._expected.publish(self.clock.now())
            except Exception as error:
                log.warning("the configuration could not be read again", extra={"error": type(error).__name__})

    async def _look_around(self) -> None:
        """Find callers whose arrival was never told: an event can be lost where a connection ends and the next begins.

        A channel counts only when two looks in a row find it unknown, so that an event on its way comes first.
        """
        before: frozenset[str] = frozenset()
        while True:
            await asyncio.sleep(LOOK)
            if not self.switch_up:
                before = frozenset()
                continue
            try:
                seen = await self.switch.snapshot()
            except CarelineError:
                continue
            found = strays(self.floor, seen) - self.door.door.held.keys()
            for channel in found & before:
                log.warning("a caller stood at the door unannounced", extra={"channel": channel})
                await self._on_switch(arrival(seen, channel, self.clock.now()))
            before = found

    async def _report(self) -> None:
        for phase in Phase:
            LIVE.labels(phase.value).set(sum(1 for c in self.floor.calls.values() if c.phase is phase))
        UNWRITTEN.set(self.writer.waiting)
        now = self.clock.now()
        states = {
            "callcontrol": ("up", self.door.report),
            "switch": ("up", "") if self.switch_up else ("down", "The telephone switch does not answer."),
        }
        async with self.db.system() as tx:
            for name, (state, detail) in states.items():
                await tx.run(_q["report_component"], {"name": name, "state": state, "detail": detail, "now": now})

    # --- causes -----------------------------------------------------------------------------------------------------

    def apply(self, outcome: Outcome) -> None:
        """Carry out and write what the floor has decided."""
        if outcome.commands:
            # The switch keeps the order of commands on each channel; nothing here waits for it.
            self._give(outcome.commands)
        self.writer.add(outcome)
        self._asking.follow(outcome)
        self._recognition.follow(outcome)
        self._wake.set()
        for event in outcome.events:
            if event.kind == "offered":
                OFFERS.inc()

    def _give(self, commands: Sequence[Command]) -> None:
        # Ringing before the door is little work, and must not keep the door closed.
        count = sum(not isinstance(command, RingBack) for command in commands)
        self.door.under_way += count
        task = asyncio.create_task(self._sent(self.switch.run(commands), count))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _sent(self, sending: Awaitable[None], count: int) -> None:
        try:
            await sending
        except CarelineError as error:
            # The switch is away; when it is back, reconciling puts every call where its state says.
            log.warning("commands did not reach the switch", extra={"error": error.id, "count": count})
        finally:
            self.door.under_way -= count
            if self.door.door.held:
                self.door.let_in()

    def _answered(self, ask: Ask, answer: Answer) -> None:
        """What was asked outside came back."""
        try:
            self.apply(self.floor.answered(ask, answer, self.clock.now()))
        except Exception:
            # The state did not move; the call goes on without the answer at its moment.
            log.exception("an answer could not be used", extra={"call_id": str(ask.call_id), "kind": ask.kind})

    async def drained(self) -> None:
        """Wait until every command has been given and every event written."""
        while self._sending:
            await asyncio.wait(self._sending)
        await self.writer.drained()

    async def _listen_to_switch(self) -> None:
        async for event in self.switch.events():
            try:
                await self._on_switch(event)
            except Exception:
                # One bad event must not stop the floor; the state did not move.
                log.exception("a switch event could not be handled", extra={"kind": type(event).__name__})

    async def _on_switch(self, event: SwitchEvent) -> None:
        now = self.clock.now()
        if self.door.hear(event, now):
            return
        match event:
            case SwitchDown():
                self.switch_up = False
                self.door.clear()
                log.warning("the switch is away")
                await self._report_quietly()
            case SwitchUp(fresh=fresh):
                self.door.clear()
                if fresh and self.floor.calls and await self._nothing_survived():
                    self.apply(lost_switch(self.floor, now))
                await self._grant_phones()
                seen = await self.switch.snapshot()
                self.apply(reconcile(self.floor, seen, self.clock.now()))
                self.switch_up = True
                self.ready.set()
                await self._report_quietly()
            case Arrived():
                CALLS.labels(event.source).inc()
                if not self.floor.knows(event.dialled) and now - self._looked_again > timedelta(seconds=1):
                    # Perhaps a number added a moment ago; a flood of wrong numbers may not keep the database busy.
                    self._looked_again = now
                    with contextlib.suppress(Exception):
                        async with asyncio.timeout(1):
                            await self.refresh()
                self._decided(self.floor.handle(event, now), event.at)
            case _:
                self._decided(self.floor.handle(event, now), event.at)

    def _decided(self, outcome: Outcome, since: datetime) -> None:
        """Carry out what follows from something that happened, or became due, at a moment."""
        self.apply(outcome)
        if any(isinstance(command, Ring) for command in outcome.commands):
            DECISION.observe(max(0.0, (self.clock.now() - since).total_seconds()))

    async def _grant_phones(self) -> None:
        provision = self._provision
        if provision is None:
            return
        for tenant_id in self._tenants:
            try:
                await provision(self.switch, self.db, tenant_id)
            except Exception as error:
                # Calls go on without a telephone that could not be granted.
                log.warning("desk phones were not granted", extra={"error": type(error).__name__})

    async def _nothing_survived(self) -> bool:
        seen = await self.switch.snapshot()
        return not any(call.channel in seen.channels for call in self.floor.calls.values())

    async def _report_quietly(self) -> None:
        # The switch's events must not wait for a database that stands still.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await self._report()

    async def _keep_time(self) -> None:
        while True:
            due = self.floor.next_due()
            pause = 1.0 if due is None else max(0.0, (due - self.clock.now()).total_seconds())
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause, 1.0)):
                    await self._wake.wait()
            now = self.clock.now()
            if self.door.door.held:
                self.door.let_in()
                self.door.comfort()
            due = self.floor.next_due()
            if due and due <= now:
                try:
                    self._decided(self.floor.tick(now), due)
                except Exception:
                    log.exception("something due could not be done")
                    await asyncio.sleep(0.5)

    # --- orders -----------------------------------------------------------------------------------------------------

    async def take_order(self, tenant_id: int, order_id: UUID) -> None:
        """Carry out one order from its row; a second call for the same order does nothing."""
        if order_id in self._seen_orders:
            return
        self._seen_orders[order_id] = None
        if len(self._seen_orders) > REMEMBERED_ORDERS:
            self._seen_orders.popitem(last=False)
        async with self.db.tenant(tenant_id) as tx:
            row = await tx.one(_q["get_order"], {"id": order_id})
        if row is None or row["state"] != "given":
            return
        if row["kind"].startswith("agent.") and row["person_id"] not in self.floor.agents:
            await self.refresh()
        state, result = self._obey(tenant_id, row)
        self.writer.answer(tenant_id, order_id, state, result)

    def _obey(self, tenant_id: int, row: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        body = dict(row["body"])
        order = Order(
            tenant_id=tenant_id,
            person_id=row["person_id"],
            kind=row["kind"],
            manage=bool(body.pop("_manage", False)),
            body=body,
        )
        try:
            if not self.switch_up and row["kind"] != "call.emergency":
                raise Unavailable("The telephone switch does not answer just now. Calls in progress go on.")
            outcome = obey(self.floor, order, self.clock.now())
        except CarelineError as error:
            return "refused", {"error": error.id, "detail": error.detail, "status": error.status}
        self.apply(outcome)
        return "done", outcome.answer

    @property
    def tenants(self) -> list[int]:
        """Tenants on this floor."""
        return list(self._tenants)
