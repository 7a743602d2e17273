"""A call's events become stretches in lanes: what the drawing to scale and the sums are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from careline.calls.timeline import Segment, Step, Stretch, segments, totals

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
ANA, BEN, QUEUE = (str(UUID(int=n)) for n in (1, 2, 9))


def story(*steps: tuple[float, str, dict[str, object]]) -> list[Step]:
    return [Step(at=START + timedelta(seconds=s), kind=kind, body=body) for s, kind, body in steps]


def short(found: list[Segment]) -> list[tuple[int, str, float | None, float | None]]:
    """(agent number or 0 for the caller, kind, start, end) in seconds."""
    return [
        (
            s.agent.int if s.agent else 0,
            s.kind.value,
            (s.start - START).total_seconds(),
            (s.end - START).total_seconds() if s.end else None,
        )
        for s in found
    ]


def test_an_ordinary_call() -> None:
    steps = story(
        (0, "arrived", {}),
        (1, "answered", {}),
        (20, "queued", {"queue_id": QUEUE}),
        (30, "offered", {"agent_id": ANA, "queue_id": QUEUE}),
        (50, "offer_ended", {"agent_id": ANA, "reason": "no-answer"}),
        (50, "offered", {"agent_id": BEN, "queue_id": QUEUE}),
        (55, "connected", {"agent_id": BEN}),
        (70, "held", {}),
        (80, "resumed", {}),
        (100, "agent_left", {"agent_id": BEN, "wrap_up": True}),
        (100, "ended", {"by": "caller", "outcome": "handled"}),
        (130, "wrapped_up", {"agent_id": BEN, "code": "appointment"}),
    )
    found = segments(steps)
    assert short(found) == [
        (0, "flow", 0, 20),
        (0, "waiting", 20, 55),
        (1, "ringing", 30, 50),
        (2, "ringing", 50, 55),
        (0, "talk", 55, 70),
        (2, "talk", 55, 70),
        (0, "hold", 70, 80),
        (2, "hold", 70, 80),
        (0, "talk", 80, 100),
        (2, "talk", 80, 100),
        (2, "wrap_up", 100, 130),
    ]
    assert [s.ended for s in found if s.kind is Stretch.RINGING] == ["no-answer", None]
    assert found[-1].ended == "appointment"
    sums = totals(found, START + timedelta(hours=1))
    assert sums == {
        Stretch.FLOW: 20,
        Stretch.WAITING: 35,
        Stretch.RINGING: 25,
        Stretch.TALK: 35,
        Stretch.HOLD: 10,
        Stretch.WRAP_UP: 30,
    }


def test_the_caller_hangs_up_while_it_rings() -> None:
    steps = story(
        (0, "arrived", {}),
        (5, "queued", {"queue_id": QUEUE}),
        (6, "offered", {"agent_id": ANA}),
        (9, "ended", {"by": "caller", "outcome": "abandoned"}),
    )
    found = segments(steps)
    assert short(found) == [(0, "flow", 0, 5), (0, "waiting", 5, 9), (1, "ringing", 6, 9)]
    assert found[-1].ended == "caller-left"


def test_a_transfer_between_agents_has_both_lanes() -> None:
    steps = story(
        (0, "arrived", {}),
        (5, "queued", {"queue_id": QUEUE}),
        (10, "connected", {"agent_id": ANA}),
        (20, "transfer_started", {"mode": "consult", "to": "agent", "target": BEN}),
        (25, "transfer_answered", {}),
        (40, "transferred", {"to": "agent", "target": BEN}),
        (40, "agent_left", {"agent_id": ANA, "wrap_up": True}),
        (40, "connected", {"agent_id": BEN}),
        (60, "agent_left", {"agent_id": BEN, "wrap_up": False}),
        (60, "ended", {"by": "agent", "outcome": "handled"}),
    )
    assert short(segments(steps)) == [
        (0, "flow", 0, 5),
        (0, "waiting", 5, 10),
        (0, "talk", 10, 20),
        (1, "talk", 10, 40),
        (0, "hold", 20, 40),
        (0, "talk", 40, 60),
        (2, "talk", 40, 60),
        (1, "wrap_up", 40, None),
    ]


def test_a_vain_transfer_gives_the_caller_back() -> None:
    steps = story(
        (0, "arrived", {}),
        (10, "connected", {"agent_id": ANA}),
        (20, "transfer_started", {"mode": "blind", "to": "number"}),
        (30, "transfer_failed", {"reason": "busy", "held": False}),
    )
    assert short(segments(steps))[-2:] == [(0, "hold", 20, 30), (0, "talk", 30, None)]


def test_an_outside_transfer_goes_on_without_an_agent() -> None:
    steps = story(
        (0, "arrived", {}),
        (10, "connected", {"agent_id": ANA}),
        (20, "transferred", {"to": "number", "target": "+15552010001"}),
        (20, "agent_left", {"agent_id": ANA, "wrap_up": False}),
        (90, "ended", {"by": "caller", "outcome": "transferred"}),
    )
    assert short(segments(steps)) == [
        (0, "flow", 0, 10),
        (0, "talk", 10, 20),
        (1, "talk", 10, 20),
        (0, "outside", 20, 90),
    ]


def test_a_call_in_progress_has_open_ends() -> None:
    steps = story((0, "arrived", {}), (5, "queued", {"queue_id": QUEUE}))
    found = segments(steps)
    assert short(found) == [(0, "flow", 0, 5), (0, "waiting", 5, None)]
    assert totals(found, START + timedelta(seconds=65))[Stretch.WAITING] == 60


def test_a_voicemail() -> None:
    steps = story(
        (0, "arrived", {}),
        (12, "voicemail_started", {}),
        (40, "voicemail_ended", {}),
        (41, "ended", {"by": "caller", "outcome": "voicemail"}),
    )
    assert short(segments(steps)) == [(0, "flow", 0, 12), (0, "voicemail", 12, 40), (0, "flow", 40, 41)]


def test_odd_events_do_no_harm() -> None:
    steps = story((0, "offer_ended", {"agent_id": "not an id"}), (1, "wrapped_up", {}), (2, "unheard_of", {}))
    assert segments(steps) == []
