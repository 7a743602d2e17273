"""Whatever is typed, names, numbers, hours and addresses never break, and what was made readable can be read again."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careline.kernel.phone import pretty, spoken, to_e164
from careline.messages.model import DUE_MINUTES, TRANSITIONS, Move, State, Urgency, after, due_after
from careline.organization.forms import exceptions_written, written
from careline.organization.hours import WEEKDAYS, Hours
from careline.patients.matching import birth_date_slips, fit
from careline.patients.model import Record, Sought, Stated
from careline.patients.names import fold, keys, words
from careline.patients.policy import shipped
from careline.patients.verification import compare, same_name

pytestmark = pytest.mark.unit

TEXT = st.text(max_size=60)
NAMES = st.text(st.characters(categories=["L", "M", "Pd", "Zs"]), min_size=1, max_size=24)


def record(given_name: str, family: str) -> Record:
    return Record(
        id=uuid4(), mrn="LH-1", given=given_name, middle="", family=family, suffix="", preferred="", former_family="",
        birth_date=date(1984, 3, 12), street="12 Elm Street", postal_code="60614",
    )  # fmt: skip


@given(TEXT)
def test_folding_is_stable(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(NAMES, NAMES)
def test_everybody_is_verified_by_their_own_name_and_found_by_it(given_name: str, family: str) -> None:
    someone = record(given_name, family)
    # Scripts that do not fold to Latin letters leave nothing to compare; such names are verified otherwise.
    if not words(given_name) or not words(family) or {*words(given_name)} & {*words(family)}:
        return
    assert same_name(f"{given_name} {family}", someone, [])
    assert same_name(f"{family} {given_name}", someone, [someone])
    assert fit(someone, Sought(name=f"{given_name} {family}"), phone=None)[0] > 0
    assert set(keys(words(f"{given_name} {family}"))) <= set(keys(words(given_name, family)))


@given(TEXT, TEXT, TEXT, TEXT, TEXT)
def test_no_statement_breaks_the_comparison(name: str, phone: str, postal: str, street: str, mrn: str) -> None:
    stated = Stated(name=name, phone=phone, postal_code=postal, street=street, mrn=mrn, email=name, member_id=mrn)
    agreed, disagreed = compare(stated, record("Maria", "Garcia"), [])
    assert agreed | disagreed == stated.given()
    assert not agreed & disagreed


@given(st.sets(st.sampled_from(["name", "birth_date", "phone", "postal_code", "street", "mrn", "email", "member_id"])))
def test_more_that_agrees_never_lowers_the_level(agreed: set[str]) -> None:
    policy = shipped()
    for one in agreed:
        assert policy.reached(agreed - {one}) <= policy.reached(agreed)
    assert policy.reached(agreed) == 0 or {"name", "birth_date"} <= agreed


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2026, 12, 31)))
def test_a_slip_can_be_slipped_back(day: date) -> None:
    for slip in birth_date_slips(day):
        assert day in birth_date_slips(slip)


@given(TEXT)
def test_a_number_is_none_or_stays_itself(text: str) -> None:
    number = to_e164(text)
    if number is not None:
        assert to_e164(number) == number
        assert to_e164(pretty(number)) == number
        assert "".join(c for c in spoken(number) if c.isdigit()) in number


_TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))


@st.composite
def _openings(draw: st.DrawFn) -> tuple[tuple[time, time], ...]:
    edges = sorted(draw(st.sets(_TIMES.filter(lambda t: t != time(0)), max_size=6)))
    return tuple(zip(edges[::2], edges[1::2], strict=False))


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(WEEKDAYS), _openings()),
    st.dictionaries(st.dates(date(2026, 1, 1), date(2027, 12, 31)), _openings(), max_size=4),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_hours_survive_being_written_down_and_change_when_they_say(
    weekly: dict[str, tuple[tuple[time, time], ...]],
    exceptions: dict[date, tuple[tuple[time, time], ...]],
    at: datetime,
) -> None:
    body = {
        "zone": "America/Chicago",
        "weekly": {d: [[f"{a:%H:%M}", f"{b:%H:%M}"] for a, b in o] for d, o in weekly.items()},
        "exceptions": [
            {"day": d.isoformat(), "label": "x", "open": [[f"{a:%H:%M}", f"{b:%H:%M}"] for a, b in o]}
            for d, o in exceptions.items()
        ],
    }
    hours = Hours.from_body(body)
    assert Hours.from_body(hours.to_body()).calendar() == Hours.from_body(hours.to_body()).calendar()
    assert Hours.from_body(hours.to_body()).to_body() == hours.to_body()
    assert all(written(o).count("-") == len(o) for o in weekly.values())
    assert len(exceptions_written(hours).splitlines()) == len(exceptions)
    calendar = hours.calendar()
    change = calendar.next_change(at)
    if change is not None:
        assert change > at
        assert calendar.is_open(change) != calendar.is_open(at)
        assert calendar.is_open(change - timedelta(seconds=1)) == calendar.is_open(at)


@given(st.lists(st.sampled_from(list(Move)), max_size=30), st.sampled_from(list(Urgency)))
def test_a4_no_course_of_moves_leaves_an_open_message_without_a_limit(moves: list[Move], urgency: Urgency) -> None:
    now, state = datetime(2026, 11, 23, tzinfo=UTC), State.NEW
    for move in moves:
        if (state, move) in TRANSITIONS:
            state = after(state, move)
        due = due_after(urgency, state, now)
        assert (due is None) == (state is State.DONE)
        assert due is None or due <= now + timedelta(minutes=max(DUE_MINUTES[urgency]))
