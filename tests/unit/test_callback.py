"""A callback on virtual time: the dialogue by keys, the turn of both modes, retries, merging, hours, outages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from careline.calls.callback_model import Stage
from careline.calls.calling_hours import dialable, rule_for, shipped, window, zones_of
from careline.calls.fold import fold
from careline.calls.model import Kind, Phase
from careline.calls.ports import ChannelSeen, SwitchSnapshot
from careline.calls.reconcile import lost_switch, reconcile
from careline.calls.switch_commands import Bridge, Hangup, Park, Play, Ring, StartRecording, StopRecording
from careline.calls.switch_events import Arrived, HangupCause, LegAnswered, LegEnded
from careline.calls.talk import WrongMoment
from careline.kernel.calendar import Calendar
from careline.kernel.errors import CarelineError, Forbidden
from careline.queues.model import AgentStatus
from careline.queues.rules import Announce, Callback, Rules
from careline.testing.world import ANA, BEN, NOON, NUMBER, QUEUE, World

pytestmark = pytest.mark.unit

CALLER = "+15555550123"
OTHER_CALLER = "+15555550177"


def a_world(*, announce: Announce | None = None, **rules) -> World:
    """A floor whose queue offers callbacks."""
    world = World()
    made = Rules(callback=Callback(offered=True, **rules), announce=announce or Announce())
    world.reconfigure(QUEUE, rules=made)
    return world


def said(world: World) -> list[str]:
    """The prompts of the last step, in order."""
    return [path.split("/")[-1] for play in world.did(Play) for path in play.media]


def ends(world: World, channel: str, cause: HangupCause = HangupCause.NORMAL) -> None:
    world.see(LegEnded(channel=channel, cause=cause, at=world.now))


def answers(world: World, channel: str) -> None:
    world.see(LegAnswered(channel=channel, at=world.now))


def arranged(world: World, channel: str = "c1"):
    """A caller who asked to be called back and hung up."""
    world.into_queue(channel)
    world.press("2", channel)
    world.press("1", channel)
    ends(world, channel)
    return world.call(channel)


def rings(world: World) -> Ring:
    (ring,) = world.did(Ring)
    return ring


def the_rings(world: World) -> list[str]:
    return [ring.endpoint for ring in world.did(Ring)]


# --- the dialogue -------------------------------------------------------------------------------------------------


def test_m2_a_caller_hangs_up_keeps_the_place_and_is_called_back_on_the_same_record():
    world = a_world()
    first = world.into_queue("c1")
    world.into_queue("c2")
    world.press("2")
    assert said(world) == ["callback.your-number", f"value.phone.{CALLER}", "callback.number-right"]
    world.heard()
    world.press("1")
    assert said(world) == ["callback.at-your-turn", "callback.arranged"]
    call = world.call()
    assert (call.phase, call.place_at, call.queue_id) == (Phase.CALLBACK, first.place_at, QUEUE)
    assert call.callback.verified == "calling-number"
    world.heard()
    assert Hangup(channel="c1") in world.commands
    ends(world, "c1")
    assert world.call().callback.stage is Stage.WAITING
    world.later(600)
    world.sign_on(ANA)
    offer = world.call().offer
    assert offer is not None, "the older place comes first"
    assert world.call("c2").offer is None
    answers(world, offer.leg)
    ring = rings(world)
    assert (ring.endpoint, ring.caller_id, ring.caller_name) == (f"tel:{CALLER}", NUMBER, None)
    assert world.status(ANA) is AgentStatus.TALKING
    answers(world, ring.channel)
    call = next(c for c in world.floor.calls.values() if c.id == first.id)
    assert (call.phase, call.channel, call.handling.agent_id) == (Phase.TALKING, ring.channel, ANA)
    assert Bridge(bridge=call.bridge, channels=(ring.channel, offer.leg)) in world.commands
    assert world.did(StartRecording)[0].channel == ring.channel
    ends(world, ring.channel)
    ended = next(e for e in world.events if e.kind is Kind.ENDED)
    assert (ended.call_id, ended.body["outcome"]) == (first.id, "handled")
    assert world.status(ANA) is AgentStatus.WRAP_UP
    assert fold([e for e in world.events if e.call_id == first.id], 1).phase is Phase.ENDED


def test_complaint_24_callback_is_in_the_core_and_offered_only_where_a_queue_says_so():
    world = World()
    world.into_queue()
    world.press("2")
    assert world.call().arranging is None
    world = a_world(after_seconds=60)
    world.into_queue()
    world.later(5)
    assert "callback.offer" not in said(world)
    world.press("2")
    assert world.call().arranging is None, "not offered yet"
    world.heard()
    world.later(90)
    assert "callback.offer" in said(world)
    world.press("2")
    assert world.call().arranging is not None


def test_o11_verified_number_another_one_is_keyed_in_read_back_and_confirmed_twice():
    world = a_world()
    world.into_queue()
    world.press("2")
    world.press("2")
    assert said(world) == ["callback.enter-number"]
    for digit in "3125550199#":
        world.press(digit)
    assert said(world) == ["callback.you-entered", "value.phone.+13125550199", "callback.number-right"]
    assert world.call().callback is None
    world.press("1")
    assert said(world)[0] == "callback.once-more"
    world.press("1")
    callback = world.call().callback
    assert (callback.number, callback.verified) == ("+13125550199", "keys")


@pytest.mark.parametrize("keys", ["911#", "0114420794600#", "9005550100#", "8765550100#", "5555550100#", "#"])
def test_o11_verified_number_what_must_not_be_dialled_is_refused(keys):
    world = a_world()
    world.into_queue()
    world.press("2")
    world.press("2")
    for digit in keys:
        world.press(digit)
    assert said(world)[0] == "callback.number-refused"
    assert world.call().callback is None


def test_a_withheld_number_is_asked_for():
    world = a_world()
    world.see(Arrived(channel="c1", dialled=NUMBER, caller=None, caller_name=None, source="trunk", at=world.now))
    world.heard()
    world.press("1")
    world.press("1")
    world.press("2")
    assert said(world) == ["callback.enter-number"]


def test_silence_and_wrong_keys_lead_back_to_the_music_with_the_place_kept():
    world = a_world()
    place = world.into_queue().place_at
    world.press("2")
    for _ in range(2):
        world.heard()
        world.later(10)
        assert said(world)[0] == "no-input"
    world.press("7")
    assert said(world) == ["callback.not-arranged"]
    call = world.call()
    assert (call.phase, call.place_at, call.arranging) == (Phase.WAITING, place, None)
    world.heard()
    assert world.did(Park)
    world.sign_on(ANA)
    assert world.call().offer is not None


def test_nobody_is_offered_the_call_in_the_middle_of_the_dialogue_and_the_place_stays():
    world = a_world()
    world.into_queue("c1")
    world.into_queue("c2")
    world.press("2", "c1")
    world.sign_on(ANA)
    assert world.call("c1").offer is None
    assert world.call("c2").offer is not None, "the next caller is not held up"


def test_a_later_moment_is_chosen_by_key_and_said():
    world = a_world(schedulable=True)
    world.into_queue()
    world.press("2")
    world.press("1")
    assert said(world) == ["callback.when"]
    world.press("2")
    assert said(world) == ["callback.later"]
    world.press("2")
    assert said(world) == ["callback.after", "value.time.20:00", "callback.arranged"]
    callback = world.call().callback
    assert callback.next_at == world.now + timedelta(hours=2)
    ends(world, "c1")
    world.sign_on(ANA)
    assert world.call().offer is None, "not before its moment"
    world.later(2 * 3600 + 1)
    assert world.call().offer is not None


def test_hanging_up_when_only_the_moment_was_missing_stands_and_before_that_does_not():
    world = a_world(schedulable=True)
    world.into_queue()
    world.press("2")
    world.press("1")
    ends(world, "c1")
    assert world.call().callback.stage is Stage.WAITING
    world = a_world(schedulable=True)
    world.into_queue()
    world.press("2")
    ends(world, "c1")
    assert world.gone()
    assert next(e for e in world.events if e.kind is Kind.ENDED).body["outcome"] == "abandoned"


# --- the turn -----------------------------------------------------------------------------------------------------


def test_o11_keeps_place_between_callers_on_the_line():
    world = a_world()
    for channel in ("c1", "c2", "c3"):
        world.into_queue(channel)
    world.press("2", "c2")
    world.press("1", "c2")
    ends(world, "c2")
    assert [world.floor.outlook(world.call(c), world.now)[0] for c in ("c1", "c2", "c3")] == [1, 2, 3]
    world.sign_on(ANA)
    assert world.call("c1").offer is not None
    world.sign_on(BEN)
    assert world.call("c2").offer is not None
    assert world.call("c3").offer is None


def test_o11_agent_first_with_retries_frees_the_agent_at_once():
    world = a_world(retries=2, retry_seconds=300)
    arranged(world)
    world.sign_on(ANA)
    for attempt, cause in enumerate([HangupCause.NO_ANSWER, HangupCause.BUSY, HangupCause.UNREACHABLE], 1):
        leg = world.call().offer.leg
        answers(world, leg)
        ends(world, rings(world).channel, cause)
        assert Hangup(channel=leg) in world.commands
        assert world.status(ANA) is AgentStatus.AVAILABLE
        if attempt < 3:
            callback = world.call().callback
            assert (callback.attempts, callback.next_at) == (attempt, world.now + timedelta(seconds=300))
            assert world.call().offer is None
            world.later(301)
    assert world.gone()
    missed = [e.body for e in world.events if e.kind is Kind.CALLBACK_MISSED]
    assert [m["reason"] for m in missed] == ["no-answer", "busy", "unreachable"]
    assert missed[-1]["last"]
    assert next(e for e in world.events if e.kind is Kind.ENDED).body["outcome"] == "callback-failed"


def test_o11_customer_first_rings_the_caller_who_proves_to_be_a_person_and_has_the_old_place():
    world = a_world(mode="caller-first")
    place = arranged(world, "c1").place_at
    world.into_queue("c2", caller=OTHER_CALLER)
    world.sign_on(ANA)
    ring = next(r for r in world.did(Ring) if r.channel.startswith("c."))
    assert world.call("c2").offer is not None, "the agent does not wait for the caller"
    answers(world, ring.channel)
    world.later(3)
    assert said(world) == ["callback.is-it-you-say"]
    world.press("1", ring.channel)
    call = world.call(ring.channel)
    assert (call.phase, call.place_at) == (Phase.WAITING, place)
    world.sign_on(BEN)
    assert world.call(ring.channel).offer is not None


def test_o11_customer_first_is_rung_when_the_place_is_about_to_come_up():
    world = a_world(mode="caller-first")
    world.floor.handle_seconds[QUEUE] = 30
    world.talking()
    world.into_queue("c2")
    world.into_queue("c3")
    for channel in ("c3",):
        world.press("2", channel)
        world.press("1", channel)
    ends(world, "c3")
    # One agent who takes 30 s a call: two places are a minute.
    ring = next(r for r in world.did(Ring) if r.channel.startswith("c."))
    assert ring.endpoint == f"tel:{CALLER}"
    assert world.call("c2").phase is Phase.WAITING


def test_o11_customer_first_with_retries_and_a_bounded_wait():
    world = a_world(mode="caller-first", retries=1, retry_seconds=60)
    arranged(world)
    world.sign_on(ANA)
    first = rings(world)
    ends(world, first.channel, HangupCause.NO_ANSWER)
    assert world.call().callback.attempts == 1
    world.later(61)
    again = next(r for r in world.did(Ring) if r.channel.startswith("c."))
    world.order(ANA, "agent.status", status="away")
    answers(world, again.channel)
    world.press("1", again.channel)
    before = world.call(again.channel).priority
    world.later(125)
    assert world.call(again.channel).priority > before, "picked up and waited long enough: first in line"
    world.later(600)
    assert world.call(again.channel).priority == before + 1_000, "once"


def test_o11_phi_free_voicemail_agent_first_by_the_agents_button():
    world = a_world(retries=1)
    call_id = arranged(world).id
    world.sign_on(ANA)
    answers(world, world.call().offer.leg)
    ring = rings(world)
    answers(world, ring.channel)
    world.order(ANA, "callback.machine", call_id=call_id)
    assert world.status(ANA) is AgentStatus.AVAILABLE, "free at once"
    assert world.did(StopRecording)
    world.later(2)
    assert said(world) == ["callback.machine"], "once it is quiet"
    world.heard(ring.channel)
    assert Hangup(channel=ring.channel) in world.commands
    ends(world, ring.channel)
    call = world.floor.calls[call_id]
    assert (call.phase, call.callback.attempts, call.connected_at) == (Phase.CALLBACK, 1, None)
    world.later(301)
    answers(world, world.floor.calls[call_id].offer.leg)
    ring = rings(world)
    answers(world, ring.channel)
    world.order(ANA, "callback.machine", call_id=call_id)
    world.later(2)
    assert said(world) == ["callback.machine-last"]
    ends(world, ring.channel)
    assert call_id not in world.floor.calls


def test_o11_phi_free_voicemail_caller_first_nobody_presses_a_key():
    world = a_world(mode="caller-first")
    call_id = arranged(world).id
    world.sign_on(ANA)
    ring = rings(world)
    answers(world, ring.channel)
    world.later(3)
    world.heard(ring.channel)
    world.later(29)
    assert said(world) == []
    world.later(2)
    world.later(2)
    assert said(world) == ["callback.machine"]
    world.heard(ring.channel)
    ends(world, ring.channel)
    assert world.floor.calls[call_id].callback.attempts == 1


def test_what_a_machine_hears_says_nothing_about_a_patient_or_a_practice():
    from careline.telephony.prompts.catalogue import catalogue

    words = {"doctor", "clinic", "health", "appointment", "patient", "nurse", "result", "medical", "office", "practice"}
    for key in ("callback.machine", "callback.machine-last", "callback.is-it-you", "callback.is-it-you-say"):
        for text in catalogue().prompts[key].texts.values():
            assert not words & {w.strip(".,").lower() for w in text.split()}
            assert "{" not in text


def test_the_agent_hangs_up_while_the_caller_rings_and_nothing_is_counted():
    world = a_world()
    call_id = arranged(world).id
    world.sign_on(ANA)
    for leave in ("telephone", "order"):
        answers(world, world.call().offer.leg)
        ring = rings(world)
        if leave == "telephone":
            ends(world, world.floor.calls[call_id].callback.agent_leg)
        else:
            world.order(ANA, "call.hang_up", call_id=call_id)
        assert Hangup(channel=ring.channel) in world.commands
        call = world.floor.calls[call_id]
        assert (call.callback.stage, call.callback.attempts) == (Stage.WAITING, 0)
        assert world.status(ANA) is AgentStatus.AVAILABLE
        assert call.offer is None, "spared for a while"
        world.later(31)


def test_a_caller_presses_nine_and_it_is_called_off():
    world = a_world(mode="caller-first")
    arranged(world)
    world.sign_on(ANA)
    ring = rings(world)
    answers(world, ring.channel)
    world.press("9", ring.channel)
    assert Hangup(channel=ring.channel) in world.commands
    assert next(e for e in world.events if e.kind is Kind.ENDED).body["outcome"] == "callback-cancelled"


def test_a_callback_that_nobody_can_make_ends_with_a_message_and_not_in_silence():
    world = a_world()
    arranged(world)
    world.later(25 * 3600)
    assert world.gone()
    last = next(e for e in world.events if e.kind is Kind.CALLBACK_MISSED)
    assert (last.body["reason"], last.body["last"]) == ("expired", True)


# --- calling again ------------------------------------------------------------------------------------------------


def test_o11_merge_on_re_call_the_new_call_has_the_old_place_and_the_old_one_is_closed():
    world = a_world()
    old = arranged(world)
    world.into_queue("c2", caller=OTHER_CALLER)
    world.now += timedelta(seconds=60)
    world.arrive("c3")
    assert said(world) == ["greeting.emergency-notice", "callback.welcome-back"]
    world.press("1", "c3")
    call = world.call("c3")
    assert (call.phase, call.place_at, call.queue_id) == (Phase.WAITING, old.place_at, QUEUE)
    assert old.id not in world.floor.calls
    ended = next(e for e in world.events if e.kind is Kind.ENDED)
    assert (ended.call_id, ended.body["outcome"]) == (old.id, "merged")
    merged = {e.call_id: e.body for e in world.events if e.kind is Kind.CALLBACK_MERGED}
    assert merged[call.id]["old"] == str(old.id)
    assert merged[old.id]["into"] == str(call.id)
    world.sign_on(ANA)
    assert world.call("c3").offer is not None, "before the caller who came between"


def test_complaint_59_a_caller_who_calls_back_first_is_not_called_a_second_time():
    world = a_world()
    old = arranged(world)
    world.arrive("c2")
    world.heard("c2")
    world.later(30)
    world.press("1", "c2")
    world.press("1", "c2")
    call = world.call("c2")
    assert call.phase is Phase.WAITING
    assert call.place_at == old.place_at, "the same queue: one place, without having been asked for it"
    assert old.id not in world.floor.calls
    world.sign_on(ANA, BEN)
    assert len([r for r in world.events if r.kind is Kind.OFFERED]) == 1


def test_o11_cancel_by_phone():
    world = a_world()
    old = arranged(world)
    world.arrive("c2")
    world.press("2", "c2")
    assert said(world) == ["callback.cancelled"]
    assert old.id not in world.floor.calls
    ended = next(e for e in world.events if e.kind is Kind.ENDED)
    assert (ended.body["outcome"], ended.body["by"]) == ("callback-cancelled", "caller")
    world.heard("c2")
    assert world.did(Play)[0].media[0] == "/en/greeting.emergency-notice", "then the flow as for anybody"


def test_somebody_elses_call_finds_no_callback():
    world = a_world()
    arranged(world)
    world.see(
        Arrived(channel="x", dialled=NUMBER, caller="+15555550188", caller_name=None, source="trunk", at=world.now)
    )
    assert world.call("x").arranging is None


# --- hours --------------------------------------------------------------------------------------------------------


def at(hour: int, minute: int = 0, day: int = 23) -> datetime:
    """UTC in November 2026: Chicago is six hours behind, Honolulu ten."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def test_o11_patient_zone_hours_a_number_from_honolulu_is_not_rung_at_six_in_the_morning():
    assert zones_of("+18085550123", "America/Chicago") == ("Pacific/Honolulu",)
    found = window("+18085550123", None, "America/Chicago", "US", at(16))
    assert (found.opens, found.closes) == (at(18), at(7, day=24))
    assert zones_of("+18005550123", "America/Chicago") == ("America/Chicago",), "a toll-free number is anywhere"


def test_o11_patient_zone_hours_and_the_practices_hours_hold_together():
    office = Calendar(zone="America/Chicago", weekly={d: ((datetime.min.time().replace(hour=9), datetime.min.time().replace(hour=17)),) for d in range(5)})  # fmt: skip # noqa: E501
    found = window("+18085550123", office, "America/Chicago", "US", at(15))
    assert (found.opens, found.closes) == (at(18), at(23))
    late = window("+18085550123", office, "America/Chicago", "US", datetime(2026, 11, 27, 23, 30, tzinfo=UTC))
    assert late.opens == datetime(2026, 11, 30, 18, tzinfo=UTC), "Friday evening: Monday, eight o'clock in Honolulu"


def test_o11_patient_zone_hours_on_the_floor():
    world = a_world()
    world.now = NOON.replace(hour=20, minute=50)
    call_id = arranged(world).id
    world.later(1200)
    callback = world.floor.calls[call_id].callback
    assert callback.next_at == at(8, day=24), "after nine in the evening nobody is rung"
    world.sign_on(ANA)
    assert world.floor.calls[call_id].offer is None
    world.now = at(8, 0, day=24)
    world.later(1)
    assert world.floor.calls[call_id].offer is not None


def test_the_quiet_hours_are_dated_data_with_a_source():
    assert all(rule.source and rule.since for rule in shipped())
    assert rule_for("US", at(0).date()).country == "US"
    assert rule_for("FR", at(0).date()).country == "*"


def test_numbers_that_could_cost_a_fortune_are_not_called():
    assert dialable("+13125550123", "US")
    for number in ("+18765550123", "+19005550123", "+442079460000", "+15", None, "anonymous"):
        assert not dialable(number, "US")


# --- by people ----------------------------------------------------------------------------------------------------


def test_staff_cancel_change_and_hasten_a_callback():
    world = a_world()
    call_id = arranged(world).id
    world.into_queue("c2", caller=OTHER_CALLER)
    for kind in ("callback.cancel", "callback.change"):
        with pytest.raises(Forbidden):
            world.order(ANA, kind, call_id=call_id)
    with pytest.raises(CarelineError):
        world.order(BEN, "callback.change", manage=True, call_id=call_id, number="+19005550123")
    world.order(BEN, "callback.change", manage=True, call_id=call_id, number="312 555 0188",
                next_at="2026-11-24T15:00:00+00:00")  # fmt: skip
    callback = world.floor.calls[call_id].callback
    assert (callback.number, callback.verified, callback.next_at) == ("+13125550188", "staff", at(15, day=24))
    world.order(BEN, "callback.call_now", manage=True, call_id=call_id)
    call = world.floor.calls[call_id]
    assert (call.callback.next_at, call.priority) == (None, 1_000)
    world.order(BEN, "callback.cancel", manage=True, call_id=call_id)
    assert call_id not in world.floor.calls
    with pytest.raises(WrongMoment):
        world.order(BEN, "callback.cancel", manage=True, call_id=call_id)


def test_a_free_agent_takes_a_callback_that_was_put_off():
    world = a_world()
    call_id = arranged(world).id
    world.order(BEN, "callback.change", manage=True, call_id=call_id, next_at="2026-11-24T15:00:00+00:00")
    world.sign_on(ANA)
    assert world.floor.calls[call_id].offer is None
    world.order(ANA, "callback.call_now", call_id=call_id)
    assert world.floor.calls[call_id].offer.agent_id == ANA


def test_a_waiting_callback_cannot_be_moved_like_a_caller_on_the_line():
    world = a_world()
    call_id = arranged(world).id
    with pytest.raises(WrongMoment):
        world.order(BEN, "call.move", manage=True, call_id=call_id, queue_id=str(QUEUE))
    world.order(BEN, "call.end", manage=True, call_id=call_id)
    assert call_id not in world.floor.calls


# --- outages ------------------------------------------------------------------------------------------------------


def seen(*channels: str, up: bool = True) -> SwitchSnapshot:
    return SwitchSnapshot(
        channels={
            c: ChannelSeen(channel=c, ours=True, up=up, inbound=c.startswith("in"), dialled=NUMBER, caller=None,
                           created=NOON)
            for c in channels
        },
        endpoints_online=frozenset({"s-Ana"}),
    )  # fmt: skip


def test_a_callback_survives_call_control_and_the_switch():
    world = a_world()
    call = arranged(world)
    world.take(reconcile(world.floor, seen(), world.now))
    assert world.call().callback.stage is Stage.WAITING
    assert world.call().place_at == call.place_at
    world.take(lost_switch(world.floor, world.now))
    assert world.call().callback.stage is Stage.WAITING
    world.sign_on(ANA)
    answers(world, world.call().offer.leg)
    world.take(lost_switch(world.floor, world.now))
    assert world.call().callback.stage is Stage.WAITING
    assert world.status(ANA) is not AgentStatus.TALKING


@pytest.mark.parametrize("state", ["goodbye", "gone", "ringing", "picked-up", "lost", "agent-lost"])
def test_call_control_is_away_at_every_stage_of_a_callback(state):
    world = a_world()
    world.sign_on(ANA) if state not in ("goodbye", "gone") else None
    if state in ("goodbye", "gone"):
        world.into_queue()
        world.press("2")
        world.press("1")
        world.take(reconcile(world.floor, seen("c1") if state == "goodbye" else seen(), world.now))
        if state == "goodbye":
            assert Hangup(channel="c1") in world.commands
            ends(world, "c1")
        assert world.call().callback.stage is Stage.WAITING
        return
    world.order(ANA, "agent.status", status="away")
    call_id = arranged(world).id
    world.order(ANA, "agent.status", status="available")
    agent_leg = world.floor.calls[call_id].offer.leg
    answers(world, agent_leg)
    leg = rings(world).channel
    there = {
        "ringing": {agent_leg: True, leg: False},
        "picked-up": {agent_leg: True, leg: True},
        "lost": {agent_leg: True},
        "agent-lost": {leg: False},
    }[state]
    snapshot = seen(*there)
    channels = {c: replace(s, up=there[c]) for c, s in snapshot.channels.items()}
    world.take(reconcile(world.floor, replace(snapshot, channels=channels), world.now))
    call = world.floor.calls[call_id]
    if state == "picked-up":
        assert call.phase is Phase.TALKING
    elif state == "ringing":
        assert call.callback.stage is Stage.DIALLING
        assert not [c for c in world.did(Hangup) if c.channel in there]
    else:
        assert (call.callback.stage, call.callback.attempts) == (Stage.WAITING, 0)
        assert Hangup(channel=agent_leg if state == "lost" else leg) in world.commands


def test_the_question_is_put_again_after_an_outage():
    world = a_world()
    world.into_queue()
    world.press("2")
    world.take(reconcile(world.floor, seen("c1"), world.now))
    assert said(world)[0] == "callback.your-number"


# --- what is told of the wait ---------------------------------------------------------------------------------------


def test_complaint_58_the_wait_never_grows_for_whoever_waits_longer_than_average():
    world = World()
    world.talking()
    world.into_queue("c2")
    told = []
    for _ in range(14):
        if world.call("c2").playback:
            world.heard("c2")
        world.later(45)
        told += [e.body for e in world.events if e.kind is Kind.ANNOUNCED and e.body["minutes"] is not None]
    assert len(told) > 10
    highs = [t["minutes"] for t in told]
    assert highs == sorted(highs, reverse=True)
    assert not any(t["longer"] for t in told)


def test_o10_a_wait_that_must_grow_is_said_with_an_apology_and_is_capped():
    world = a_world(announce=Announce(cap_minutes=10))
    world.floor.handle_seconds[QUEUE] = 60
    world.talking()
    world.into_queue("c2")
    world.later(5)
    assert "queue.wait-range.2" in said(world)
    world.heard("c2")
    world.floor.handle_seconds[QUEUE] = 300
    world.later(45)
    assert said(world)[1:3] == ["queue.wait-longer", "queue.wait-range.10"]
    world.heard("c2")
    world.floor.handle_seconds[QUEUE] = 3000
    world.later(45)
    assert said(world)[1:4] == ["queue.wait-longer", "queue.wait-more-than", "value.minutes.10"]
    world.heard("c2")
    world.floor.handle_seconds[QUEUE] = 60
    world.later(45)
    assert "queue.wait-range.2" in said(world)


def test_o10_only_if_improved_says_nothing_new_otherwise():
    world = a_world(announce=Announce(only_if_improved=True))
    world.talking()
    world.into_queue("c2")
    world.into_queue("c3")
    world.later(5)
    plays = [p.media for p in world.did(Play) if p.channel == "c3"]
    assert plays[0][0] == "/en/queue.position.2"
    world.heard("c3")
    world.later(45)
    plays = [p.media for p in world.did(Play) if p.channel == "c3"]
    assert plays[0][0] == "/en/queue.comfort"
