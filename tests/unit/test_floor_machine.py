"""The floor under any order of events: nobody is lost, nobody is stuck, and the state is the fold of its events."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from careline.calls.due import deadline
from careline.calls.fold import fold
from careline.calls.model import FIRST_OF_ALL, Kind, Phase
from careline.calls.opening import open_floor
from careline.calls.ports import ChannelSeen, SwitchSnapshot
from careline.calls.reconcile import reconcile
from careline.calls.roster import live
from careline.calls.switch_commands import Bridge, Hangup
from careline.calls.switch_commands import Ring as RingPhone
from careline.calls.switch_events import EndpointChanged, HangupCause, LegAnswered, LegEnded, PlaybackEnded, Talking
from careline.kernel.errors import CarelineError
from careline.queues.model import Agent, AgentStatus
from careline.queues.rules import Join, Leave, Overflow, Ring, Rules, Sticky, Target, WrapUp
from careline.testing.world import ANA, BEN, NOON, OTHER, QUEUE, World, replayed

pytestmark = pytest.mark.unit

PEOPLE = st.sampled_from([ANA, BEN])
ORDERS = st.sampled_from(
    ["hold", "resume", "mute", "unmute", "hang_up", "decline", "transfer_complete", "transfer_cancel", "emergency"]
)


RINGS = [(), (Ring(after_seconds=10, drop=("triage",)),), (Ring(after_seconds=30, language=False),)]
OVERFLOW = [
    (),
    (Overflow(measure="wait", above=30, at="waiting", target=Target(kind="queue", to=str(OTHER))),),
    (Overflow(measure="waiting", above=1, at="entry", target=Target(kind="voicemail")),),
    (Overflow(measure="ratio", above=1, target=Target(kind="queue", to=str(QUEUE), keep_place=False)),),
    (Overflow(measure="estimate", above=60, target=Target(kind="outside", to="+15555550188")),),
    (Overflow(measure="staffing", above=1, at="waiting", target=Target(kind="end")),),
]
LEAVE = Leave(when_empty=True, grace_seconds=20, target=Target(kind="queue", to=str(OTHER)))
JOIN = Join(when_empty="refuse", target=Target(kind="voicemail"))
MORE = [{}, {"sticky": Sticky(mode="members")}, {"rings_frozen": True}, {"leave": LEAVE}, {"join": JOIN}]
PRIORITIES = st.sampled_from([-5, 0, 5, 900])
QUEUES = st.sampled_from([QUEUE, OTHER])
BOSS = UUID(int=99)


class FloorMachine(RuleBasedStateMachine):
    """Callers, agents, telephones and time do what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.take(open_floor(self.world.floor, self.world.now))
        self.callers = 0
        self.phones = {ANA: "s-ana1", BEN: "s-ben1"}
        #: Legs that exist in the (imagined) switch.
        self.legs: set[str] = set()
        self.channels: set[str] = set()

    def after(self) -> None:
        """The switch does as it was told."""
        for command in self.world.commands:
            if isinstance(command, RingPhone):
                self.legs.add(command.channel)
            elif isinstance(command, Hangup):
                self.legs.discard(command.channel)
                self.channels.discard(command.channel)
            elif isinstance(command, Bridge):
                assert len(set(command.channels)) == len(command.channels)

    def order(self, person, kind, manage=False, **body):
        try:
            self.world.order(person, kind, manage, **body)
        except CarelineError:
            self.world.commands = []
        self.after()

    @rule()
    def call_comes(self):
        if self.callers < 6:
            self.callers += 1
            channel = f"c{self.callers}"
            self.channels.add(channel)
            self.world.arrive(channel)
            self.after()

    @rule()
    def caller_joins_the_queue(self):
        if self.callers < 6:
            self.callers += 1
            channel = f"c{self.callers}"
            self.channels.add(channel)
            self.world.arrive(channel)
            self.world.heard(channel)
            self.after()
            for _ in range(2):
                self.world.press("1", channel)
                self.after()

    @rule(data=st.data())
    def somebody_answers(self, data):
        ringing = sorted(o.leg for c in self.world.floor.calls.values() for o in c.offers)
        if ringing:
            self.world.see(LegAnswered(channel=data.draw(st.sampled_from(ringing)), at=self.world.now))
            self.after()

    @initialize(people=st.sets(PEOPLE))
    def some_are_there(self, people):
        for person in sorted(people):
            self.sits_down(person)

    @rule(person=PEOPLE)
    def sits_down(self, person):
        self.order(person, "agent.phone", endpoint=self.phones[person])
        self.world.see(EndpointChanged(endpoint=self.phones[person], online=True, at=self.world.now))
        self.after()
        self.order(person, "agent.status", status="available")

    @rule(person=PEOPLE, online=st.booleans())
    def telephone(self, person, online):
        self.world.see(EndpointChanged(endpoint=self.phones[person], online=online, at=self.world.now))
        self.after()

    @rule(person=PEOPLE)
    def refreshes(self, person):
        name = self.phones[person]
        self.world.see(EndpointChanged(endpoint=name, online=False, at=self.world.now))
        self.after()
        self.phones[person] = f"{name[:5]}{int(name[5:]) + 1}"
        self.sits_down(person)

    @rule(person=PEOPLE, status=st.sampled_from(["available", "away", "offline"]))
    def status(self, person, status):
        self.order(person, "agent.status", status=status)

    @rule(data=st.data(), digit=st.sampled_from("12#9"))
    def key(self, data, digit):
        if self.channels:
            self.world.press(digit, data.draw(st.sampled_from(sorted(self.channels))))
            self.after()

    @rule(data=st.data())
    def emergency_key(self, data):
        """V5: wherever a caller stands, the key raises the emergency, and it is raised once."""
        if self.channels:
            channel = data.draw(st.sampled_from(sorted(self.channels)))
            calls = [c for c in self.world.floor.calls.values() if c.channel == channel and c.phase is not Phase.ENDED]
            self.world.press("*", channel)
            for before in calls:
                call = self.world.floor.calls[before.id]
                assert call.emergency or call.outside, f"nothing was raised in {before.phase}"
                if not before.emergency and call.phase is Phase.WAITING:
                    assert call.priority == FIRST_OF_ALL
            self.after()

    @rule(data=st.data(), ok=st.booleans())
    def prompt_ends(self, data, ok):
        playing = sorted((c.channel, c.playback) for c in self.world.floor.calls.values() if c.playback)
        if playing:
            channel, playback = data.draw(st.sampled_from(playing))
            self.world.see(PlaybackEnded(channel=channel, playback=playback, ok=ok, at=self.world.now))
            self.after()

    @rule(data=st.data(), on=st.booleans())
    def talks(self, data, on):
        if self.channels:
            channel = data.draw(st.sampled_from(sorted(self.channels)))
            self.world.see(Talking(channel=channel, on=on, at=self.world.now))
            self.after()

    @rule(data=st.data())
    def caller_hangs_up(self, data):
        if self.channels:
            channel = data.draw(st.sampled_from(sorted(self.channels)))
            self.channels.discard(channel)
            self.world.see(LegEnded(channel=channel, cause=HangupCause.NORMAL, at=self.world.now))
            self.after()

    @rule(data=st.data())
    def leg_is_answered(self, data):
        if self.legs:
            self.world.see(LegAnswered(channel=data.draw(st.sampled_from(sorted(self.legs))), at=self.world.now))
            self.after()

    @rule(data=st.data(), cause=st.sampled_from(list(HangupCause)))
    def leg_ends(self, data, cause):
        if self.legs:
            leg = data.draw(st.sampled_from(sorted(self.legs)))
            self.legs.discard(leg)
            self.world.see(LegEnded(channel=leg, cause=cause, at=self.world.now))
            self.after()

    @rule(seconds=st.sampled_from([1, 5, 16, 31, 130]))
    def time_passes(self, seconds):
        self.world.later(seconds)
        self.after()

    @rule(data=st.data(), person=PEOPLE, kind=ORDERS)
    def orders(self, data, person, kind):
        if self.world.floor.calls:
            call = data.draw(st.sampled_from(sorted(self.world.floor.calls)))
            self.order(person, f"call.{kind}", call_id=str(call))

    @rule(data=st.data(), person=PEOPLE, to=st.sampled_from(["agent", "queue", "number"]), blind=st.booleans())
    def transfers(self, data, person, to, blind):
        if self.world.floor.calls:
            call = data.draw(st.sampled_from(sorted(self.world.floor.calls)))
            other = BEN if person == ANA else ANA
            target = {"kind": to, "id": str(other if to == "agent" else OTHER), "number": "+15555550177"}
            self.order(person, "call.transfer", call_id=str(call), to=target, mode="blind" if blind else "consult")

    @rule(person=PEOPLE)
    def wraps_up(self, person):
        call = self.world.floor.agents[person].call_id
        self.order(person, "call.wrap_up", call_id=str(call), code="scheduled")

    @rule(
        queue=QUEUES,
        strategy=st.sampled_from(["longest-idle", "ring-all", "progressive", "linear", "fewest-calls", "round-robin"]),
        misses=st.sampled_from([0, 1, 2]),
        mode=st.sampled_from(["timeout", "mandatory", "optional", "forced"]),
        rings=st.sampled_from(RINGS),
        overflow=st.sampled_from(OVERFLOW),
        more=st.sampled_from(MORE),
    )
    def queue_is_configured_anew(self, queue, strategy, misses, mode, rings, overflow, more):
        rules = Rules(
            strategy=strategy, misses_allowed=misses, wrap_up=WrapUp(mode=mode), rings=rings, overflow=overflow, **more
        )
        self.world.reconfigure(queue, rules=rules)
        self.after()

    @rule(queue=QUEUES, members=st.sets(PEOPLE), name=st.sampled_from(["Front", "Nurses"]))
    def members_and_names_change(self, queue, members, name):
        self.world.reconfigure(queue, members=frozenset(members), name=name)
        self.after()

    @rule(skilled=st.sets(PEOPLE), needed=st.booleans())
    def skills_change(self, skilled, needed):
        queues = [replace(q, skills={"triage": 50.0} if needed else {}) for q in self.world.floor.queues.values()]
        able = {"triage": 80.0}
        people = [replace(a, skills=able if a.id in skilled else {}) for a in self.world.floor.agents.values()]
        self.world.plan(queues, people)
        self.after()

    @rule(data=st.data(), person=PEOPLE, priority=PRIORITIES, queue=QUEUES)
    def supervisor(self, data, person, priority, queue):
        if self.world.floor.calls:
            call = str(data.draw(st.sampled_from(sorted(self.world.floor.calls))))
            kind = data.draw(st.sampled_from(["call.priority", "call.assign", "call.move", "call.explain"]))
            given = {"call_id": call, "priority": priority, "person_id": str(person), "queue_id": str(queue)}
            self.order(BOSS, kind, manage=True, **given)

    @rule(data=st.data(), person=PEOPLE)
    def recognised(self, data, person):
        if self.world.floor.calls:
            call = data.draw(st.sampled_from(sorted(self.world.floor.calls)))
            self.world.take(self.world.floor.recognise(call, person, self.world.now, self.world.now))
            self.after()

    @precondition(lambda self: not self.world.floor.calls)
    @rule()
    def a_new_day_begins(self):
        self.world.later(86_400)
        self.after()

    def teardown(self):
        """The whole story once more, from what was written: every offer is decided the same."""
        report = replayed(self.world.log)
        assert report.differences == []
        offered = [e for e in self.world.events if e.kind is Kind.OFFERED and "ring" in e.body]
        assert report.offers == len(offered)

    @rule()
    def call_control_restarts(self):
        """Another process folds the events and reconciles with the switch."""
        seen = SwitchSnapshot(
            channels={
                c: ChannelSeen(
                    channel=c,
                    ours=True,
                    up=True,
                    inbound=c in self.channels,
                    dialled="+15555550100",
                    caller=None,
                    created=NOON,
                )
                for c in self.channels | self.legs
            },
            endpoints_online=frozenset(self.world.floor.roster.online),
        )
        self.world.take(reconcile(self.world.floor, seen, self.world.now))
        self.after()

    # --- what must hold, always

    @invariant()
    def every_caller_has_somebody_something_or_a_deadline(self):
        for call in self.world.floor.calls.values():
            if call.phase is Phase.WAITING:
                assert call.queue_id in self.world.floor.queues
                assert call.place_at is not None
                assert deadline(call) is not None or call.playback
            elif call.phase is Phase.TALKING:
                assert call.handling or call.outside
            elif call.phase in (Phase.FLOW, Phase.VOICEMAIL):
                assert call.playback or deadline(call) is not None

    @invariant()
    def an_emergency_is_raised_once(self):
        raised = [e.call_id for e in self.world.events if e.kind.value == "emergency_raised"]
        assert len(raised) == len(set(raised))

    @invariant()
    def nobody_is_in_two_places(self):
        busy = [c.handling.agent_id for c in self.world.floor.calls.values() if c.handling]
        busy += [o.agent_id for c in self.world.floor.calls.values() for o in c.offers]
        assert len(busy) == len(set(busy)), "a call is given to one agent, and an agent gets one call"

    @invariant()
    def a_busy_agent_has_a_call(self):
        for agent in self.world.floor.agents.values():
            if agent.status in (AgentStatus.OFFERED, AgentStatus.TALKING):
                call = self.world.floor.calls.get(agent.call_id)
                assert call is not None, f"{agent.status} without a call"
                parts = [*(o.agent_id for o in call.offers), call.handling and call.handling.agent_id]
                if call.phase is Phase.CALLBACK and call.callback:
                    parts.append(call.callback.agent_id)
                if call.transfer and call.transfer.to == "agent":
                    parts.append(next(p for p in (ANA, BEN) if str(p) == call.transfer.target))
                assert agent.id in parts, f"{agent.status} in a call that does not know it"

    @invariant()
    def nobody_ready_leaves_a_caller_waiting(self):
        floor = self.world.floor
        for call in floor.dispatch.in_line().values():
            if not call.offers:
                why = floor.dispatch.explain(call.id, self.world.now)
                assert why["state"] != "next", "a ready agent who suits and a waiting caller must have been matched"
                assert why["state"] != "no-such-queue", "nobody waits in a queue that does not exist"

    @invariant()
    def the_state_is_the_fold_of_its_events(self):
        for call in self.world.floor.calls.values():
            folded = fold([e for e in self.world.events if e.call_id == call.id], 1)
            # What was typed ahead, and what the flow keeps to itself, is in memory only.
            assert replace(folded, ahead="", cursor=None) == replace(call, ahead="", cursor=None)

    @invariant()
    def the_agents_are_the_fold_of_theirs(self):
        for agent in self.world.floor.agents.values():
            state = {}
            for event in self.world.agent_events:
                if event.agent_id == agent.id:
                    state |= event.body["state"]
            assert {**live(Agent(id=agent.id, tenant_id=1, name="")), **state} == live(agent)

    @invariant()
    def the_ready_are_the_ready(self):
        ready = {a.id for a in self.world.floor.agents.values() if a.ready}
        assert ready == set(self.world.floor.roster.ready)


TestFloorMachine = FloorMachine.TestCase
TestFloorMachine.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
