"""Why a call rang where it did, in words a supervisor can read, in English and Spanish."""

from __future__ import annotations

import pytest

from careline.calls import callback_wording, reasons, timeline, wording
from careline.calls.model import Kind
from careline.calls.switch_events import LegAnswered
from careline.platform.i18n import use_language
from careline.queues.model import AgentStatus
from careline.queues.rules import EMERGENCY
from careline.testing.world import ANA, BEN, NOON, World
from careline.web.i18n import load_catalogues

pytestmark = pytest.mark.unit

NAMES = {ANA: "Ana Ruiz", BEN: "Ben Osei"}


def test_o20_an_offer_is_explained_in_words():
    world = World()
    world.sign_on(ANA, BEN)
    world.order(BEN, "agent.status", status="away")
    world.into_queue()
    why = next(e for e in world.events if e.kind is Kind.OFFERED).body["why"]
    assert reasons.people_in(why) == {ANA, BEN}
    told = reasons.tell(NOON, why, NAMES)
    assert told.chosen == ["Ana Ruiz"]
    assert told.state is None
    assert (told.ring, told.position, told.turn) == (1, 1, "In turn")
    assert told.strategy.startswith("Longest idle")
    assert [(c.agent, c.order, c.against) for c in told.candidates] == [
        ("Ana Ruiz", 1, None),
        ("Ben Osei", None, "Away"),
    ]


def test_o20_a_waiting_call_says_why_nobody_rings():
    world = World()
    world.sign_on(ANA)
    world.see(LegAnswered(channel=world.into_queue("c1").offer.leg, at=world.now))
    world.into_queue("c2")
    why = world.floor.dispatch.explain(world.call("c2").id, world.now)
    told = reasons.tell(NOON, why, NAMES)
    assert told.state == "Nobody who may take this call is free"
    assert {c.agent: c.against for c in told.candidates} == {"Ana Ruiz": "On a call", "Ben Osei": "Offline"}
    load_catalogues()
    use_language("es")
    try:
        assert reasons.tell(NOON, why, NAMES).state != told.state
    finally:
        use_language("en")


def test_every_code_of_the_router_has_words():
    router = {"not-member", "not-in-ring", "language", "skills", "reserve", "kept-for-another", "tried", "ringing"}
    codes = router | {"phone-offline", "busy-otherwise"} | {status.value for status in AgentStatus}
    assert codes <= set(reasons.against())
    assert {EMERGENCY, "maximum-wait", "in-turn"} == set(reasons.turns())


@pytest.mark.parametrize(
    ("kind", "body", "sentence"),
    [
        ("diverted", {"reason": "overflow-wait", "to": "voicemail"}, "It had waited long enough: to a voicemail"),
        ("priority_changed", {"priority": 5}, "Priority changed to 5"),
        ("recognised", {}, "The caller has talked with us before"),
        ("requeued", {"reason": "unheard"}, "The agent was gone at once; the search went on where it was"),
        ("requeued", {"reason": "phone-lost"}, "Back to waiting, place kept"),
        ("offered", {"agent_id": str(ANA), "by": "supervisor"}, "Rang Ana Ruiz, as a supervisor said"),
        ("offer_ended", {"agent_id": str(ANA), "reason": "answered-elsewhere"}, "Ana Ruiz – Somebody else was faster"),
    ],
)
def test_what_happens_by_rules_is_told_in_sentences(kind, body, sentence):
    assert wording.sentence(timeline.Step(at=NOON, kind=kind, body=body), NAMES) == sentence


def test_everything_that_can_happen_on_a_call_is_told_in_a_sentence_or_left_out_on_purpose() -> None:
    for kind in Kind:
        step = timeline.Step(at=NOON, kind=kind.value, body={})
        silent = {*wording.SILENT, *callback_wording.SILENT}
        assert wording.told(step, {}) is not None or kind.value in silent, f"{kind} has no words"


@pytest.mark.parametrize("what", ["red-flag", "phrase", "asked", "confirmed", "denied"])
def test_what_was_understood_of_the_caller_has_its_own_words(what: str) -> None:
    said = {wording.sentence(timeline.Step(at=NOON, kind="heard", body={"what": w}), {}) for w in (what, "else")}
    assert len(said) == 2


def test_an_emergency_that_waits_promises_no_numbers_that_the_line_does_not_have() -> None:
    for why in ("nobody-signed-on", "in-line"):
        told = wording.sentence(timeline.Step(at=NOON, kind="help_awaited", body={"why": why}), {})
        assert told is not None
        assert "if it has any" in told


def test_what_a_call_needs_reads_as_people_write_it() -> None:
    why = {"requirement": "scheduling >= 20", "strategy": "longest-idle", "turn": {"tier": "in-turn"}}
    assert reasons.tell(NOON, why, NAMES).requirement == "scheduling ≥ 20"


def test_who_is_nearest_to_taking_the_call_stands_first() -> None:
    codes = ["offline", "talking", None, "language", "tried"]
    people = [{"agent": str(ANA), "against": code, "order": None if code else 1} for code in codes]
    why = {"strategy": "longest-idle", "turn": {"tier": "in-turn"}, "candidates": people}
    assert [c.code for c in reasons.tell(NOON, why, NAMES).candidates] == [
        None,
        "tried",
        "talking",
        "language",
        "offline",
    ]
    assert set(reasons._NEARNESS) == set(reasons.against()) - {"available"}
