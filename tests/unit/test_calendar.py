"""Opening hours over daylight saving in both directions, midnight, holidays, and zones (checklist A5)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careline.kernel.calendar import ALWAYS, Calendar, Opening, to_instant

pytestmark = pytest.mark.unit

NEW_YORK = ZoneInfo("America/New_York")
#: 2026: clocks go forward at 02:00 on 8 March and back at 02:00 on 1 November.
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)
OFFICE: tuple[Opening, ...] = ((time(8), time(17)),)


def every_day(*openings: Opening, zone: str = "America/New_York") -> Calendar:
    return Calendar(zone=zone, weekly=dict.fromkeys(range(7), openings))


def utc(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def open_minutes(calendar: Calendar, day: date) -> int:
    """Minutes open within the local day, counted one by one."""
    zone = ZoneInfo(calendar.zone)
    at = datetime.combine(day, time(0), zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(UTC)
    return sum(calendar.is_open(at + timedelta(minutes=m)) for m in range(int((end - at).total_seconds() // 60)))


def test_a5_the_wall_time_stays_when_clocks_go_forward() -> None:
    calendar = every_day(*OFFICE)
    assert calendar.spans(SPRING - timedelta(days=1)) == [(utc(2026, 3, 7, 13), utc(2026, 3, 7, 22))]
    assert calendar.spans(SPRING) == [(utc(2026, 3, 8, 12), utc(2026, 3, 8, 21))]


def test_a5_the_wall_time_stays_when_clocks_go_back() -> None:
    calendar = every_day(*OFFICE)
    assert calendar.spans(AUTUMN - timedelta(days=1)) == [(utc(2026, 10, 31, 12), utc(2026, 10, 31, 21))]
    assert calendar.spans(AUTUMN) == [(utc(2026, 11, 1, 13), utc(2026, 11, 1, 22))]


def test_a5_a_wall_time_that_does_not_exist_moves_forward() -> None:
    assert to_instant(SPRING, time(2, 30), NEW_YORK).astimezone(NEW_YORK).time() == time(3, 30)
    # Opening at 02:30 that night means 03:30; closing at 02:30 means 03:30 as well: the hour is not there to be cut.
    assert every_day((time(2, 30), time(6))).spans(SPRING) == [(utc(2026, 3, 8, 7, 30), utc(2026, 3, 8, 10))]
    assert every_day((time(1), time(2, 30))).spans(SPRING) == [(utc(2026, 3, 8, 6), utc(2026, 3, 8, 7, 30))]


def test_a5_a_repeated_wall_time_opens_at_the_first_and_closes_at_the_second() -> None:
    first, second = utc(2026, 11, 1, 5, 30), utc(2026, 11, 1, 6, 30)
    assert to_instant(AUTUMN, time(1, 30), NEW_YORK) == first
    assert to_instant(AUTUMN, time(1, 30), NEW_YORK, last=True) == second
    assert every_day((time(1, 30), time(4))).spans(AUTUMN)[0][0] == first
    closes_late = every_day((time(0), time(1, 30)))
    assert closes_late.spans(AUTUMN)[0][1] == second
    assert closes_late.is_open(second - timedelta(seconds=1)) and not closes_late.is_open(second)


@pytest.mark.parametrize(("day", "minutes"), [(SPRING, 23 * 60), (AUTUMN, 25 * 60), (date(2026, 6, 1), 24 * 60)])
def test_a5_open_around_the_clock_has_no_hole_on_any_day(day: date, minutes: int) -> None:
    assert open_minutes(every_day((time(0), time(0))), day) == minutes


def test_a5_a_night_shift_over_the_change_ends_by_the_new_clock() -> None:
    calendar = every_day((time(17), time(8)))
    start, end = calendar.spans(SPRING - timedelta(days=1))[0]
    assert (end - start) == timedelta(hours=14)
    start, end = calendar.spans(AUTUMN - timedelta(days=1))[0]
    assert (end - start) == timedelta(hours=16)


def test_a5_the_next_change_is_an_instant_of_the_zone_not_of_this_machine() -> None:
    calendar = every_day(*OFFICE)
    saturday_evening = utc(2026, 3, 8, 1)
    assert calendar.next_change(saturday_evening) == utc(2026, 3, 8, 12)
    assert every_day(*OFFICE, zone="America/Phoenix").next_change(saturday_evening) == utc(2026, 3, 8, 15)


def test_a5_southern_and_half_hour_zones() -> None:
    adelaide = every_day(*OFFICE, zone="Australia/Adelaide")
    assert adelaide.spans(date(2026, 4, 4))[0][0] == utc(2026, 4, 3, 21, 30)  # summer time there: +10:30
    assert adelaide.spans(date(2026, 4, 5))[0][0] == utc(2026, 4, 4, 22, 30)  # back to +9:30


def test_a_holiday_closes_and_an_exception_replaces_the_day() -> None:
    calendar = Calendar(
        zone="America/New_York",
        weekly=dict.fromkeys(range(7), OFFICE),
        exceptions={date(2026, 12, 25): (), date(2026, 12, 24): ((time(8), time(12)),)},
    )
    assert calendar.spans(date(2026, 12, 25)) == []
    assert calendar.next_change(utc(2026, 12, 24, 18)) == utc(2026, 12, 26, 13)
    assert calendar.next_change(utc(2026, 12, 24, 14)) == utc(2026, 12, 24, 17)


def test_the_night_before_a_holiday_still_ends_in_it() -> None:
    nights = Calendar(
        zone="America/New_York", weekly={day: ((time(20), time(6)),) for day in range(7)}, exceptions={AUTUMN: ()}
    )
    assert nights.is_open(utc(2026, 11, 1, 8))
    assert not nights.is_open(utc(2026, 11, 2, 2))


def test_openings_that_touch_are_one() -> None:
    calendar = every_day((time(8), time(12)), (time(12), time(17)))
    assert calendar.next_change(utc(2026, 6, 1, 13)) == utc(2026, 6, 1, 21)


def test_always_and_never_do_not_change() -> None:
    assert ALWAYS.is_open(utc(2026, 3, 8, 7)) and ALWAYS.next_change(utc(2026, 3, 8, 7)) is None
    never = Calendar(zone="UTC")
    assert not never.is_open(utc(2026, 1, 1, 0)) and never.next_change(utc(2026, 1, 1, 0)) is None


@settings(max_examples=60, deadline=None)
@given(
    opens=st.integers(0, 95),
    closes=st.integers(0, 95),
    around=st.sampled_from([SPRING, AUTUMN, date(2026, 7, 1)]),
    minute=st.integers(0, 3 * 24 * 60),
)
def test_a5_the_next_change_is_where_the_answer_changes(opens: int, closes: int, around: date, minute: int) -> None:
    calendar = every_day((time(opens // 4, opens % 4 * 15), time(closes // 4, closes % 4 * 15)))
    at = datetime.combine(around - timedelta(days=1), time(0), UTC) + timedelta(minutes=minute)
    change = calendar.next_change(at)
    if change is None:
        assert opens == closes
        return
    assert change > at
    assert calendar.is_open(change) != calendar.is_open(at)
    step = (change - at) / 50
    assert {calendar.is_open(at + step * part) for part in range(50)} == {calendar.is_open(at)}
