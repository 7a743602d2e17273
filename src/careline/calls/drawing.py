"""Geometry of a call's timeline, drawn to scale on the server: lanes, bars and ticks in per cent of the width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from careline.calls.views import SegmentView

#: Seconds between ticks to choose from, so that there are about eight.
_STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One stretch."""

    kind: str
    lane: int
    x: float
    width: float
    seconds: float
    ended: str | None
    #: Whether it is still going on.
    running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on the axis."""

    x: float
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Everything the template needs."""

    lanes: list[str | None]
    bars: list[Bar]
    ticks: list[Tick]
    start: datetime
    seconds: float


def draw(segments: Sequence[SegmentView], now: datetime) -> Drawing | None:
    """The drawing; None when there is nothing to draw. Lane 0 is the caller's (None), then agents as they came in."""
    if not segments:
        return None
    start = min(s.start for s in segments)
    end = max(s.end or now for s in segments)
    whole = max((end - start).total_seconds(), 1.0)
    lanes: list[str | None] = [None]
    for segment in segments:
        if segment.agent not in lanes:
            lanes.append(segment.agent)
    bars = [
        Bar(
            kind=s.kind,
            lane=lanes.index(s.agent),
            x=_share((s.start - start).total_seconds(), whole),
            width=_share(((s.end or now) - s.start).total_seconds(), whole),
            seconds=s.seconds,
            ended=s.ended,
            running=s.end is None,
        )
        for s in segments
    ]
    step = next((s for s in _STEPS if whole / s <= 8), _STEPS[-1])
    ticks = [Tick(x=_share(at, whole), seconds=at) for at in range(0, int(whole) + 1, step)]
    return Drawing(lanes=lanes, bars=bars, ticks=ticks, start=start, seconds=whole)


def _share(part: float, whole: float) -> float:
    return round(100 * max(0.0, part) / whole, 3)
