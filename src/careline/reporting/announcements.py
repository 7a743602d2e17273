"""How right the announced wait was: what callers were told, held against the wait that it became. Pure.

Every announcement of a wait counts, by the callers who were then connected: whoever gave up, left a message or was
called back never had an actual wait. The error of a range is the distance of the actual wait from its middle; a wait
inside the range told counts as covered. "More than so many minutes" has no middle: it is off by what was missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One announcement and what came of it."""

    #: The range told, in minutes; no `low`: more than `high`.
    low: int | None
    high: int
    #: Seconds from the announcement until an agent was connected.
    waited: float
    #: Whether it was longer than what the caller had been told before, and hence came with an apology.
    longer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """The announcements of a queue, together."""

    announcements: int
    #: Mean distance in seconds between told and actual wait.
    mean_error: float
    #: Per cent of announcements whose wait lay in the range told.
    coverage: float
    #: The ordinary case in seconds: what was told, what it became, and how far apart they lay (medians).
    told: float
    waited: float
    median_error: float
    #: How often a caller was told more than before, each time with an apology: it never grows silently.
    longer: int


def middle(told: Told) -> float:
    """What was told, in seconds: the middle of the range; of "more than", where it begins."""
    return (told.high if told.low is None else (told.low + told.high) / 2) * 60


def error(told: Told) -> float:
    """Seconds between what was told and what it became."""
    if told.low is None:
        return max(0.0, told.high * 60 - told.waited)
    return abs(told.waited - (told.low + told.high) * 30)


def covered(told: Told) -> bool:
    """Whether the caller was connected within the range told."""
    if told.low is None:
        return told.waited >= told.high * 60
    return told.low * 60 <= told.waited <= told.high * 60


def accuracy(found: Iterable[Told]) -> Accuracy | None:
    """Error and coverage; None before the first announcement that came true or not."""
    every = list(found)
    if not every:
        return None
    return Accuracy(
        announcements=len(every),
        mean_error=sum(map(error, every)) / len(every),
        coverage=100.0 * sum(map(covered, every)) / len(every),
        told=median(map(middle, every)),
        waited=median(one.waited for one in every),
        median_error=median(map(error, every)),
        longer=sum(one.longer for one in every),
    )
