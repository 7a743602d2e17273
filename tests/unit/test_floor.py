"""The floor on virtual time: a call from ring to record, and every way it can go wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from careline.calls.fold import fold
from careline.calls.model import Kind, Phase
from careline.calls.order_model import PhoneOffline, WrapUpFirst
from careline.calls.ports import ChannelSeen, SwitchSnapshot
from careline.calls.reconcile import arrival, lost_switch, reconcile, strays
from careline.calls.switch_commands import Answer, Bridge, Hangup, Park, Play, Ring, StartRecording
from careline.calls.switch_events import Arrived, EndpointChanged, HangupCause, LegAnswered, LegEnded, Talking
from careline.calls.talk import WrongMoment
from careline.kernel.errors import CarelineError, Forbidden
from careline.queues.model import AgentStatus
from careline.testing.world import ANA, BEN, NOON, NUMBER, ORPHAN, OTHER, World

pytestmark = pytest.mark.unit


def test_the_greeting_begins_with_the_emergency_notice():
    world = World()
    world.arrive()
    assert isinstance(world.commands[0], Answer)
    assert world.did(Play)[0].media[0] == "/en/greeting.emergency-notice"


def test_a_call_goes_from_ring_to_record():
    world = World()
    world.sign_on(ANA)
    world.arrive()
    world.heard()
    assert world.did(Play)[0].media == ("/en/language.choose",)
    world.press("2")
    assert world.call().language == "es"
    assert world.did(Play)[0].media[0] == "/es/menu.intro"
    world.press("1")
    call = world.call()
    assert call.reason == "appointments"
    assert [type(c) for c in world.commands if isinstance(c, Park | Ring)] == [Park, Ring]
    ring = world.did(Ring)[0]
    assert ring.endpoint == "s-Ana"
    assert world.status(ANA) is AgentStatus.OFFERED
    world.see(LegAnswered(channel=ring.channel, at=world.now))
    assert world.did(Bridge) == [Bridge(bridge=call.bridge, channels=("c1", ring.channel))]
    assert len(world.did(StartRecording)) == 1
    assert world.status(ANA) is AgentStatus.TALKING
    world.see(LegEnded(channel="c1", cause=HangupCause.NORMAL, at=world.now))
    assert Hangup(channel=ring.channel) in world.commands
    assert world.status(ANA) is AgentStatus.WRAP_UP
    world.order(ANA, "call.wrap_up", call_id=call.id, code="scheduled")
    assert world.status(ANA) is AgentStatus.AVAILABLE
    assert world.gone()
    assert world.kinds()[-5:] == ["connected", "recording_started", "agent_left", "ended", "wrapped_up"]


def test_the_state_is_the_fold_of_its_events():
    world = World()
    call = world.talking()
    world.order(ANA, "call.hold", call_id=call.id)
    live = world.call()
    assert fold(world.events, 1) == live


@pytest.mark.parametrize("stage", ["greeting", "language", "menu", "queue", "offered", "talking", "held", "voicemail"])
def test_a_hang_up_at_every_step_has_a_defined_end(stage):
    world = World()
    if stage not in ("queue", "voicemail"):
        world.sign_on(ANA)
    world.arrive()
    if stage != "greeting":
        world.heard()
    if stage not in ("greeting", "language"):
        world.press("1")
    if stage not in ("greeting", "language", "menu"):
        world.press("1")
    if stage in ("talking", "held"):
        world.see(LegAnswered(channel=world.call().offer.leg, at=world.now))
    if stage == "held":
        world.order(ANA, "call.hold", call_id=world.call().id)
    if stage == "voicemail":
        world.press("1")
        world.heard()
    world.see(LegEnded(channel="c1", cause=HangupCause.NORMAL, at=world.now))
    ended = next(e for e in world.events if e.kind is Kind.ENDED)
    expected = {
        "greeting": "left-menu",
        "language": "left-menu",
        "menu": "left-menu",
        "queue": "abandoned",
        "offered": "abandoned",
        "talking": "handled",
        "held": "handled",
        "voicemail": "voicemail",
    }
    assert ended.body["outcome"] == expected[stage]
    assert ended.body["by"] == "caller"
    if stage == "offered":
        assert world.did(Hangup), "the agent's telephone stops ringing at once"
        assert world.status(ANA) is AgentStatus.AVAILABLE, "the agent is not blamed"
        assert world.floor.agents[ANA].misses == 0
    if stage in ("talking", "held"):
        assert world.status(ANA) is AgentStatus.WRAP_UP


def test_no_answer_makes_the_agent_not_responding_and_the_caller_goes_to_the_next():
    world = World()
    world.sign_on(ANA, BEN)
    call = world.into_queue()
    assert call.offer.agent_id == ANA
    place = call.place_at
    world.later(25)
    call = world.call()
    assert world.status(ANA) is AgentStatus.NOT_RESPONDING
    assert call.offer.agent_id == BEN
    assert call.place_at == place


def test_r6_missed_declined_failed_and_unreachable_are_distinct():
    seen = {}
    for cause in (HangupCause.NO_ANSWER, HangupCause.REJECTED, HangupCause.FAILURE, HangupCause.UNREACHABLE):
        world = World()
        world.sign_on(ANA)
        call = world.into_queue()
        world.see(LegEnded(channel=call.offer.leg, cause=cause, at=world.now))
        agent = world.floor.agents[ANA]
        ended = next(e for e in world.events if e.kind is Kind.OFFER_ENDED)
        seen[cause] = (agent.status, agent.reason, ended.body["reason"])
        assert world.call().phase is Phase.WAITING, "the caller is kept"
        assert agent.status is not AgentStatus.AVAILABLE, "a failed dial does not make the agent available"
    assert len(set(seen.values())) == 4
    assert seen[HangupCause.NO_ANSWER][0] is AgentStatus.NOT_RESPONDING
    assert seen[HangupCause.REJECTED][1] == "declined"


def test_silence_and_wrong_keys_end_at_a_person():
    world = World()
    world.arrive()
    world.heard()
    for _ in range(12):
        call = world.call()
        if call.phase is Phase.WAITING:
            break
        if call.listen_until:
            world.later(6)
        else:
            world.heard()
    assert world.call().phase is Phase.WAITING
    world = World()
    world.arrive()
    world.heard()
    for _ in range(12):
        if world.call().phase is Phase.WAITING:
            break
        world.press("8")
    assert world.call().phase is Phase.WAITING


def test_keys_during_the_emergency_notice_do_not_cut_it():
    world = World()
    world.arrive()
    world.press("1")
    assert world.commands == []
    assert world.call().cursor.node == "greeting"


def test_the_caller_hears_place_and_wait_and_the_figure_never_grows():
    world = World()
    world.talking()
    world.into_queue("c3")
    world.into_queue("c2")
    world.later(5)
    plays = [c for c in world.did(Play) if c.channel == "c2"]
    assert plays[0].media[0] == "/en/queue.position.2"
    told = []
    for _ in range(8):
        if world.call("c2").playback:
            world.heard("c2")
        world.later(45)
        told += [
            e.body["minutes"] for e in world.events if e.kind is Kind.ANNOUNCED and e.call_id == world.call("c2").id
        ]
    assert all(m is not None for m in told)
    assert told == sorted(told, reverse=True)


def test_a_waiting_caller_can_leave_a_message_instead():
    world = World()
    world.into_queue()
    world.press("1")
    assert world.call().phase is Phase.VOICEMAIL
    world.heard()
    assert len(world.did(StartRecording)) == 1
    world.see(Talking(channel="c1", on=False, at=world.now))
    world.later(9)
    ended = next(e for e in world.events if e.kind is Kind.VOICEMAIL_ENDED)
    assert ended.body["why"] == "silence"
    world.heard()
    assert Hangup(channel="c1") in world.commands
    assert next(e for e in world.events if e.kind is Kind.ENDED).body["outcome"] == "voicemail"


@pytest.mark.parametrize(("door", "prompt"), [("closed", "closed.hours"), ("closure", "closed.closure")])
def test_closed_and_closure_lead_to_a_voicemail(door, prompt):
    world = World(door=door)
    world.arrive()
    assert f"/en/{prompt}" in world.did(Play)[0].media
    world.heard()
    assert world.call().phase is Phase.VOICEMAIL


def test_an_unknown_number_is_refused_as_unallocated():
    world = World()
    world.see(Arrived(channel="x", dialled="+15555550199", caller=None, caller_name=None, source="trunk", at=NOON))
    assert world.commands == [Hangup(channel="x", cause=HangupCause.UNALLOCATED)]
    assert world.floor.calls == {}


def test_r1_a_refreshed_page_gets_its_audio_back_by_itself():
    world = World()
    call = world.talking()
    old = call.handling.leg
    world.see(EndpointChanged(endpoint="s-Ana", online=False, at=world.now))
    assert world.call().handling.lost_at is not None
    world.now += timedelta(seconds=1)
    world.order(ANA, "agent.phone", endpoint="s-Ana2")
    world.see(EndpointChanged(endpoint="s-Ana2", online=True, at=world.now))
    ring = world.did(Ring)[0]
    assert ring.auto_answer
    assert ring.endpoint == "s-Ana2"
    world.see(LegAnswered(channel=ring.channel, at=world.now))
    call = world.call()
    assert call.handling.leg == ring.channel
    assert call.handling.lost_at is None
    assert Hangup(channel=old) in world.commands
    assert Bridge(bridge=call.bridge, channels=("c1", ring.channel)) in world.commands
    world.see(LegEnded(channel=old, cause=HangupCause.NORMAL, at=world.now))
    assert world.call().phase is Phase.TALKING


def test_r1_a_short_loss_of_network_keeps_the_same_leg():
    world = World()
    leg = world.talking().handling.leg
    world.see(EndpointChanged(endpoint="s-Ana", online=False, at=world.now))
    world.later(2)
    assert world.commands == []
    world.see(EndpointChanged(endpoint="s-Ana", online=True, at=world.now))
    assert world.did(Ring) == []
    assert world.call().handling.leg == leg


def test_a_browser_that_dies_puts_the_caller_at_the_head_of_the_queue():
    world = World()
    world.talking()
    world.into_queue("c2")
    world.see(EndpointChanged(endpoint="s-Ana", online=False, at=world.now))
    world.later(5)
    assert world.call().held, "the caller hears music, not nothing"
    world.later(30)
    assert world.call().phase is Phase.WAITING
    assert world.status(ANA) is AgentStatus.OFFLINE
    world.sign_on(BEN)
    assert world.call("c1").offer is not None, "before the caller who was already waiting"
    assert world.call("c2").offer is None


def test_o22_an_unregistered_phone_sets_the_agent_not_ready():
    world = World()
    world.sign_on(ANA)
    world.see(EndpointChanged(endpoint="s-Ana", online=False, at=world.now))
    assert world.status(ANA) is AgentStatus.AWAY
    with pytest.raises(PhoneOffline):
        world.order(ANA, "agent.status", status="available")


def test_hold_mute_digits_and_the_agents_hang_up():
    world = World()
    call = world.talking()
    world.order(ANA, "call.hold", call_id=call.id)
    assert world.did(Park)
    world.order(ANA, "call.hold", call_id=call.id)
    assert world.commands == [], "a second click does nothing"
    world.order(ANA, "call.resume", call_id=call.id)
    assert world.did(Bridge)
    world.order(ANA, "call.mute", call_id=call.id)
    world.order(ANA, "call.digits", call_id=call.id, digits="12#")
    assert all("12#" not in str(e.body) for e in world.events), "digits may be a card number: never stored"
    world.order(ANA, "call.hang_up", call_id=call.id)
    assert Hangup(channel="c1") in world.commands
    assert world.status(ANA) is AgentStatus.WRAP_UP
    assert next(e for e in world.events if e.kind is Kind.ENDED).body["by"] == "agent"


def test_only_the_handling_agent_commands_a_call():
    world = World()
    call = world.talking()
    world.sign_on(BEN)
    for kind in ("call.hold", "call.hang_up", "call.mute", "call.transfer_cancel"):
        with pytest.raises(Forbidden):
            world.order(BEN, kind, call_id=call.id)
    with pytest.raises(Forbidden):
        world.order(BEN, "call.end", call_id=call.id)
    world.order(BEN, "call.emergency", call_id=call.id)
    assert world.call().emergency


def test_a_blind_transfer_keeps_the_first_agent_until_the_second_accepts():
    world = World()
    call = world.talking()
    world.sign_on(BEN)
    world.order(ANA, "call.transfer", call_id=call.id, mode="blind", to={"kind": "agent", "id": str(BEN)})
    ring = world.did(Ring)[0]
    assert world.status(ANA) is AgentStatus.TALKING
    assert world.status(BEN) is AgentStatus.OFFERED
    world.see(LegAnswered(channel=ring.channel, at=world.now))
    call = world.call()
    assert call.handling.agent_id == BEN
    assert world.status(ANA) is AgentStatus.WRAP_UP
    assert world.status(BEN) is AgentStatus.TALKING
    assert not call.held


def test_a_failed_transfer_gives_the_caller_back():
    world = World()
    call = world.talking()
    world.order(ANA, "call.transfer", call_id=call.id, mode="blind", to={"kind": "number", "number": "+15555550177"})
    ring = world.did(Ring)[0]
    assert ring.endpoint == "tel:+15555550177"
    world.see(LegEnded(channel=ring.channel, cause=HangupCause.BUSY, at=world.now))
    call = world.call()
    assert call.transfer is None
    assert not call.held
    assert world.did(Bridge)
    assert world.status(ANA) is AgentStatus.TALKING


def test_a_consultation_is_completed_or_cancelled():
    for complete in (True, False):
        world = World()
        call = world.talking()
        world.sign_on(BEN)
        world.order(ANA, "call.transfer", call_id=call.id, mode="consult", to={"kind": "agent", "id": str(BEN)})
        leg = world.did(Ring)[0].channel
        with pytest.raises(WrongMoment):
            world.order(ANA, "call.transfer_complete", call_id=call.id)
        world.see(LegAnswered(channel=leg, at=world.now))
        assert world.status(BEN) is AgentStatus.TALKING
        assert world.call().handling.agent_id == ANA
        if complete:
            world.order(ANA, "call.transfer_complete", call_id=call.id)
            assert world.call().handling.agent_id == BEN
        else:
            world.order(ANA, "call.transfer_cancel", call_id=call.id)
            assert Hangup(channel=leg) in world.commands
            assert world.call().handling.agent_id == ANA
            assert world.status(BEN) is AgentStatus.AVAILABLE
        assert not world.call().held


def test_a_transfer_to_a_queue_and_to_an_outside_number():
    world = World()
    call = world.talking()
    world.order(ANA, "call.transfer", call_id=call.id, to={"kind": "queue", "id": str(OTHER)})
    assert world.call().queue_id == OTHER
    assert world.call().place_at == world.call().arrived_at
    world = World()
    call = world.talking()
    world.order(ANA, "call.transfer", call_id=call.id, to={"kind": "number", "number": "+15555550177"})
    leg = world.did(Ring)[0].channel
    world.see(LegAnswered(channel=leg, at=world.now))
    assert world.status(ANA) is AgentStatus.WRAP_UP
    assert world.call().outside.leg == leg
    world.see(LegEnded(channel=leg, cause=HangupCause.NORMAL, at=world.now))
    ended = next(e for e in world.events if e.kind is Kind.ENDED)
    assert ended.body["outcome"] == "transferred"


def test_wishes_while_busy_are_kept_and_the_latest_counts():
    world = World()
    call = world.talking()
    world.order(ANA, "agent.status", status="away", reason="lunch")
    world.order(ANA, "agent.status", status="offline")
    assert world.status(ANA) is AgentStatus.TALKING
    world.order(ANA, "call.hang_up", call_id=call.id)
    with pytest.raises(WrapUpFirst):
        world.order(ANA, "agent.status", status="available")
    world.later(61)
    assert world.status(ANA) is AgentStatus.OFFLINE


def test_more_time_for_the_notes():
    world = World()
    call = world.talking()
    world.order(ANA, "call.hang_up", call_id=call.id)
    world.order(ANA, "agent.more_time")
    world.later(61)
    assert world.status(ANA) is AgentStatus.WRAP_UP
    world.later(61)
    assert world.status(ANA) is AgentStatus.AVAILABLE


def test_an_answer_after_the_caller_left_is_hung_up():
    world = World()
    world.sign_on(ANA)
    leg = world.into_queue().offer.leg
    world.see(LegEnded(channel="c1", cause=HangupCause.NORMAL, at=world.now))
    world.see(LegAnswered(channel=leg, at=world.now))
    assert world.commands == [Hangup(channel=leg)]


def test_a_refused_order_changes_nothing():
    world = World()
    call = world.talking()
    before = (dict(world.floor.calls), dict(world.floor.agents))
    for kind, body in [
        ("call.transfer", {"mode": "sideways", "to": {}}),
        ("call.transfer", {"to": {"kind": "number", "number": "911"}}),
        ("call.digits", {"digits": "12x"}),
        ("call.transfer_cancel", {}),
        ("call.dance", {}),
    ]:
        with pytest.raises(CarelineError):
            world.order(ANA, kind, call_id=call.id, **body)
    assert (dict(world.floor.calls), dict(world.floor.agents)) == before


def _seen(channel: str, *, up: bool = True, inbound: bool = False) -> ChannelSeen:
    return ChannelSeen(channel=channel, ours=True, up=up, inbound=inbound, dialled=NUMBER, caller=None, created=NOON)


def test_after_an_outage_places_are_kept_and_missed_hang_ups_recorded():
    world = World()
    call = world.talking()
    world.into_queue("c2")
    world.into_queue("c3")
    place = world.call("c3").place_at
    seen = SwitchSnapshot(
        channels={c: _seen(c, inbound=c.startswith("c")) for c in ("c1", "c3", call.handling.leg, ORPHAN)},
        bridges={call.bridge: ("c1", call.handling.leg)},
        endpoints_online=frozenset({"s-Ana"}),
    )
    world.take(reconcile(world.floor, seen, world.now))
    assert world.gone("c2"), "hung up meanwhile"
    assert world.call("c3").place_at == place
    assert world.call("c1").phase is Phase.TALKING
    assert Hangup(channel=ORPHAN) in world.commands, "an orphaned leg is swept"
    assert Park(channel="c3") in world.commands


def test_a_call_that_came_while_nobody_listened_is_taken():
    world = World()
    seen = SwitchSnapshot(channels={"n1": _seen("n1", inbound=True)})
    world.take(reconcile(world.floor, seen, world.now))
    assert not world.gone("n1")


def test_a_caller_whom_no_event_announced_is_found_and_a_known_one_is_not():
    world = World()
    world.arrive("c1")
    seen = SwitchSnapshot(
        channels={"c1": _seen("c1", inbound=True), "n1": _seen("n1", inbound=True), "a.x": _seen("a.x")}
    )
    assert strays(world.floor, seen) == {"n1"}
    world.see(arrival(seen, "n1", world.now))
    assert not world.gone("n1")
    assert strays(world.floor, seen) == frozenset()


def test_a_restarted_switch_closes_its_calls_as_failed():
    world = World()
    world.talking()
    world.into_queue("c2")
    world.take(lost_switch(world.floor, world.now))
    ended = [e for e in world.events if e.kind is Kind.ENDED]
    assert [e.body["outcome"] for e in ended] == ["failed", "failed"]
    assert world.commands == []
    assert world.status(ANA) is AgentStatus.WRAP_UP
