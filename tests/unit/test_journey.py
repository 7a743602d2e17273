"""Every kind of node in a live call: what the floor does, what is written down, and that nobody gets stuck."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from careline.calls.asks import Answer, Ask
from careline.calls.fold import fold
from careline.calls.model import Phase
from careline.calls.ports import ChannelSeen, SwitchSnapshot
from careline.calls.reconcile import reconcile
from careline.calls.switch_commands import Bridge, Hangup, Park, Play, Ring, StartRecording, StopPlay
from careline.calls.switch_events import HangupCause, LegAnswered, LegEnded
from careline.flows.model import Flow
from careline.flows.reading import read
from careline.flows.text import load
from careline.queues.rules import Overflow, Rules, Target
from careline.testing.world import ANA, NOON, NUMBER, OTHER, QUEUE, World

pytestmark = pytest.mark.unit

ENDS = """
  queue: {kind: queue, queue: QUEUE, exits: {leave: message}}
  message: {kind: voicemail}
  bye: {kind: end, outcome: closed}
"""


def flowing(nodes: str, *, variables: str = "{}", start: str = "first") -> World:
    """A world whose line has this flow, with a queue, a voicemail and an end to lead to."""
    text = (nodes + ENDS).replace("QUEUE", str(QUEUE)).replace("OTHER", str(OTHER))
    head = f"careline: flow/1\nname: Test\nlanguages: [en, es]\nstart: {start}\nvariables: {variables}\nnodes:\n"
    world = World()
    line = world.floor.lines[NUMBER]
    world.floor.lines[NUMBER] = replace(line, flow=_sound(head + text))
    return world


def _sound(text: str) -> Flow:
    reading = read(load(text))
    assert reading.sound, reading.problems
    return reading.flow


def node(world: World) -> str:
    cursor = world.call().cursor
    assert cursor is not None
    return cursor.node


def asked(world: World, cause: Any) -> Ask:
    """What a cause has made the call ask."""
    out = cause()
    (ask,) = out.asks
    return ask


def written(world: World) -> str:
    """Everything that events hold, as text."""
    return json.dumps([dict(e.body) for e in world.events])


def survives(world: World) -> None:
    """Another call control folds the events and takes over."""
    call = world.call()
    folded = fold([e for e in world.events if e.call_id == call.id], 1)
    world.floor.calls[call.id] = folded
    seen = ChannelSeen(channel="c1", ours=True, up=True, inbound=True, dialled=NUMBER, caller=None, created=NOON)
    world.take(reconcile(world.floor, SwitchSnapshot(channels={"c1": seen}), world.now))


LOOKUP = """
  first: {kind: lookup, endpoint: ehr, method: fhir, path: Patient, query: {phone: "= caller.number"},
          into: {status: total}, seconds: 4, prompts: [lookup.wait], next: which,
          exits: {not_found: message, timeout: queue, failed: bye}}
  which: {kind: branch, cases: [{when: "status == 2", next: bye}], exits: {otherwise: message}}
"""


def arrive_asking(world: World) -> Ask:
    outs: list[Any] = []
    take = world.take
    world.take = lambda out: outs.append(out) or take(out)  # type: ignore[method-assign,func-returns-value]
    world.arrive()
    world.take = take  # type: ignore[method-assign]
    (ask,) = [a for out in outs for a in out.asks]
    return ask


def test_q1_a_look_up_is_asked_outside_and_its_values_lead_on():
    world = flowing(LOOKUP, variables="{status: {type: number}}")
    ask = arrive_asking(world)
    assert (ask.kind, ask.body["endpoint"], ask.body["query"]) == ("lookup", "ehr", {"phone": "+15555550123"})
    assert ask.until == world.now + timedelta(seconds=4)
    assert world.did(Play)[0].media == ("/en/lookup.wait",), "words are heard meanwhile"
    world.take(world.floor.answered(ask, Answer(exit="next", values={"status": 2}), world.now))
    assert world.did(StopPlay), "an early answer ends the words"
    assert world.call().ending == "closed"
    assert world.call().ask is None


@pytest.mark.parametrize(
    ("exit_", "phase"), [("not_found", Phase.VOICEMAIL), ("timeout", Phase.WAITING), ("failed", Phase.FLOW)]
)
def test_q1_every_exit_of_a_look_up_leads_somewhere(exit_, phase):
    world = flowing(LOOKUP, variables="{status: {type: number}}")
    ask = arrive_asking(world)
    world.take(world.floor.answered(ask, Answer(exit=exit_), world.now))
    assert world.call().phase is phase


def test_q1_a_lost_answer_costs_its_seconds_and_no_more():
    world = flowing(LOOKUP, variables="{status: {type: number}}")
    ask = arrive_asking(world)
    world.heard()
    world.later(3.9)
    assert world.call().ask is not None
    world.later(0.2)
    assert world.call().phase is Phase.WAITING
    late = world.floor.answered(ask, Answer(exit="next", values={"status": 2}), world.now)
    assert not late.log, "a late answer changes nothing"


def test_a_look_up_under_way_is_asked_again_after_a_kill():
    world = flowing(LOOKUP, variables="{status: {type: number}}")
    ask = arrive_asking(world)
    world.now += timedelta(seconds=1)
    outs: list[Any] = []
    take = world.take
    world.take = lambda out: outs.append(out) or take(out)  # type: ignore[method-assign,func-returns-value]
    survives(world)
    (again,) = [a for out in outs for a in out.asks]
    assert again.id != ask.id
    assert again.body == ask.body
    assert not world.floor.answered(ask, Answer(exit="failed"), world.now).log, "the first one's answer is void"
    world.take = take  # type: ignore[method-assign]
    world.later(5)
    assert world.call().phase is Phase.WAITING, "and when nobody answers that either, the call goes on"


COLLECT = """
  first: {kind: collect, prompts: [verify.member-id], variable: member, least: 4, most: 6, tries: 2, seconds: 5,
          between: 3, next: which, exits: {no_input: queue, no_match: message}}
  which: {kind: branch, cases: [{when: 'member == "123456"', next: bye}], exits: {otherwise: message}}
"""


def test_what_another_system_said_is_in_no_event_and_is_asked_again_after_a_kill():
    nodes = (
        LOOKUP.replace("next: bye}]", "next: menu}]")
        + """
  menu: {kind: menu, prompts: [menu.intro], options: {"1": bye}, exits: {no_input: queue, no_match: queue}}
"""
    )
    world = flowing(nodes.replace("status == 2", "status == 'Ana'"), variables="{status: {type: text}}")
    ask = arrive_asking(world)
    world.take(world.floor.answered(ask, Answer(exit="next", values={"status": "Ana"}), world.now))
    assert node(world) == "menu"
    assert "Ana" not in written(world)
    survives(world)
    assert world.call().ask is not None
    assert node(world) == "first"


@pytest.mark.parametrize("kept", ["secret", "shown", None])
def test_q1_digits_are_collected_and_written_only_where_the_agent_is_to_see_them(kept):
    world = flowing(COLLECT, variables=f"{{member: {{type: digits{f', {kept}: true' if kept else ''}}}}}")
    world.arrive()
    for digit in "123456":
        world.press(digit)
    assert world.call().ending == "closed"
    assert ("123456" in written(world)) is (kept == "shown")
    assert ("12345" in written(world)) is (kept == "shown")


MADE_OF_IT = """
  first: {kind: collect, prompts: [menu.intro], variable: pin, least: 4, most: 4, next: copy,
          exits: {no_input: queue, no_match: queue}}
  copy: {kind: set, values: {half: "= last(pin, 3)", list: ["= half"], sum: "= 1 + 1"}, next: again}
  again: {kind: menu, prompts: [menu.intro], options: {1: bye}, exits: {no_input: queue, no_match: queue}}
"""


def test_q1_what_is_made_of_a_secret_is_as_secret():
    world = flowing(MADE_OF_IT, variables="{pin: {secret: true}, half: {}, list: {}, sum: {}}")
    world.arrive()
    for digit in "4711":
        world.press(digit)
    cursor = world.call().cursor
    assert (cursor.variables["half"], cursor.variables["list"], cursor.variables["sum"]) == ("711", ["711"], 2)
    assert "711" not in written(world)
    assert cursor.hidden == {"pin": "first", "half": "first", "list": "first"}
    survives(world)
    assert node(world) == "first", "what was lost is asked again"


def test_q1_collecting_ends_by_terminator_by_pause_and_by_tries():
    world = flowing(COLLECT, variables="{member: {type: digits}}")
    world.arrive()
    for digit in "1234#":
        world.press(digit)
    assert world.call().phase is Phase.VOICEMAIL
    world = flowing(COLLECT, variables="{member: {type: digits}}")
    world.arrive()
    for digit in "1234":
        world.press(digit)
    world.later(3.1)
    assert world.call().phase is Phase.VOICEMAIL, "the pause between digits ends it"
    world = flowing(COLLECT, variables="{member: {type: digits}}")
    world.arrive()
    world.heard()
    world.later(5.1)
    world.heard()
    world.later(5.1)
    assert world.call().phase is Phase.WAITING, "silence twice: the exit for it"


AHEAD = """
  first: {kind: say, prompts: [greeting.emergency-notice], next: menu}
  menu: {kind: menu, prompts: [menu.intro], options: {"1": {next: member}, "2": bye},
         exits: {no_input: queue, no_match: queue}}
  member: {kind: collect, prompts: [verify.member-id], variable: member, least: 3, most: 3, next: message,
           exits: {no_input: queue, no_match: queue}}
"""


def test_q1_keys_typed_ahead_count_at_the_next_questions():
    world = flowing(AHEAD, variables="{member: {type: digits, secret: true}}")
    world.arrive()
    for digit in "1987":
        world.press(digit)
    assert node(world) == "first", "the notice is heard to its end"
    assert not world.did(StopPlay)
    world.heard()
    assert world.call().phase is Phase.VOICEMAIL
    assert "987" not in written(world)
    assert [p.media for p in world.did(Play)] == [("/en/voicemail.instructions", "/en/beep")], "no question was spoken"


def test_q1_keys_that_mean_nothing_ahead_are_forgotten():
    world = flowing(AHEAD, variables="{member: {type: digits, secret: true}}")
    world.arrive()
    world.press("7")
    world.press("1")
    world.heard()
    assert node(world) == "menu"
    assert world.did(Play)[0].media == ("/en/menu.intro",)


CONSENT = """
  first: {kind: consent, prompts: [consent.ask], exits: {accepted: queue, refused: queue, no_input: queue}}
"""


@pytest.mark.parametrize(("digit", "recorded"), [("1", True), ("2", False)])
def test_q1_consent_decides_about_every_later_recording(digit, recorded):
    world = flowing(CONSENT)
    world.sign_on(ANA)
    world.arrive()
    world.press(digit)
    assert world.call().consent is recorded
    world.see(LegAnswered(channel=world.call().offer.leg, at=world.now))
    assert bool(world.did(StartRecording)) is recorded
    world.order(ANA, "call.transfer", call_id=str(world.call().id), to={"kind": "queue", "id": str(OTHER)})
    world.order(ANA, "call.wrap_up", call_id=str(world.call().id), code="scheduled")
    if world.call().offer is None:
        world.order(ANA, "agent.status", status="available")
    world.see(LegAnswered(channel=world.call().offer.leg, at=world.now))
    assert bool(world.call().recording) is recorded


VERIFY = """
  first: {kind: verify, factors: [{name: date_of_birth, prompts: [verify.birth-date]},
          {name: postal_code, least: 5, most: 5, prompts: [verify.postal-code]}], wait: 5,
          exits: {verified: bye, failed: queue, no_input: queue, timeout: message}}
"""


def test_q1_verification_is_asked_outside_and_leaves_no_digit_in_events():
    world = flowing(VERIFY)
    world.arrive()
    for digit in "020119806060":
        world.press(digit)
    asks: list[Ask] = []
    take = world.take
    world.take = lambda out: asks.extend(out.asks) or take(out)  # type: ignore[method-assign,func-returns-value]
    world.press("1")
    (ask,) = asks
    assert ask.kind == "verify"
    assert dict(ask.body["factors"]) == {"date_of_birth": "1980-02-01", "postal_code": "60601"}
    assert "1980" not in repr(ask), "not in a log either, by accident"
    world.take(world.floor.answered(ask, Answer(exit="verified"), world.now))
    assert world.call().ending == "closed"
    assert "1980" not in written(world)
    assert "60601" not in written(world)


def test_a_verification_under_way_begins_anew_after_a_kill():
    world = flowing(VERIFY)
    world.arrive()
    for digit in "0201198060":
        world.press(digit)
    survives(world)
    assert node(world) == "first"
    assert world.did(Play)[0].media == ("/en/verify.birth-date",), "what was typed is gone: it was in memory only"


TRANSFER = """
  first: {kind: transfer, number: "+15555550199", seconds: 20, prompts: [transfer.please-wait],
          exits: {busy: message, no_answer: queue, failed: bye}}
"""


def ringing_outside(world: World) -> str:
    world.arrive()
    world.heard()
    (ring,) = world.did(Ring)
    assert ring.endpoint == "tel:+15555550199"
    assert world.did(Park)
    return ring.channel


def test_q1_a_transfer_that_is_answered_leaves_the_flow():
    world = flowing(TRANSFER)
    leg = ringing_outside(world)
    world.see(LegAnswered(channel=leg, at=world.now))
    assert world.call().phase is Phase.TALKING
    assert world.did(Bridge)[0].channels == ("c1", leg)
    world.press("*")
    assert not world.call().emergency, "the key belongs to the other side's own menu"
    world.see(LegEnded(channel=leg, cause=HangupCause.NORMAL, at=world.now))
    assert world.gone()
    assert world.events[-1].body["outcome"] == "transferred"


@pytest.mark.parametrize(
    ("cause", "phase"),
    [
        (HangupCause.BUSY, Phase.VOICEMAIL),
        (HangupCause.NO_ANSWER, Phase.WAITING),
        (HangupCause.UNALLOCATED, Phase.FLOW),
    ],
)
def test_q1_a_transfer_that_fails_comes_back_by_its_exit(cause, phase):
    world = flowing(TRANSFER)
    leg = ringing_outside(world)
    world.see(LegEnded(channel=leg, cause=cause, at=world.now))
    assert world.call().phase is phase
    assert world.call().transfer is None


def test_q1_a_transfer_nobody_answers_ends_by_itself():
    world = flowing(TRANSFER)
    leg = ringing_outside(world)
    world.later(20.1)
    assert Hangup(channel=leg) in world.commands
    assert world.call().phase is Phase.WAITING


def test_v5_the_key_while_an_outside_number_rings():
    world = flowing(TRANSFER)
    world.sign_on(ANA)
    world.order(ANA, "agent.status", status="available")
    leg = ringing_outside(world)
    world.press("*")
    assert Hangup(channel=leg) in world.commands
    assert world.call().phase is Phase.WAITING
    assert world.call().emergency_how == "key"
    assert world.did(Play)[0].media[0] == "/en/greeting.emergency-notice"


@pytest.mark.parametrize("nodes", [LOOKUP, COLLECT, VERIFY, CONSENT])
def test_v5_the_key_at_every_kind_of_question(nodes):
    variables = "{status: {type: number}, member: {type: digits}}"
    world = flowing(nodes, variables=variables)
    world.sign_on(ANA)
    world.arrive()
    world.press("*")
    assert world.call().emergency_how == "key"
    assert world.call().phase is Phase.WAITING
    assert world.call().ask is None
    assert world.did(Play)[0].media[0] == "/en/greeting.emergency-notice"
    world.press("*")
    assert [e.kind.value for e in world.events].count("emergency_raised") == 1


SUBFLOW = """
  first: {kind: hours, exits: {open: set, closed: message, closure: message}}
  set: {kind: set, values: {topic: billing, count: "= count + 1"}, next: table}
  table: {kind: table, table: insurers, key: topic, into: {accepted: accepted}, next: which,
          exits: {not_found: message}}
  which: {kind: branch, cases: [{when: "accepted and count == 1", next: queue}], exits: {otherwise: bye}}
"""


def test_q1_hours_values_tables_and_branches_are_passed_at_once():
    world = flowing(
        SUBFLOW, variables="{topic: {type: text, shown: true}, count: {type: number, default: 0}, accepted: {}}"
    )
    line = world.floor.lines[NUMBER]
    rows = {("insurers", "billing"): {"accepted": True}}
    world.floor.lines[NUMBER] = replace(line, table=lambda name, key, _at: rows.get((name, key)))
    world.arrive()
    assert world.call().phase is Phase.WAITING
    assert world.call().noted == {"topic": "billing"}, "what is marked so is shown to the agent"


def test_a_flow_that_was_changed_beneath_a_call_leads_to_a_person():
    world = flowing(AHEAD, variables="{member: {type: digits}}")
    world.arrive()
    call = world.call()
    line = world.floor.pinned[call.id]
    broken = replace(line.flow, nodes={"queue": line.flow.nodes["queue"]})
    world.floor.pinned[call.id] = replace(line, flow=broken)
    world.heard()
    assert world.call().phase is Phase.WAITING
    assert "flow_failed" in world.kinds()


CALLBACK = """
  first: {kind: queue, queue: QUEUE, exits: {leave: message, callback: ask, overflow: bye}}
  ask: {kind: callback, queue: QUEUE, exits: {accepted: bye, declined: queue, failed: message}}
"""


def test_q1_a_waiting_caller_takes_the_flows_way_to_a_callback_with_the_place_kept():
    world = flowing(CALLBACK)
    place = world.arrive().place_at
    world.now += timedelta(seconds=30)
    world.press("2")
    assert node(world) == "ask"
    assert world.call().arranging is not None
    world.press("1")
    assert world.call().phase is Phase.CALLBACK
    assert world.call().place_at == place


def test_q1_a_callback_that_is_not_arranged_goes_on_by_its_exit_with_the_place_kept():
    world = flowing(CALLBACK)
    place = world.arrive().place_at
    world.now += timedelta(seconds=30)
    world.press("2")
    for _ in range(3):
        world.heard()
        world.later(8)
    assert node(world) == "queue"
    assert (world.call().phase, world.call().place_at) == (Phase.WAITING, place)
    assert world.call().arranging is None


def test_q1_a_callback_for_a_queue_that_is_gone_fails_by_its_exit():
    world = flowing(CALLBACK.replace("first: {kind: queue", "other: {kind: queue").replace("ask:", "first:"))
    del world.floor.queues[QUEUE]
    world.arrive()
    assert world.call().phase is Phase.VOICEMAIL


def test_q1_a_queue_that_turns_callers_away_leaves_it_to_the_flow():
    world = flowing(CALLBACK)
    rules = Rules(overflow=(Overflow(measure="waiting", above=0, at="entry", target=Target(kind="voicemail")),))
    world.floor.queues[QUEUE] = replace(world.floor.queues[QUEUE], rules=rules)
    world.arrive()
    world.arrive("c2")
    turned = [c for c in world.floor.calls.values() if c.ending]
    assert turned, "the flow's own goodbye, not the queue's voicemail"
    assert "diverted" in world.kinds()


@pytest.mark.parametrize("staffed", [True, False])
def test_v5_the_key_in_the_callback_dialogue_and_when_called_back(staffed):
    world = flowing(CALLBACK)
    if staffed:
        world.sign_on(ANA)
        world.arrive("c-other")
        world.see(LegAnswered(channel=world.call("c-other").offer.leg, at=world.now))
    world.arrive()
    world.press("2")
    world.press("*")
    call = world.call()
    assert (call.emergency_how, call.phase, call.arranging) == ("key", Phase.WAITING, None)
    assert world.did(Play)[0].media[0] == "/en/greeting.emergency-notice"
    world.heard()
    assert world.did(Park)


def test_v5_the_key_after_a_callback_was_arranged_and_before_hanging_up():
    world = flowing(CALLBACK)
    world.sign_on(ANA)
    world.arrive("c-other")
    world.see(LegAnswered(channel=world.call("c-other").offer.leg, at=world.now))
    world.arrive()
    world.press("2")
    world.press("1")
    assert world.call().phase is Phase.CALLBACK
    world.press("*")
    call = world.call()
    assert (call.emergency_how, call.phase) == ("key", Phase.WAITING)
    world.heard()
    world.later(120)
    assert world.call().phase is Phase.WAITING, "nothing of the callback ends the call any more"
