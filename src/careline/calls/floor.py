"""The floor: all live calls and agents of the installation, and what any cause makes of them. No I/O, no clock.

`handle(cause, now)` is a pure decision over the floor's state: it returns what happened (to append) and what to do (to
send to the switch), and leaves the floor in its next state. Call control, tests and simulations run this same code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from uuid import UUID

from careline.calls import (
    attendance,
    callback,
    caller,
    closing,
    hearing,
    journey,
    legs,
    opening,
    overflow,
    rescue,
    talk,
)
from careline.calls.agenda import Agenda
from careline.calls.asks import Answer, Ask
from careline.calls.callback_book import CallbackBook
from careline.calls.configured import Configuration
from careline.calls.dispatch import Dispatch
from careline.calls.due import deadline, due
from careline.calls.fold import begin
from careline.calls.model import Call, Event, Kind, Phase, call_of
from careline.calls.outcome import Outcome
from careline.calls.plan import FloorPlan
from careline.calls.roster import Roster
from careline.calls.step import LineSetup, Media, QueuesOf, Setting, Step
from careline.calls.switch_commands import Hangup
from careline.calls.switch_events import (
    Arrived,
    Digit,
    EndpointChanged,
    HangupCause,
    Heard,
    LegAnswered,
    LegEnded,
    PhoneHold,
    PlaybackEnded,
    SwitchEvent,
    Talking,
)
from careline.flows.moves import Answered
from careline.kernel.phone import to_e164
from careline.queues.model import Agent, Match, Queue
from careline.queues.strategies import rings_several


class Floor:
    """Live calls and agents, and the configuration they run under."""

    def __init__(self, media: Media, new_id: Callable[[], UUID], region: str = "US") -> None:
        """`region`: where numbers without a country code belong."""
        self.region = region
        self.media = media
        self.new_id = new_id
        self.calls: dict[UUID, Call] = {}
        self.roster = Roster()
        self.queues: dict[UUID, Queue] = {}
        #: Dialled number -> the line's present configuration.
        self.lines: dict[str, LineSetup] = {}
        #: The configuration each call in progress began with.
        self.pinned: dict[UUID, LineSetup] = {}
        self.by_channel: dict[str, UUID] = {}
        self.callbacks = CallbackBook()
        #: When something must happen to a call although nobody does anything.
        self.agenda = Agenda()
        #: Who gets which waiting call.
        self.dispatch = Dispatch()
        #: When the overflow rules of a waiting call are to be looked at again.
        self.checks = Agenda()
        #: The queues that callers leave when nobody staffs them, and since when nobody does.
        self.leaving: frozenset[UUID] = frozenset()
        self.empty_since: dict[UUID, datetime] = {}
        #: The configuration as the events have it, by tenant; nothing before the floor was opened. And its day.
        self.configuration: dict[int, Configuration] = {}
        self.day: date | None = None
        #: Wrap-up codes in use, by tenant.
        self.codes: dict[int, frozenset[str]] = {}

    # --- configuration ----------------------------------------------------------------------------------------------

    def configure(
        self, plans: Mapping[int, FloorPlan], lines: Mapping[str, LineSetup], now: datetime | None = None
    ) -> Outcome:
        """Take new configuration while calls wait: places, statuses and calls in progress stay as they are.

        With `now`, what it changes is decided at once: a new skill or a higher priority may mean an offer.
        """
        out = Outcome()
        self.lines = dict(lines)
        self.queues = {queue.id: queue for plan in plans.values() for queue in plan.queues}
        self.codes = {tenant_id: plan.codes for tenant_id, plan in plans.items()}
        # Whole seconds: a figure that trembles is not a change.
        handling = {q: float(round(s)) for plan in plans.values() for q, s in plan.handling.items()}
        self.roster.configure(person for plan in plans.values() for person in plan.people)
        self.dispatch.configure(self.queues, handling)
        self.leaving = frozenset(q.id for q in self.queues.values() if q.rules.leave.when_empty)
        if now is not None:
            opening.note_changes(self, now, out)
            overflow.leave_missing_queues(self, now, out)
            overflow.note_staffing(self, None, now, out)
            self.distribute(now, out)
        return out

    def knows(self, dialled: str) -> bool:
        """Whether a dialled number belongs to a line."""
        return (to_e164(dialled, self.region) or dialled) in self.lines

    def adopt(self, call: Call) -> None:
        """Take over a call that was folded from its events."""
        self.calls[call.id] = call
        self._index(call)

    @property
    def handle_seconds(self) -> dict[UUID, float]:
        """Measured handling time of queues today, in seconds; a queue's own expectation until there is one."""
        return self.dispatch.router.handling

    def sites(self, now: datetime) -> Mapping[UUID, UUID]:
        """Line -> where its callers go who chose nothing, for lines that are open: so a call goes to another site."""
        return {
            line.id: line.fallback_queue
            for line in self.lines.values()
            if line.fallback_queue in self.queues and line.fallback_queue and line.hours(now) == "open"
        }

    @property
    def agents(self) -> Mapping[UUID, Agent]:
        """Everybody on the floor."""
        return self.roster.agents

    # --- causes -----------------------------------------------------------------------------------------------------

    def handle(self, cause: SwitchEvent, now: datetime) -> Outcome:
        """What a switch event makes of the floor. An event about something unknown changes nothing."""
        out = Outcome()
        match cause:
            case Arrived():
                self._arrived(cause, now, out)
            case LegAnswered(channel=channel):
                legs.answered(self, channel, now, out)
            case LegEnded(channel=channel, cause=why):
                legs.ended(self, channel, why, now, out)
            case Digit(channel=channel, digit=digit):
                self._key(channel, digit, now, out)
            case PlaybackEnded(playback=playback):
                self._playback_ended(playback, now, out)
            case Talking(channel=channel, on=on):
                self._on_caller(channel, now, out, lambda s: _voice(s, on))
            case Heard(channel=channel):
                self._on_caller(channel, now, out, lambda s: hearing.hear(s, cause))
            case PhoneHold(channel=channel, on=on):
                legs.phone_hold(self, channel, on, now, out)
            case EndpointChanged(endpoint=endpoint, online=online):
                attendance.endpoint_changed(self, endpoint, online, now, out)
            case _:
                return out
        self.distribute(now, out)
        return out

    def answered(self, ask: Ask, answer: Answer, now: datetime) -> Outcome:
        """What was asked outside is answered. An answer that nobody waits for any more changes nothing."""
        out = Outcome()
        call = self.calls.get(ask.call_id)
        if call is not None and call.ask is not None and call.ask.id == ask.id:
            came = Answered(answer.exit, dict(answer.values))
            self.step(call.id, now, out, lambda s: journey.answered(s, came))
            self.distribute(now, out)
        return out

    def recognise(self, call_id: UUID, agent_id: UUID, talked_at: datetime, now: datetime) -> Outcome:
        """It was found out who talked with this caller the last time, and until when."""
        out = Outcome()
        call = self.calls.get(call_id)
        if call is not None and call.phase is not Phase.ENDED and call.last_agent is None:
            found = {"agent_id": str(agent_id), "talked_at": talked_at.isoformat()}
            self.step(call_id, now, out, lambda s: s.happened(Kind.RECOGNISED, **found))
            self.distribute(now, out)
        return out

    def tick(self, now: datetime) -> Outcome:
        """Do everything that has become due."""
        out = Outcome()
        for call_id in self.agenda.take_due(now):
            try:
                self.step(call_id, now, out, due)
            finally:
                if call_id in self.calls:
                    self.agenda.put(call_id, deadline(self.calls[call_id]))
        for agent_id in self.roster.agenda.take_due(now):
            attendance.wrap_up(self, agent_id, None, now, out)
        for call_id in self.checks.take_due(now):
            overflow.check(self, call_id, now, out)
        self.distribute(now, out)
        return out

    def next_due(self) -> datetime | None:
        """The earliest moment at which `tick` has something to do."""
        moments = (self.agenda.next(), self.roster.agenda.next(), self.checks.next(), self.dispatch.next_due())
        return min((m for m in moments if m), default=None)

    # --- one call ---------------------------------------------------------------------------------------------------

    def setting(self, tenant_id: int, now: datetime) -> Setting:
        """What decisions about a call of a tenant may look at."""
        agents = self.agents
        return Setting(
            media=self.media,
            queues=QueuesOf(self.queues, tenant_id),
            outlook=lambda call: self.outlook(call, now),
            turn_away=partial(overflow.turn_away, self),
            is_person=lambda who: (agent := agents.get(who)) is not None and agent.tenant_id == tenant_id,
            staffed=self.staffed,
            callback_of=self.callback_of,
            region=self.region,
        )

    def step(
        self,
        call_id: UUID,
        now: datetime,
        out: Outcome,
        act: Callable[[Step], object],
        person_id: UUID | None = None,
    ) -> None:
        """Let `act` move one call on; agents follow from its events. Nothing is changed when `act` raises."""
        call = self.calls[call_id]
        s = Step(call, now, self.setting(call.tenant_id, now), self.pinned[call_id], person_id)
        act(s)
        if s.call.emergency:
            rescue.keep_watch(s)
        self._settle(s, out)

    def _settle(self, s: Step, out: Outcome) -> None:
        call = s.call
        before = self.calls.get(call.id)
        self.calls[call.id] = call
        out.calls[call.id] = call
        out.commands += s.commands
        out.commands += hearing.follow(before, call, s.line)
        out.asks += s.asks
        for event in s.events:
            out.log.append(event)
            attendance.follow(self, event, call, out)
        self._index(call)
        if any(e.kind is Kind.QUEUED for e in s.events):
            self.checks.put(call.id, None)
        if call.id in self.dispatch.in_line() and call.id not in self.checks:
            self.checks.put(call.id, overflow.next_check(self, call, s.now))

    def _index(self, call: Call) -> None:
        self.by_channel[call.channel] = call.id
        self.agenda.put(call.id, deadline(call))
        self.callbacks.put(call)
        self.dispatch.put_call(call)
        for leg in (*call.offers, call.handling, call.transfer, call.outside):
            if leg is not None:
                self.by_channel[leg.leg] = call.id
        for name in callback.legs(call):
            self.by_channel[name] = call.id
        if call.phase is Phase.ENDED and not call.wrapping:
            self.calls.pop(call.id, None)
            self.pinned.pop(call.id, None)
            for channel in [c for c, owner in self.by_channel.items() if owner == call.id]:
                del self.by_channel[channel]

    def call_at(self, channel: str) -> Call | None:
        """The call that a channel belongs to, if it is known."""
        call_id = self.by_channel.get(channel) or call_of(channel)
        return self.calls.get(call_id) if call_id else None

    def _on_caller(self, channel: str, now: datetime, out: Outcome, act: Callable[[Step], object]) -> None:
        call = self.call_at(channel)
        if call and call.channel == channel and call.phase is not Phase.ENDED:
            self.step(call.id, now, out, act)

    def _key(self, channel: str, digit: str, now: datetime, out: Outcome) -> None:
        call = self.call_at(channel)
        if call and call.help and call.transfer and call.transfer.leg == channel:
            self.step(call.id, now, out, lambda s: rescue.key(s, digit))
        else:
            self._on_caller(channel, now, out, lambda s: caller.key(s, digit))

    def missed(self, arrived: Arrived, now: datetime) -> Outcome:
        """A caller gave up before there was a moment to serve the call: it is on record as abandoned."""
        out = Outcome()
        self._arrived(arrived, now, out, lambda s, _: closing.end(s, by="caller", outcome="abandoned"))
        return out

    def _arrived(
        self, arrived: Arrived, now: datetime, out: Outcome, begun: Callable[[Step, Arrived], None] = caller.arrive
    ) -> None:
        dialled = to_e164(arrived.dialled, self.region) or arrived.dialled
        line = self.lines.get(dialled)
        if line is None:
            out.commands.append(Hangup(channel=arrived.channel, cause=HangupCause.UNALLOCATED))
            return
        if arrived.channel in self.by_channel:
            return
        call_id, pin = self.new_id(), None
        if line.flow_for:
            flow, pin = line.flow_for(call_id, now)
            line = replace(line, flow=flow)
        event = Event(
            call_id=call_id,
            kind=Kind.ARRIVED,
            at=now,
            body={
                "line_id": str(line.id),
                "channel": arrived.channel,
                "source": arrived.source,
                "dialled": dialled,
                "caller": (to_e164(arrived.caller, self.region) or arrived.caller) if arrived.caller else None,
                "caller_name": arrived.caller_name,
                "language": line.language,
                "config_version": line.version,
                "flow": pin.to_body() if pin else None,
            },
        )
        s = Step(begin(event, line.tenant_id), now, self.setting(line.tenant_id, now), line)
        s.events.append(event)
        self.pinned[s.call.id] = line
        begun(s, arrived)
        self._settle(s, out)

    def _playback_ended(self, playback: str, now: datetime, out: Outcome) -> None:
        call_id = call_of(playback)
        call = self.calls.get(call_id) if call_id else None
        if call and call.playback == playback and call.phase is not Phase.ENDED:
            self.step(call.id, now, out, caller.played)

    def callback_of(self, call: Call) -> Call | None:
        """The callback that waits for the same caller, if there is one."""
        found = self.callbacks.of(call.tenant_id, call.caller)
        return self.calls.get(found) if found and found != call.id else None

    # --- distribution -----------------------------------------------------------------------------------------------

    def distribute(self, now: datetime, out: Outcome) -> None:
        """Offer waiting calls to ready agents, as the router decides."""
        opening.begin_day(self, now, out)
        while True:
            self._tell_dispatch(now, out)
            self._ring_ahead(now, out)
            offered = [self._carry_out(match, now, out) for match in self.dispatch.decide(now)]
            # A callback may take its caller first: the agent is free again for the next in line.
            if all(offered):
                break
        self._tell_dispatch(now, out)

    def _tell_dispatch(self, now: datetime, out: Outcome) -> None:
        self.roster.tell(now, out)
        if self.leaving:
            overflow.note_staffing(self, self.roster.changed, now, out)
        for agent_id in sorted(self.roster.changed):
            self.dispatch.put_agent(agent_id, self.agents.get(agent_id))
        self.roster.changed.clear()

    def _carry_out(self, match: Match, now: datetime, out: Outcome) -> bool:
        """Offer the call. False when its caller is rung first instead."""
        if callback.waits_for_caller(self.calls[match.call_id]):
            self.step(match.call_id, now, out, callback.ring_caller)
            return False
        queue = self.queues[match.queue_id]
        alone = not rings_several(queue)
        for agent_id in match.agents:
            offer = partial(talk.offer, agent=self.agents[agent_id], seconds=queue.ring_seconds, alone=alone)
            # The reasons are kept once, with the first of several telephones.
            why = match.why if agent_id == match.agents[0] else None
            self.step(match.call_id, now, out, partial(offer, ring=match.ring, why=why))
        return True

    def _ring_ahead(self, now: datetime, out: Outcome) -> None:
        """Caller-first callbacks whose place is about to come up."""
        for call_id in sorted(self.callbacks.ahead):
            call = self.calls[call_id]
            if call.queue_id not in self.queues:
                continue
            _, seconds = self.outlook(call, now)
            if seconds is not None and seconds <= self.queues[call.queue_id].rules.callback.lead_seconds:
                self.step(call_id, now, out, callback.ring_caller)

    def staffed(self, queue_id: UUID) -> bool:
        """Whether anybody takes calls of a queue now, be it that all are busy."""
        members = self.queues[queue_id].members
        return any(a.staffed and a.phone_online for a in map(self.agents.get, members) if a)

    def outlook(self, call: Call, now: datetime) -> tuple[int, float | None]:
        """A waiting call's place and its expected wait in seconds (None when nobody is staffed)."""
        return self.dispatch.position(call, now)


def _voice(s: Step, on: bool) -> None:
    message = s.call.message
    if s.call.callback and s.call.callback.ear:
        callback.voice(s, on)
    elif message and message.until:
        s.happened(Kind.SPOKE if on else Kind.FELL_SILENT)
