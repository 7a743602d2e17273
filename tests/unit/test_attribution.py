"""T4: which day, which queue and which fate a call counts for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from careline.reporting.attribution import Entry, Fate, Happened, count, entries, local_day

pytestmark = pytest.mark.unit

ONE, TWO = UUID(int=1), UUID(int=2)
CALL = UUID(int=77)
NOON = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


def told(*steps: tuple[float, str, dict[str, Any]], since: datetime = NOON) -> list[Entry]:
    """The entries of one call, from its steps: seconds, kind, body."""
    return entries([Happened(call_id=CALL, kind=k, at=since + timedelta(seconds=s), body=b) for s, k, b in steps])


def queued(second: float, queue: UUID = ONE) -> tuple[float, str, dict[str, Any]]:
    return (second, "queued", {"queue_id": str(queue)})


def fates(found: list[Entry]) -> list[tuple[int, str, float | None]]:
    return [(entry.queue_id.int, entry.fate.value, entry.waited) for entry in found]


def test_t4_the_clock_starts_at_the_entry_into_the_queue_and_not_in_the_menu():
    found = told((0, "arrived", {}), (45, "flow_moved", {}), queued(45), (55, "connected", {}))
    assert fates(found) == [(1, "answered", 10.0)]
    assert count(found, threshold=20, short=5).answered_in_t == 1


def test_t4_a_transfer_to_a_queue_counts_once_in_each():
    found = told(queued(0), (8, "connected", {}), (100, "transferred", {}), queued(100, TWO), (130, "connected", {}))
    assert fates(found) == [(1, "answered", 8.0), (2, "answered", 30.0)]


def test_t4_a_call_that_is_moved_flows_out_of_the_first_queue():
    assert fates(told(queued(0), queued(20, TWO), (25, "ended", {"by": "caller"}))) == [
        (1, "flowed-out", 20.0),
        (2, "abandoned", 5.0),
    ]


def test_t4_a_call_that_lost_its_agent_is_presented_once():
    found = told(queued(0), (5, "connected", {}), (60, "requeued", {}), queued(60), (70, "connected", {}))
    assert fates(found) == [(1, "answered", 5.0)]


@pytest.mark.parametrize(
    "way",
    [
        (30.0, "voicemail_started", {}),
        (30.0, "flow_moved", {}),
        (30.0, "ending", {}),
        (30.0, "transferred", {}),
        (30.0, "ended", {"by": "system"}),
    ],
)
def test_t4_leaving_the_queue_alive_is_no_abandonment_even_if_the_caller_hangs_up_later(way):
    found = told(queued(0), way, (90, "ended", {"by": "caller"}))
    assert fates(found) == [(1, "flowed-out", 30.0)]


@pytest.mark.parametrize("first", ["agent", "caller"])
def test_t4_a_callback_is_no_abandonment_and_is_presented_once(first):
    later = [queued(900)] if first == "caller" else []
    found = told(queued(0), (60, "callback_arranged", {}), (70, "callback_waiting", {}), *later, (910, "connected", {}))
    assert fates(found) == [(1, "flowed-out", 60.0)]


def test_t4_a_restart_changes_nothing():
    steps = [queued(0), (12, "connected", {})]
    assert told(steps[0], (5, "recovered", {}), steps[1]) == told(*steps)


def test_t4_a_call_across_midnight_belongs_to_the_day_of_its_entry():
    start, end = local_day(date(2026, 11, 23), "America/Chicago")
    (entry,) = told(queued(-20), (30, "connected", {}), since=end)
    assert start <= entry.at < end
    assert (entry.fate, entry.waited) == (Fate.ANSWERED, 50.0)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 11, 23), "America/Chicago", 24),
        (date(2026, 3, 8), "America/Chicago", 23),
        (date(2026, 11, 1), "America/Chicago", 25),
        (date(2018, 11, 4), "America/Sao_Paulo", 23),
        (date(2026, 4, 5), "Australia/Lord_Howe", 24.5),
    ],
)
def test_t4_a_day_is_as_long_as_its_zone_makes_it(day, zone, hours):
    start, end = local_day(day, zone)
    assert (end - start) == timedelta(hours=hours)
    before, _ = local_day(day + timedelta(days=1), zone)
    assert before == end, "days meet without a gap or an overlap"


def test_t4_a_call_over_the_repeated_hour_waits_as_long_as_it_waits():
    start, _ = local_day(date(2026, 11, 1), "America/Chicago")
    (entry,) = told(queued(3600 * 2 - 30), (3600 * 2 + 30, "connected", {}), since=start)
    assert entry.waited == 60.0
