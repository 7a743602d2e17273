"""An emergency that nobody here takes: outside numbers in turn, a key that no machine presses, and never a dead end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from careline.calls.fold import fold
from careline.calls.model import FIRST_OF_ALL, Phase
from careline.calls.opening import open_floor
from careline.calls.ports import ChannelSeen, SwitchSnapshot
from careline.calls.reconcile import reconcile
from careline.calls.switch_commands import Bridge, Hangup, Park, Play, Ring
from careline.calls.switch_events import Digit, HangupCause, LegAnswered, LegEnded
from careline.organization.model import EmergencyContact, InvalidLineConfig, LineConfig
from careline.testing.world import ANA, BEN, NUMBER, QUEUE, World, replayed

pytestmark = pytest.mark.unit

NURSE, DESK = "+14145550111", "+14145550112"
NOTICE, CALLING, NOBODY, TAKE = (
    f"/en/{key}"
    for key in (
        "greeting.emergency-notice", "emergency.calling-help", "emergency.nobody-reached", "emergency.take-call"
    )
)  # fmt: skip


def made() -> World:
    world = World()
    contacts = (EmergencyContact(name="Charge nurse", number=NURSE), EmergencyContact(name="Security", number=DESK))
    line = world.floor.lines[NUMBER]
    world.floor.lines[NUMBER] = replace(line, listen=True, emergency_contacts=contacts, emergency_patience=20)
    return world


@pytest.fixture
def world() -> World:
    return made()


def ringing(world: World) -> str:
    """The leg of the outside number that rings."""
    transfer = world.call().transfer
    assert transfer is not None
    return transfer.leg


def rung(world: World) -> list[str]:
    return [e.body["target"] for e in world.events if e.kind.value == "transfer_started"]


def missed(world: World, cause: HangupCause = HangupCause.NO_ANSWER) -> None:
    world.see(LegEnded(channel=ringing(world), cause=cause, at=world.now))
    world.later(0)


def helps(world: World) -> None:
    """The number that rings picks up and takes the call."""
    leg = ringing(world)
    world.see(LegAnswered(channel=leg, at=world.now))
    assert world.did(Bridge) == [], "nothing is connected before the key"
    (asked,) = world.did(Play)
    assert (asked.channel, set(asked.media)) == (leg, {TAKE})
    world.see(Digit(channel=leg, digit="1", at=world.now))


def greeting(world: World) -> None:
    world.arrive()


def menu(world: World) -> None:
    world.arrive()
    world.heard()
    world.press("1")


def queue(world: World) -> None:
    world.into_queue()


def invited(world: World) -> None:
    world.door = "closed"
    world.arrive()
    world.heard()
    assert world.call().phase is Phase.VOICEMAIL


def recording(world: World) -> None:
    invited(world)
    world.heard()
    assert world.call().message.recording  # type: ignore[union-attr]


def goodbye(world: World) -> None:
    recording(world)
    world.press("#")
    assert world.call().ending


POINTS = [greeting, menu, queue, invited, recording, goodbye]


@pytest.mark.parametrize("stand", POINTS, ids=lambda f: f.__name__)
def test_v6_with_nobody_signed_on_the_notice_comes_first_and_then_somebody_outside(
    world: World, stand: Callable[[World], None]
) -> None:
    stand(world)
    world.press("*")
    assert world.did(Play)[-1].media == (NOTICE, CALLING)
    assert world.did(Ring) == [], "the notice is heard before anything rings"
    world.heard()
    (ring,) = world.did(Ring)
    assert ring.endpoint == f"tel:{NURSE}"
    assert Park(channel="c1") in world.did(Park)
    helps(world)
    call = world.call()
    assert (call.phase, call.help) == (Phase.TALKING, None)
    assert call.outside is not None
    assert call.outside.number == NURSE
    assert any(b.channels == ("c1", call.outside.leg) for b in world.did(Bridge))


@pytest.mark.parametrize("stand", POINTS, ids=lambda f: f.__name__)
def test_v6_every_number_is_rung_in_turn_and_the_call_then_goes_on(
    world: World, stand: Callable[[World], None]
) -> None:
    stand(world)
    world.press("*")
    world.heard()
    for number in range(6):
        assert rung(world)[-1] == (NURSE, DESK)[number % 2]
        missed(world)
        if world.call().transfer is None and world.call().help:
            world.later(40)
    assert rung(world) == [NURSE, DESK] * 3
    said = [p for e in world.events if e.kind.value == "played" for p in e.body["prompts"]]
    assert "emergency.nobody-reached" in said
    call = world.call()
    assert call.help is None
    assert call.phase in (Phase.WAITING, Phase.VOICEMAIL, Phase.FLOW)
    assert not any(c.channel == "c1" for c in world.did(Hangup)), "nobody is refused"
    if call.phase is Phase.WAITING:
        assert call.priority == FIRST_OF_ALL


def test_v6_a_machine_that_picks_up_takes_nobody(world: World) -> None:
    queue(world)
    world.press("*")
    world.heard()
    first = ringing(world)
    world.see(LegAnswered(channel=first, at=world.now))
    world.later(31)
    assert Hangup(channel=first) in world.did(Hangup)
    assert rung(world) == [NURSE, DESK]
    assert world.call().outside is None


def test_v6_another_key_does_not_take_the_call(world: World) -> None:
    queue(world)
    world.press("*")
    world.heard()
    leg = ringing(world)
    world.see(Digit(channel=leg, digit="1", at=world.now))
    assert world.call().outside is None, "a key before it was picked up means nothing"
    world.see(LegAnswered(channel=leg, at=world.now))
    world.see(Digit(channel=leg, digit="2", at=world.now))
    assert world.call().outside is None


def test_v6_when_agents_are_busy_help_is_called_after_the_patience_and_not_before(world: World) -> None:
    world.sign_on(BEN)
    other = world.into_queue("c-other")
    world.see(LegAnswered(channel=other.offer.leg, at=world.now))  # type: ignore[union-attr]
    queue(world)
    world.press("*")
    world.heard()
    world.later(19)
    assert rung(world) == []
    world.later(2)
    assert rung(world) == [NURSE]
    missed(world)
    assert rung(world) == [NURSE, DESK]
    assert (world.call().phase, world.call().priority) == (Phase.WAITING, FIRST_OF_ALL)


def test_v6_while_it_rings_at_an_agent_nobody_outside_is_rung(world: World) -> None:
    world.sign_on(ANA)
    queue(world)
    world.press("*")
    assert world.call().offers
    world.later(15)
    leg = world.call().offers[0].leg
    world.see(LegAnswered(channel=leg, at=world.now))
    assert world.call().help is None
    world.later(120)
    assert rung(world) == []


def test_v6_an_agent_who_comes_meanwhile_is_offered_the_call_before_the_next_number(world: World) -> None:
    recording(world)
    world.press("*")
    world.heard()
    world.sign_on(ANA)
    missed(world)
    call = world.call()
    assert (call.phase, call.queue_id) == (Phase.WAITING, QUEUE)
    assert [o.agent_id for o in call.offers] == [ANA]
    assert rung(world) == [NURSE]


def test_v6_keys_and_words_do_not_take_a_caller_out_of_it(world: World) -> None:
    menu(world)
    world.press("*")
    world.heard()
    before = world.call()
    world.press("1")
    assert world.call().transfer == before.transfer
    assert world.call().phase is Phase.FLOW


def test_v6_a_caller_who_leaves_ends_the_ringing(world: World) -> None:
    queue(world)
    world.press("*")
    world.heard()
    leg = ringing(world)
    world.see(LegEnded(channel="c1", cause=HangupCause.NORMAL, at=world.now))
    assert Hangup(channel=leg) in world.did(Hangup)
    assert world.gone()


def test_v6_without_numbers_the_caller_stays_first_and_it_is_on_record_that_nobody_came() -> None:
    world = made()
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], emergency_contacts=())
    queue(world)
    world.press("*")
    (raised,) = [e for e in world.events if e.kind.value == "emergency_raised"]
    assert raised.body["nobody"] is True
    world.heard()
    world.later(25)
    (ended,) = [e for e in world.events if e.kind.value == "help_ended"]
    assert ended.body["outcome"] == "not-taken"
    assert (world.call().phase, world.call().priority) == (Phase.WAITING, FIRST_OF_ALL)


@pytest.mark.parametrize("answered", [False, True])
def test_v6_a_restart_in_the_middle_loses_nobody(world: World, answered: bool) -> None:
    recording(world)
    world.press("*")
    world.heard()
    leg = ringing(world)
    if answered:
        world.see(LegAnswered(channel=leg, at=world.now))
    before = world.call()
    folded = fold([e for e in world.events if e.call_id == before.id], 1)
    assert folded == replace(before, cursor=folded.cursor, ahead="")
    seen = {
        c: ChannelSeen(channel=c, ours=True, up=c == "c1" or answered, inbound=c == "c1", dialled=NUMBER, caller=None,
                       created=world.now)
        for c in ("c1", leg)
    }  # fmt: skip
    world.take(reconcile(world.floor, SwitchSnapshot(channels=seen), world.now))
    assert Park(channel="c1") in world.did(Park)
    if answered:
        assert [p.channel for p in world.did(Play)] == [leg], "whoever picked up is asked again"
        world.see(Digit(channel=leg, digit="1", at=world.now))
        assert world.call().outside is not None
    else:
        helps(world)


def test_v6_a_day_with_help_from_outside_can_be_replayed(world: World) -> None:
    world.take(open_floor(world.floor, world.now))
    queue(world)
    world.press("*")
    world.heard()
    world.sign_on(ANA)
    missed(world)
    report = replayed(world.log)
    assert (report.offers, report.differences) == (1, [])


@pytest.mark.parametrize(
    "contact", [{"name": "911", "number": "911"}, {"name": "", "number": NURSE}, {"name": "Nurse", "number": "12"}]
)
def test_v6_911_and_half_numbers_are_refused(contact: dict[str, str]) -> None:
    with pytest.raises(InvalidLineConfig):
        LineConfig.from_body({"emergency_contacts": [contact]})


def test_v6_the_list_survives_its_row() -> None:
    body = {"emergency_contacts": [{"name": "Charge nurse", "number": "(414) 555-0111"}], "emergency_patience": 45}
    config = LineConfig.from_body(body)
    assert config.emergency_contacts == (EmergencyContact(name="Charge nurse", number=NURSE),)
    assert LineConfig.from_body(config.to_body()) == config
    assert LineConfig.from_body({}).emergency_contacts == ()
    assert isinstance(QUEUE, UUID)
