"""A message's states and clocks: from everywhere there is a way to done, and no open state is without a limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from careline.messages.model import (
    DUE_MINUTES,
    TRANSITIONS,
    Move,
    State,
    Urgency,
    WrongState,
    after,
    due_after,
    due_forwarded,
    reminder_after,
)

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize("urgency", Urgency)
@pytest.mark.parametrize("state", State)
def test_a4_every_open_state_has_a_limit_and_only_done_has_none(state: State, urgency: Urgency) -> None:
    due = due_after(urgency, state, NOW)
    assert (due is None) == (state is State.DONE)
    assert due is None or due > NOW
    assert reminder_after(urgency, NOW) > NOW


def test_from_every_open_state_a_message_can_be_finished_and_from_done_reopened() -> None:
    for state in State:
        move = Move.REOPEN if state is State.DONE else Move.FINISH
        assert after(state, move) is (State.READ if state is State.DONE else State.DONE)


@pytest.mark.parametrize(("state", "move"), [(s, m) for s in State for m in Move if (s, m) not in TRANSITIONS])
def test_what_is_not_listed_is_refused(state: State, move: Move) -> None:
    with pytest.raises(WrongState):
        after(state, move)


def test_opening_never_undoes_progress() -> None:
    assert after(State.ACKNOWLEDGED, Move.READ) is State.ACKNOWLEDGED
    assert after(State.DONE, Move.READ) is State.DONE


def test_the_more_urgent_the_shorter_every_limit() -> None:
    for place in range(3):
        limits = [DUE_MINUTES[u][place] for u in (Urgency.CRITICAL, Urgency.URGENT, Urgency.ROUTINE)]
        assert limits == sorted(set(limits))


def test_forwarding_buys_no_time_but_leaves_a_moment() -> None:
    later = NOW + timedelta(hours=3)
    assert due_forwarded(later, NOW) == later
    assert due_forwarded(NOW - timedelta(hours=1), NOW) == NOW + timedelta(minutes=10)
