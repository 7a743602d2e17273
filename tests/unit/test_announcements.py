"""How right an announced wait was: error and coverage, by hand."""

from __future__ import annotations

import pytest

from careline.calls.waiting import BANDS, tell
from careline.queues.estimate import Announced, moving_average_minutes
from careline.queues.rules import Announce
from careline.reporting.announcements import Told, accuracy, covered, error
from careline.telephony.prompts.phrases import WAIT_BANDS

pytestmark = pytest.mark.unit


def test_o10_error_and_coverage_of_the_announced_wait():
    told = [
        Told(low=5, high=10, waited=450),
        Told(low=2, high=5, waited=400),
        Told(low=None, high=30, waited=2000),
        Told(low=None, high=30, waited=1500),
    ]
    assert [error(t) for t in told] == [0, 190, 0, 300]
    assert [covered(t) for t in told] == [True, False, True, False]
    found = accuracy(told)
    assert found is not None
    assert (found.announcements, found.mean_error, found.coverage) == (4, 122.5, 50.0)
    assert (found.told, found.waited, found.median_error, found.longer) == (1125.0, 975.0, 95.0, 0)
    assert accuracy([]) is None


def test_the_ranges_that_are_told_are_those_that_are_recorded():
    assert BANDS == WAIT_BANDS


def test_complaint_58_the_vector_that_grows_elsewhere_does_not_grow_here():
    assert [moving_average_minutes(60, waited) for waited in (300, 600)] == [3, 8]
    last: Announced | None = None
    highs = []
    for _ in range(10):
        last = tell(60, last, Announce()) or last
        assert last is not None
        highs.append(last.high)
    assert highs == sorted(highs, reverse=True)


def test_o10_beyond_the_cap_it_is_more_than():
    assert tell(3000, None, Announce(cap_minutes=20)) == Announced(low=None, high=20)
    assert tell(None, None, Announce()) is None
    assert tell(60, None, Announce(wait=False)) is None
