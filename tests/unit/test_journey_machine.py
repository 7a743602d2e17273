"""A flow of every kind of node under any order of events: nobody is stuck, nothing secret is written, the emergency key
works in every state that can be reached."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from careline.calls.asks import Answer, Ask
from careline.calls.due import deadline
from careline.calls.fold import fold
from careline.calls.model import FIRST_OF_ALL, Kind, Phase
from careline.calls.ports import ChannelSeen, SwitchSnapshot
from careline.calls.reconcile import reconcile
from careline.calls.store import encoded
from careline.calls.switch_commands import Hangup, Ring
from careline.calls.switch_events import HangupCause, LegAnswered, LegEnded, PlaybackEnded
from careline.flows.reading import read
from careline.flows.text import load
from careline.testing.world import ANA, NOON, NUMBER, QUEUE, World

pytestmark = pytest.mark.unit

FLOW = """
careline: flow/1
name: Everything
languages: [en, es]
start: notice
variables: {member: {type: digits, secret: true}, status: {type: text}}
nodes:
  notice: {kind: say, prompts: [greeting.emergency-notice], next: choose}
  choose:
    kind: menu
    prompts: [menu.intro]
    options: {"1": member, "2": who, "3": out, "4": queue, "5": consent, "6": ring-back, "7": message}
    exits: {no_input: queue, no_match: message}
  member: {kind: collect, prompts: [verify.member-id], variable: member, least: 3, most: 5, tries: 2, next: find,
           exits: {no_input: choose, no_match: queue}}
  find: {kind: lookup, endpoint: ehr, query: {member: "= member"}, into: {status: x}, seconds: 4,
         prompts: [lookup.wait], next: which, exits: {not_found: choose, timeout: queue, failed: message}}
  which: {kind: branch, cases: [{when: "status == 'Ana'", next: bye}], exits: {otherwise: choose}}
  who: {kind: verify, factors: [{name: date_of_birth, prompts: [verify.birth-date]}], wait: 3, tries: 2,
        exits: {verified: queue, failed: choose, no_input: queue, timeout: message}}
  out: {kind: transfer, number: "+15555550199", seconds: 20, exits: {busy: choose, no_answer: message, failed: queue}}
  consent: {kind: consent, prompts: [consent.ask], exits: {accepted: queue, refused: queue, no_input: message}}
  ring-back: {kind: callback, queue: QUEUE, exits: {accepted: bye, declined: queue, failed: message}}
  queue: {kind: queue, queue: QUEUE, exits: {leave: message, callback: ring-back}}
  message: {kind: voicemail}
  bye: {kind: end}
""".replace("QUEUE", str(QUEUE))

READ = read(load(FLOW))
#: What must never be in an event: what was typed as a secret, and what another system said.
SAID_OUTSIDE = "Quillfeather"


class JourneyMachine(RuleBasedStateMachine):
    """One caller, one agent who is mostly busy, another system, and time."""

    def __init__(self) -> None:
        super().__init__()
        assert READ.sound, READ.problems
        self.world = World()
        line = self.world.floor.lines[NUMBER]
        self.world.floor.lines[NUMBER] = replace(line, flow=READ.flow)
        self.asks: list[Ask] = []
        self.legs: set[str] = set()
        take = self.world.take

        def noting(out: Any) -> Any:
            self.asks += out.asks
            for command in out.commands:
                if isinstance(command, Ring):
                    self.legs.add(command.channel)
                elif isinstance(command, Hangup):
                    self.legs.discard(command.channel)
            return take(out)

        self.world.take = noting  # type: ignore[method-assign]
        self.world.sign_on(ANA)
        self.world.order(ANA, "agent.status", status="away", reason="break")
        self.world.arrive()

    @property
    def here(self) -> bool:
        """The caller is on the line."""
        calls = self.world.floor.calls.values()
        return any(c.channel == "c1" and c.phase is not Phase.ENDED for c in calls)

    @rule(digits=st.sampled_from(["1", "2", "3", "4", "5", "6", "7", "9", "#", "123", "02011980", "1123#"]))
    def keys(self, digits):
        for digit in digits:
            if self.here:
                self.world.press(digit)

    @rule()
    def prompt_ends(self):
        if self.here and (playback := self.world.call().playback):
            self.world.see(PlaybackEnded(channel="c1", playback=playback, ok=True, at=self.world.now))

    @rule(exit_=st.sampled_from(["next", "not_found", "timeout", "failed", "verified", "nonsense"]), data=st.data())
    def answer(self, exit_, data):
        if self.asks:
            ask = data.draw(st.sampled_from(self.asks))
            values = {"status": data.draw(st.sampled_from(["Ana", SAID_OUTSIDE]))}
            self.world.take(self.world.floor.answered(ask, Answer(exit=exit_, values=values), self.world.now))

    @rule(seconds=st.sampled_from([1, 4, 9, 31]))
    def time_passes(self, seconds):
        self.world.later(seconds)

    @rule(cause=st.sampled_from(list(HangupCause)), data=st.data())
    def outside_ends(self, cause, data):
        if self.legs:
            leg = data.draw(st.sampled_from(sorted(self.legs)))
            self.legs.discard(leg)
            self.world.see(LegEnded(channel=leg, cause=cause, at=self.world.now))

    @rule(data=st.data())
    def outside_answers(self, data):
        if self.legs:
            self.world.see(LegAnswered(channel=data.draw(st.sampled_from(sorted(self.legs))), at=self.world.now))

    @rule(status=st.sampled_from(["available", "away"]))
    def agent(self, status):
        if self.world.floor.agents[ANA].call_id is None:
            self.world.order(ANA, "agent.status", status=status, reason="break")

    @rule()
    def killed(self):
        """Another call control folds the events, and looks at the switch."""
        for call in list(self.world.floor.calls.values()):
            if call.phase is not Phase.ENDED:
                folded = fold([e for e in self.world.events if e.call_id == call.id], 1)
                self.world.floor.calls[call.id] = folded
        there = {"c1", *self.legs} if self.here else set(self.legs)
        seen = {
            c: ChannelSeen(channel=c, ours=True, up=c == "c1", inbound=c == "c1", dialled=NUMBER, caller=None,
                           created=NOON)
            for c in there
        }  # fmt: skip
        online = frozenset(self.world.floor.roster.online)
        self.world.take(
            reconcile(self.world.floor, SwitchSnapshot(channels=seen, endpoints_online=online), self.world.now)
        )

    @rule()
    def emergency_key(self):
        if self.here:
            before = self.world.call()
            self.world.press("*")
            call = self.world.floor.calls[before.id]
            assert call.emergency or call.outside, f"nothing was raised in {before.phase}"
            assert call.phase is not Phase.ENDED
            if call.emergency:
                assert call.priority == FIRST_OF_ALL

    @invariant()
    def nobody_is_stuck(self):
        if self.here:
            call = self.world.call()
            if call.phase in (Phase.FLOW, Phase.VOICEMAIL):
                assert call.playback or deadline(call), f"nothing will ever happen at {call.cursor}"
            elif call.phase is Phase.TALKING:
                assert call.handling or call.outside

    @invariant()
    def an_emergency_is_raised_once(self):
        kinds = self.world.kinds()
        assert kinds.count("emergency_raised") <= 1

    @invariant()
    def nothing_secret_is_written(self):
        written = encoded([dict(e.body) for e in self.world.events]).decode()
        assert SAID_OUTSIDE not in written
        assert "1980-02-01" not in written
        for event in self.world.events:
            if event.kind is Kind.FLOW_MOVED:
                assert not {"member", "status"} & set(event.body.get("variables", {}))
                assert not event.body.get("digits"), "every digit of this flow is secret"

    @invariant()
    def what_is_remembered_is_what_was_written(self):
        for call in self.world.floor.calls.values():
            folded = fold([e for e in self.world.events if e.call_id == call.id], 1)
            mine = call.cursor.public() if call.cursor else None
            assert (folded.phase, folded.ask, folded.consent, folded.place_at, folded.cursor) == (
                call.phase, call.ask, call.consent, call.place_at, mine,
            )  # fmt: skip


TestJourneyMachine = JourneyMachine.TestCase
TestJourneyMachine.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
