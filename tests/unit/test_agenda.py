"""What is due when: the same answers as a plain list, whatever is put in, moved and taken out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.calls.agenda import Agenda

pytestmark = pytest.mark.unit

NOON = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
CHANGES = st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 20)), max_size=40)


@given(CHANGES, st.integers(0, 20))
def test_what_is_due_is_what_a_plain_list_says(changes: list[tuple[int, int | None]], now: int):
    agenda, plain = Agenda(), {}
    for key, second in changes:
        moment = None if second is None else NOON + timedelta(seconds=second)
        agenda.put(UUID(int=key), moment)
        plain.pop(UUID(int=key), None)
        if moment:
            plain[UUID(int=key)] = moment
        assert agenda.next() == min(plain.values(), default=None)
    instant = NOON + timedelta(seconds=now)
    expected = sorted((m, k) for k, m in plain.items() if m <= instant)
    assert agenda.take_due(instant) == [k for _, k in expected]
    assert agenda.take_due(instant) == []
    left = [m for m in plain.values() if m > instant]
    assert agenda.next() == min(left, default=None)
