"""The supervisor's board: live state from the projections, today's figures from the event rows."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from careline.kernel.clock import Clock
from careline.platform.db import Database, Row, Tx, queries
from careline.platform.i18n import gettext as _
from careline.reporting.announcements import Accuracy, Told, accuracy
from careline.reporting.attribution import local_day
from careline.reporting.model import (
    AbandonRate,
    Counts,
    ServiceLevel,
    abandon_rate,
    average_handle_time,
    average_speed_of_answer,
    service_level,
)
from careline.reporting.views import (
    AgentRow,
    AnnouncedView,
    BoardSnapshot,
    ComponentView,
    FiguresView,
    Health,
    OpenCall,
    QueueRow,
    Totals,
)
from careline.security.actor import Actor
from careline.security.permissions import Permission

_q = queries("careline.reporting")

#: Seconds under which an abandoned call is called short: nobody could have answered it.
SHORT_ABANDON_SECONDS = 5
#: For how long figures of today are reused; what is live is always read anew. On a busy day they take longer to sum and
#: are kept longer: summing never costs more than a twentieth of the time.
FIGURES_KEPT = timedelta(seconds=2)
KEPT_PER_COST = 20
#: A part that has said nothing for so long is not trusted to be alive.
SILENT_AFTER = timedelta(seconds=20)
#: Parts without which no call can be taken, whether or not they ever said anything.
ESSENTIAL = ("callcontrol", "switch")

_READY = frozenset({"available"})
_BUSY = frozenset({"offered", "talking", "wrap_up"})


@dataclass(frozen=True, slots=True)
class _Handled:
    calls: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Today:
    """Everything that is summed since midnight."""

    made_at: datetime
    kept_until: datetime
    counts: Mapping[UUID, Counts]
    longest: Mapping[UUID, float]
    handled: Mapping[UUID | None, _Handled]
    hours: Mapping[UUID, list[int]]
    announced: Mapping[UUID, Accuracy]
    handled_by: Mapping[UUID, int]
    calls: Row


class BoardService:
    """Reads for the board."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db = db
        self.clock = clock
        self._kept: dict[int, _Today] = {}

    async def read(self, actor: Actor) -> BoardSnapshot:
        """Queues, calls, agents and today's figures. Without caller's numbers or any patient data."""
        actor.require(Permission.BOARD_READ)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            tenant = await tx.one(_q["read_tenant"])
            zone = str(tenant["zone"]) if tenant else "UTC"
            today, tomorrow = local_day(now.astimezone(ZoneInfo(zone)).date(), zone)
            figures = await self._today(tx, actor.tenant_id, zone, today, tomorrow, now)
            rows = await tx.all(_q["list_board_queues"])
            staff = _staff(await tx.all(_q["count_agents_by_queue"]))
            calls = await tx.all(_q["list_open_calls"])
            agents = await tx.all(_q["list_agents"], {"today": today})
        return BoardSnapshot(
            now=now,
            zone=zone,
            service_level_variant=ServiceLevel.NEGATIVE_ABANDON.value,
            abandon_rate_variant=AbandonRate.OF_PRESENTED.value,
            queues=[_queue_row(row, staff.get(row["id"], (0, 0, 0)), figures) for row in rows],
            calls=[_open_call(row) for row in calls],
            agents=[AgentRow(**row, handled=figures.handled_by.get(row["id"], 0)) for row in agents],
            totals=_totals(figures),
        )

    async def announced(self, actor: Actor, queue_id: UUID, days: int = 7) -> AnnouncedView | None:
        """How right the waits were that callers of a queue were told in the last days; None before the first."""
        actor.require(Permission.BOARD_READ)
        now = self.clock.now()
        async with self.db.tenant(actor.tenant_id) as tx:
            found = await _announced(tx, {"today": now - timedelta(days=days), "until": now})
        return _accuracy(found.get(queue_id))

    async def snapshot(self, actor: Actor) -> dict[str, Any]:
        """The same for the live topic `board`: plain JSON values."""
        return dict(msgspec.to_builtins(await self.read(actor)))

    async def health(self, actor: Actor) -> Health:
        """Which parts work, said plainly; answers also when the database does not."""
        actor.require(Permission.BOARD_READ, Permission.CALL_HANDLE)
        now = self.clock.now()
        try:
            async with self.db.tenant(actor.tenant_id) as tx:
                rows = await tx.all(_q["list_components"])
        except (psycopg.OperationalError, PoolTimeout):
            lost = ComponentView(
                name="database",
                state="down",
                detail=_("The database cannot be reached. Calls in progress go on; you see the last known state."),
                since=None,
            )
            return Health(ok=False, components=[lost])
        components = [_component(row, now) for row in rows]
        known = {c.name for c in components}
        components += [
            ComponentView(name=name, state="silent", detail=_not_heard(name), since=None)
            for name in ESSENTIAL
            if name not in known
        ]
        return Health(ok=all(c.state == "up" for c in components), components=components)

    async def health_snapshot(self, actor: Actor) -> dict[str, Any]:
        """The same for the live topic `health`."""
        return dict(msgspec.to_builtins(await self.health(actor)))

    async def _today(
        self, tx: Tx, tenant_id: int, zone: str, today: datetime, tomorrow: datetime, now: datetime
    ) -> _Today:
        kept = self._kept.get(tenant_id)
        if kept is not None and kept.made_at <= now < kept.kept_until and kept.made_at >= today:
            return kept
        began = time.perf_counter()
        params = {"today": today, "until": tomorrow, "zone": zone, "short": SHORT_ABANDON_SECONDS}
        counts: dict[UUID, Counts] = {}
        longest: dict[UUID, float] = {}
        for row in await tx.all(_q["count_entries"], params):
            queue_id = row.pop("queue_id")
            longest[queue_id] = row.pop("longest_wait_seconds")
            counts[queue_id] = Counts(**row)
        hours: dict[UUID, list[int]] = defaultdict(lambda: [0] * (now.astimezone(ZoneInfo(zone)).hour + 1))
        for row in await tx.all(_q["count_entries_by_hour"], params):
            if row["hour"] < len(hours[row["queue_id"]]):
                hours[row["queue_id"]][row["hour"]] = row["presented"]
        sums = await tx.all(_q["sum_handlings"], params)
        handled = {row["queue_id"]: _Handled(row["handled"], row["seconds"]) for row in sums}
        calls = await tx.one(_q["count_calls"], params) or {}
        people = await tx.all(_q["count_handlings_of_people"], params)
        cost = timedelta(seconds=time.perf_counter() - began)
        made = _Today(
            made_at=now,
            kept_until=now + max(FIGURES_KEPT, cost * KEPT_PER_COST),
            counts=counts,
            longest=longest,
            handled=handled,
            hours=dict(hours),
            announced=await _announced(tx, params),
            handled_by={row["person_id"]: row["handled"] for row in people},
            calls=calls,
        )
        self._kept[tenant_id] = made
        return made


async def _announced(tx: Tx, params: Mapping[str, Any]) -> dict[UUID, Accuracy]:
    """How right the announced waits were, by queue."""
    told: dict[UUID, list[Told]] = defaultdict(list)
    for row in await tx.all(_q["list_announced"], params):
        told[row.pop("queue_id")].append(Told(**row))
    return {queue_id: found for queue_id, every in told.items() if (found := accuracy(every))}


def _staff(rows: Sequence[Row]) -> dict[UUID, tuple[int, int, int]]:
    """Ready, busy and away members of each queue. Available with a dead telephone counts as away."""
    found: dict[UUID, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        if row["status"] in _BUSY:
            place = 1
        elif row["status"] in _READY and row["phone_online"]:
            place = 0
        else:
            place = 2
        found[row["queue_id"]][place] += row["n"]
    return {queue: (ready, busy, away) for queue, (ready, busy, away) in found.items()}


def _figures(counts: Counts, handled: _Handled, longest: float) -> FiguresView:
    return FiguresView(
        presented=counts.presented,
        answered=counts.answered,
        answered_in_t=counts.answered_in_t,
        abandoned=counts.abandoned,
        abandoned_in_t=counts.abandoned_in_t,
        short_abandoned=counts.short_abandoned,
        flow_out=counts.flow_out,
        service_level=service_level(counts),
        abandon_rate=abandon_rate(counts),
        average_speed_of_answer=average_speed_of_answer(counts),
        average_handle_time=average_handle_time(handled_seconds=handled.seconds, handled=handled.calls),
        longest_wait=longest,
    )


def _queue_row(row: Row, staff: tuple[int, int, int], today: _Today) -> QueueRow:
    queue_id = row["id"]
    ready, busy, away = staff
    return QueueRow(
        id=queue_id,
        name=row["name"],
        waiting=row["waiting"],
        longest_since=row["longest_since"],
        threshold=row["service_level_seconds"],
        target=float(row["service_level_target"]) * 100,
        ready=ready,
        busy=busy,
        away=away,
        figures=_figures(
            today.counts.get(queue_id, Counts()),
            today.handled.get(queue_id, _Handled()),
            today.longest.get(queue_id, 0.0),
        ),
        announced=_accuracy(today.announced.get(queue_id)),
        callbacks=row["callbacks"],
        expected_wait=row["expected_wait"],
        hours=today.hours.get(queue_id, []),
    )


def _accuracy(found: Accuracy | None) -> AnnouncedView | None:
    if found is None:
        return None
    return AnnouncedView(**asdict(found))


def _open_call(row: Row) -> OpenCall:
    since = {"waiting": row["place_at"], "talking": row["connected_at"]}.get(row["phase"]) or row["arrived_at"]
    wanted = OpenCall.__dataclass_fields__.keys() - {"since"}
    return OpenCall(**{key: row[key] for key in wanted}, since=since)


def _totals(today: _Today) -> Totals:
    every = list(today.counts.values())
    together = Counts(
        **{name: sum(getattr(c, name) for c in every) for name in Counts.__dataclass_fields__},
    )
    handled = _Handled(sum(h.calls for h in today.handled.values()), sum(h.seconds for h in today.handled.values()))
    return Totals(**today.calls, figures=_figures(together, handled, max(today.longest.values(), default=0.0)))


def _component(row: Row, now: datetime) -> ComponentView:
    silent = now - row["seen_at"] > SILENT_AFTER
    return ComponentView(
        name=row["name"],
        state="silent" if silent else row["state"],
        # Parts say one of a few sentences; each is translated here, where it is known who reads it.
        detail=_not_heard(row["name"]) if silent else row["detail"] and _(row["detail"]),
        since=row["seen_at"] if silent else row["since"],
    )


def _not_heard(name: str) -> str:
    if name == "callcontrol":
        return _("Call control does not answer. Calls in progress go on; no call is offered until it is back.")
    if name == "switch":
        return _("Nothing is known of the telephone switch. Calls may be arriving unanswered.")
    return _("Nothing has been heard from it for a while.")
