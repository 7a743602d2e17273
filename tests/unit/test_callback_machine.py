"""Callbacks under any order of events: none ever disappears, and nobody is rung or held for one that is over."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from careline.calls.callback_model import AGENT_FIRST, CALLER_FIRST, Stage
from careline.calls.calling_hours import zones_of
from careline.calls.due import deadline
from careline.calls.fold import fold
from careline.calls.model import Kind, Phase
from careline.calls.opening import open_floor
from careline.calls.ports import ChannelSeen, SwitchSnapshot
from careline.calls.reconcile import lost_switch, reconcile
from careline.calls.switch_commands import Hangup, Ring
from careline.calls.switch_events import (
    Digit,
    EndpointChanged,
    HangupCause,
    LegAnswered,
    LegEnded,
    PlaybackEnded,
    Talking,
)
from careline.kernel.errors import CarelineError
from careline.queues.model import AgentStatus
from careline.queues.rules import Callback, Rules
from careline.testing.world import ANA, BEN, NOON, OTHER, QUEUE, World, replayed

pytestmark = pytest.mark.unit

PEOPLE = st.sampled_from([ANA, BEN])
NUMBERS = st.sampled_from(["+15555550123", "+15555550124", "+13125550125", None])
#: How a callback may end without the caller having been on the line again.
ENDS = {"callback-failed", "callback-cancelled", "merged"}
MODES = [(QUEUE, AGENT_FIRST), (OTHER, CALLER_FIRST)]


class CallbackMachine(RuleBasedStateMachine):
    """Callers who rather hang up than wait; agents, telephones and outages do what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        for queue, mode in MODES:
            rules = Rules(callback=Callback(offered=True, mode=mode, retries=1, retry_seconds=30, schedulable=True))
            self.world.reconfigure(queue, rules=rules)
        self.world.take(open_floor(self.world.floor, self.world.now))
        self.callers = 0
        #: Channels that exist in the (imagined) switch.
        self.channels: set[str] = set()

    def teardown(self):
        """Decided again from its rows, the day comes out the same."""
        assert replayed(self.world.log).differences == []

    # --- the world ---

    def after(self):
        for command in self.world.commands:
            if isinstance(command, Ring):
                self.channels.add(command.channel)
            elif isinstance(command, Hangup):
                self.gone(command.channel)

    def gone(self, channel, cause=HangupCause.NORMAL):
        """A channel ends, and the switch says so."""
        if channel in self.channels:
            self.channels.discard(channel)
            self.world.see(LegEnded(channel=channel, cause=cause, at=self.world.now))
            self.after()

    def order(self, person, kind, **body):
        try:
            self.world.order(person, kind, manage=True, **body)
        except CarelineError:
            self.world.commands = []
        self.after()

    def press(self, channel, digits):
        for digit in digits:
            self.world.see(Digit(channel=channel, digit=digit, at=self.world.now))
            self.after()

    # --- what can happen ---

    @rule(number=NUMBERS, keys=st.sampled_from(["211", "2121", "2122", "2", "22312555017", "27", ""]))
    def call_comes(self, number, keys):
        if self.callers >= 8:
            return
        self.callers += 1
        channel = f"c{self.callers}"
        self.channels.add(channel)
        self.world.arrive(channel, caller=number)
        self.after()
        self.prompt_of(channel)
        self.press(channel, "11")
        if not number and keys.startswith("21"):
            keys = "23125550177#11" + keys[2:]
        self.press(channel, keys)

    def prompt_of(self, channel, ok=True):
        call = next((c for c in self.world.floor.calls.values() if c.channel == channel and c.playback), None)
        if call:
            self.world.see(PlaybackEnded(channel=channel, playback=call.playback, ok=ok, at=self.world.now))
            self.after()

    @rule(data=st.data(), ok=st.booleans())
    def prompt_ends(self, data, ok):
        if self.channels:
            self.prompt_of(data.draw(st.sampled_from(sorted(self.channels))), ok)

    @rule(data=st.data(), digit=st.sampled_from("129#"))
    def key(self, data, digit):
        if self.channels:
            self.press(data.draw(st.sampled_from(sorted(self.channels))), digit)

    @rule(data=st.data(), cause=st.sampled_from(list(HangupCause)))
    def channel_ends(self, data, cause):
        if self.channels:
            self.gone(data.draw(st.sampled_from(sorted(self.channels))), cause)

    @rule(data=st.data())
    def leg_is_answered(self, data):
        legs = sorted(c for c in self.channels if "." in c)
        if legs:
            self.world.see(LegAnswered(channel=data.draw(st.sampled_from(legs)), at=self.world.now))
            self.after()

    @rule(data=st.data(), on=st.booleans())
    def somebody_talks(self, data, on):
        if self.channels:
            channel = data.draw(st.sampled_from(sorted(self.channels)))
            self.world.see(Talking(channel=channel, on=on, at=self.world.now))
            self.after()

    @rule(person=PEOPLE, status=st.sampled_from(["available", "available", "away"]))
    def agent(self, person, status):
        endpoint = f"s-{self.world.floor.agents[person].name}"
        self.order(person, "agent.phone", endpoint=endpoint)
        self.world.see(EndpointChanged(endpoint=endpoint, online=True, at=self.world.now))
        self.after()
        self.order(person, "agent.status", status=status)

    @rule(person=PEOPLE)
    def telephone_vanishes(self, person):
        endpoint = f"s-{self.world.floor.agents[person].name}"
        self.world.see(EndpointChanged(endpoint=endpoint, online=False, at=self.world.now))
        self.after()

    @rule(person=PEOPLE)
    def wraps_up(self, person):
        call = self.world.floor.agents[person].call_id
        self.order(person, "call.wrap_up", call_id=str(call), code="scheduled")

    @rule(data=st.data(), person=PEOPLE, kind=st.sampled_from(["cancel", "call_now", "change", "machine", "hang_up"]))
    def orders(self, data, person, kind):
        found = sorted(c.id for c in self.world.floor.calls.values() if c.callback)
        if found:
            body = {"number": "+13125550188"} if kind == "change" else {}
            what = "call.hang_up" if kind == "hang_up" else f"callback.{kind}"
            self.order(person, what, call_id=str(data.draw(st.sampled_from(found))), **body)

    @rule(seconds=st.sampled_from([1, 10, 31, 130, 3600, 14 * 3600]))
    def time_passes(self, seconds):
        self.world.later(seconds)
        self.after()

    @rule()
    def call_control_restarts(self):
        seen = SwitchSnapshot(
            channels={
                c: ChannelSeen(channel=c, ours=True, up=True, inbound="." not in c, dialled="+15555550100", caller=None,
                               created=NOON)
                for c in self.channels
            },
            endpoints_online=frozenset(self.world.floor.roster.online),
        )  # fmt: skip
        self.world.take(reconcile(self.world.floor, seen, self.world.now))
        self.after()

    @rule()
    def the_switch_is_restarted(self):
        self.channels.clear()
        self.world.take(lost_switch(self.world.floor, self.world.now))

    # --- what must hold, always ---

    @invariant()
    def a_callback_waits_for_something(self):
        for call in self.world.floor.calls.values():
            if call.phase is Phase.CALLBACK:
                assert call.callback is not None
                assert call.queue_id in self.world.floor.queues
                assert call.place_at is not None
                assert deadline(call) is not None
                if call.callback.stage is Stage.DIALLING:
                    assert call.callback.leg in self.channels

    @invariant()
    def no_callback_disappears(self):
        for call_id in {e.call_id for e in self.world.events if e.kind is Kind.CALLBACK_ARRANGED}:
            if call_id in self.world.floor.calls:
                continue
            events = [e for e in self.world.events if e.call_id == call_id]
            ended = next(e for e in events if e.kind is Kind.ENDED)
            if fold(events[: events.index(ended)], 1).phase is Phase.CALLBACK:
                assert ended.body["outcome"] in ENDS
            if ended.body["outcome"] == "callback-failed":
                assert any(e.kind is Kind.CALLBACK_MISSED and e.body.get("last") for e in events)

    @invariant()
    def the_state_is_the_fold_of_its_events(self):
        for call in self.world.floor.calls.values():
            folded = fold([e for e in self.world.events if e.call_id == call.id], 1)
            assert (folded.callback, folded.arranging, folded.phase, folded.channel, folded.place_at) == (
                call.callback, call.arranging, call.phase, call.channel, call.place_at,
            )  # fmt: skip

    @invariant()
    def nobody_is_busy_with_nothing(self):
        for agent in self.world.floor.agents.values():
            if agent.status in (AgentStatus.OFFERED, AgentStatus.TALKING):
                call = self.world.floor.calls[agent.call_id]
                ringing = [call.callback.agent_id] if call.callback and call.phase is Phase.CALLBACK else []
                parts = [*ringing, *(o.agent_id for o in call.offers), call.handling and call.handling.agent_id]
                assert agent.id in parts, f"{agent.status} in a call that does not know it"

    @invariant()
    def nobody_is_rung_outside_the_hours(self):
        for command in self.world.commands:
            if isinstance(command, Ring) and command.endpoint.startswith("tel:"):
                (zone,) = zones_of(command.endpoint.removeprefix("tel:"), "UTC")
                assert 8 <= self.world.now.astimezone(ZoneInfo(zone)).hour < 21


TestCallbackMachine = CallbackMachine.TestCase
TestCallbackMachine.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
