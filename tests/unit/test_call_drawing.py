"""The drawing of a call is to scale: bars cover exactly their share of the width, in the lanes they belong to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from careline.calls.drawing import draw
from careline.calls.views import SegmentView

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def segment(kind: str, start: float, end: float | None, agent: str | None = None) -> SegmentView:
    return SegmentView(
        kind=kind,
        start=START + timedelta(seconds=start),
        end=None if end is None else START + timedelta(seconds=end),
        seconds=(end or 100) - start,
        agent=agent,
    )


def test_bars_are_to_scale_and_in_their_lanes() -> None:
    drawing = draw(
        [
            segment("flow", 0, 20),
            segment("waiting", 20, 60),
            segment("ringing", 30, 50, "Ana"),
            segment("ringing", 50, 60, "Ben"),
            segment("talk", 60, 100),
            segment("talk", 60, 100, "Ben"),
        ],
        START,
    )
    assert drawing is not None
    assert drawing.lanes == [None, "Ana", "Ben"]
    assert [(b.kind, b.lane, b.x, b.width) for b in drawing.bars] == [
        ("flow", 0, 0, 20),
        ("waiting", 0, 20, 40),
        ("ringing", 1, 30, 20),
        ("ringing", 2, 50, 10),
        ("talk", 0, 60, 40),
        ("talk", 2, 60, 40),
    ]
    assert drawing.seconds == 100
    assert [(t.seconds, t.x) for t in drawing.ticks] == [(at, at) for at in range(0, 91, 15)]


def test_what_still_goes_on_reaches_to_now() -> None:
    drawing = draw([segment("flow", 0, 50), segment("waiting", 50, None)], START + timedelta(seconds=200))
    assert drawing is not None
    assert [(b.x, b.width, b.running) for b in drawing.bars] == [(0, 25, False), (25, 75, True)]


@pytest.mark.parametrize("minutes", [0.05, 1, 7, 45, 180, 1440])
def test_ticks_are_few_at_any_length(minutes: float) -> None:
    drawing = draw([segment("talk", 0, minutes * 60)], START)
    assert drawing is not None
    assert 1 <= len(drawing.ticks) <= 13


def test_nothing_to_draw() -> None:
    assert draw([], START) is None
