"""Opening hours over daylight saving in both directions, midnight, holidays, and zones (checklist A5)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careline.kernel.calendar import ALWAYS, Calendar, Opening, to_instant
from careline.organization.forms import exceptions_written
from careline.organization.holidays import US_FEDERAL, read
from careline.organization.hours import Hours, InvalidHours

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


# --- days by rule (O18) -------------------------------------------------------------------------------------------


def hours(**body: object) -> Hours:
    weekly = {day: [["08:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    return Hours.from_body({"zone": "America/New_York", "weekly": weekly, **body})


def local(year: int, month: int, day: int, hour: int) -> datetime:
    return datetime(year, month, day, hour, tzinfo=NEW_YORK)


def rule(line: str) -> dict[str, object]:
    body = read(line)
    assert body is not None
    return body


def test_o18_a_holiday_by_rule_comes_every_year_and_beats_the_open_week() -> None:
    calendar = hours(recurring=[rule("every 4th thu of nov closed Thanksgiving Day")]).calendar()
    for thanksgiving in (date(2026, 11, 26), date(2027, 11, 25), date(2031, 11, 27)):
        assert calendar.spans(thanksgiving) == []
        assert calendar.spans(thanksgiving - timedelta(days=7)) != []


def test_o18_a_holiday_beats_an_opening_by_rule_and_a_dated_line_beats_both() -> None:
    clinic, holiday = rule("every 1st sat 09:00-12:00 Saturday clinic"), rule("every 07-04 closed Independence Day")
    both = hours(recurring=[clinic, holiday])
    assert both.calendar().spans(date(2026, 7, 4)) == []
    assert both.label_on(local(2026, 7, 4, 10)) == "Independence Day"
    assert both.calendar().is_open(local(2026, 8, 1, 10))
    dated = hours(recurring=[clinic, holiday], exceptions=[rule("2026-07-04 10:00-11:00 Fireworks clinic")])
    assert dated.calendar().is_open(local(2026, 7, 4, 10))
    assert not dated.calendar().is_open(local(2026, 7, 4, 9))
    assert dated.label_on(local(2026, 7, 4, 10)) == "Fireworks clinic"


def test_o18_a_fixed_holiday_on_a_weekend_is_observed_on_the_nearest_weekday() -> None:
    """5 U.S.C. 6103(b): Saturday's on the Friday before; E.O. 11582: Sunday's on the Monday after."""
    calendar = hours(recurring=[rule("every 07-04 observed closed Independence Day")]).calendar()
    assert not calendar.is_open(local(2026, 7, 3, 10)), "4 July 2026 is a Saturday"
    assert not calendar.is_open(local(2027, 7, 5, 10)), "4 July 2027 is a Sunday"
    assert calendar.is_open(local(2027, 7, 2, 10))
    assert not calendar.is_open(local(2028, 7, 4, 10)), "a Tuesday"


def test_o18_the_federal_holidays_of_2026() -> None:
    kept = hours(recurring=[rule(line) for line in US_FEDERAL]).calendar()
    year = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    closed = [d for d in year if d.weekday() < 5 and not kept.spans(d)]
    assert closed == [
        date(2026, 1, 1), date(2026, 1, 19), date(2026, 2, 16), date(2026, 5, 25), date(2026, 6, 19), date(2026, 7, 3),
        date(2026, 9, 7), date(2026, 10, 12), date(2026, 11, 11), date(2026, 11, 26), date(2026, 12, 25),
    ]  # fmt: skip


def test_o18_a_range_of_days_closes_all_of_them() -> None:
    calendar = hours(exceptions=[rule("2026-12-28..2027-01-02 closed Winter break")]).calendar()
    assert calendar.next_change(local(2026, 12, 25, 18)) == local(2027, 1, 4, 8).astimezone(UTC)


def test_o18_every_other_week_counts_from_its_start() -> None:
    late = rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=WE from 2026-11-04 08:00-20:00 Late Wednesday")
    calendar = hours(recurring=[late]).calendar()
    assert [calendar.is_open(local(2026, 11, d, 19)) for d in (4, 11, 18, 25)] == [True, False, True, False]
    assert calendar.is_open(local(2026, 11, 11, 9)), "the other weeks keep their ordinary hours"


def test_o18_a_rule_holds_by_wall_time_on_both_days_the_clocks_change() -> None:
    spring, autumn = rule("every 2nd sun of mar 00:00-06:00 Spring"), rule("every 1st sun of nov 00:00-06:00 Autumn")
    calendar = hours(recurring=[spring, autumn]).calendar()
    assert open_minutes(calendar, SPRING) == 5 * 60
    assert open_minutes(calendar, AUTUMN) == 7 * 60


@pytest.mark.parametrize("line", [*US_FEDERAL, "every 1st sat 09:00-12:00 Clinic", "every last fri 08:00-12:00 Short"])
def test_what_was_written_is_read_back_the_same(line: str) -> None:
    found = hours(recurring=[rule(line)])
    assert exceptions_written(found) == line
    assert Hours.from_body(found.to_body()).recurring == found.recurring


@pytest.mark.parametrize(
    "line", ["sometimes closed", "every 4th noday of nov closed", "every 13th fri closed", "FREQ", "2026-13 closed"]
)
def test_a_line_that_means_nothing_is_refused(line: str) -> None:
    body = read(line)
    with pytest.raises(InvalidHours):
        hours(recurring=[body] if body else [{"rule": line}])


@pytest.mark.parametrize(
    "text", ["FREQ=HOURLY", "FREQ=DAILY;BYHOUR=3", "FREQ=YEARLY;BYMONTH=x", "BYDAY=MO", "FREQ=DAILY;X", ""]
)
def test_a_rule_that_does_not_name_days_is_refused(text: str) -> None:
    with pytest.raises(InvalidHours):
        hours(recurring=[{"rule": text, "open": []}])


def test_o18_every_day_of_a_range_is_told_by_its_name() -> None:
    winter = hours(exceptions=[rule("2026-12-28..2027-01-02 closed Winter break")])
    named = [winter.label_on(local(2026, 12, 28, 9) + timedelta(days=n)) for n in range(-1, 7)]
    assert named == [None, *["Winter break"] * 6, None]


@pytest.mark.parametrize(
    ("openings", "refused"),
    [([["08:00", "12:00"], ["12:00", "17:00"]], False), ([["08:00", "12:00"], ["11:00", "17:00"]], True),
     ([["08:00", "24:00"], ["17:00", "18:00"]], True), ([["00:00", "08:00"], ["17:00", "24:00"]], False)],
)  # fmt: skip
def test_o18_openings_of_a_day_do_not_overlap_however_late_they_end(openings: list[list[str]], refused: bool) -> None:
    body = {"zone": "America/Chicago", "weekly": {"mon": openings}}
    try:
        Hours.from_body(body)
    except InvalidHours:
        assert refused
    else:
        assert not refused
