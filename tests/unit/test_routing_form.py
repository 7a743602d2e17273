"""The routing form says what the rules are, and makes the same rules again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.queues import routing_form
from careline.queues.history import differences
from careline.queues.rules import (
    Callback,
    InvalidRules,
    Leave,
    Overflow,
    ReserveLevel,
    Ring,
    Rules,
    Sticky,
    Target,
    from_body,
    to_body,
)

pytestmark = pytest.mark.unit

OTHER = str(UUID(int=9))


def filled(rules: Rules) -> dict[str, str]:
    """The form's fields as a browser would send them for these rules."""
    fields: dict[str, str] = {}

    def put(where: str, value: Any) -> None:
        match value:
            case bool():
                fields.update({where: "on"} if value else {})
            case dict():
                for name, inner in value.items():
                    put(f"{where}.{name}" if where else name, inner)
            case None:
                fields[where] = ""
            case _:
                fields[where] = str(value)

    body = msgspec.to_builtins(rules)
    for name in ("rings", "reserve", "overflow"):
        body[name] = {str(n): row for n, row in enumerate(body[name])}
    for ring in body["rings"].values():
        ring["drop"] = " ".join(ring["drop"])
        ring["any_language"] = ring.pop("language") is False
        del ring["agents"]
    for holder in (*body["overflow"].values(), body["join"], body["leave"]):
        goal = holder.pop("target")
        holder.update(
            target=routing_form.chosen(goal),
            number=goal["to"] if goal["kind"] == "outside" else "",
            keep=goal["keep_place"],
        )
        holder.pop("not_counted", None)
    put("", body)
    return fields


targets = st.sampled_from(
    [
        Target(),
        Target(kind="queue", to=OTHER, keep_place=False),
        Target(kind="outside", to="+15555550123"),
        Target(kind="callback"),
        Target(kind="end", keep_place=False),
    ]
)
some_rules = st.builds(
    Rules,
    strategy=st.sampled_from(["longest-idle", "ring-all", "weighted-random"]),
    requirement=st.sampled_from(["", "scheduling >= 50 and not trainee"]),
    rings=st.sampled_from(
        [(), (Ring(after_seconds=30, drop=("spanish", "billing"), max_rank=1), Ring(after_seconds=90, language=False))]
    ),
    rings_frozen=st.booleans(),
    max_wait=st.sampled_from([{}, {"routine": 600}]),
    sticky=st.builds(Sticky, mode=st.sampled_from(["off", "members"]), seconds=st.integers(0, 600)),
    reserve=st.sampled_from([(), (ReserveLevel(waiting_above=5, waiting_below=2),)]),
    overflow=st.lists(
        st.builds(Overflow, measure=st.sampled_from(["waiting", "ratio"]), above=st.integers(0, 99), target=targets),
        max_size=5,
    ).map(tuple),
    leave=st.builds(Leave, when_empty=st.booleans(), target=targets),
    callback=st.builds(
        Callback,
        offered=st.booleans(),
        retries=st.integers(0, 10),
        schedulable=st.booleans(),
        ring_seconds=st.integers(10, 60),
        kept_hours=st.integers(1, 168),
        machines=st.booleans(),
        greeting_seconds=st.sampled_from([1.5, 3.0, 10.0]),
    ),
    idle_reset_by_outbound=st.booleans(),
)


@given(some_rules)
def test_the_form_makes_the_same_rules_again(rules: Rules) -> None:
    assert from_body(routing_form.read(filled(rules))) == rules


def test_an_empty_row_is_no_row() -> None:
    fields = filled(Rules()) | {"rings.0.after_seconds": "", "rings.0.drop": "spanish", "overflow.1.above": "3"}
    assert to_body(from_body(routing_form.read(fields))) == {}


def test_a_field_that_is_no_number_is_named() -> None:
    with pytest.raises(ValueError, match="weight"):
        routing_form.read(filled(Rules()) | {"weight": "heavy"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ring_seconds", "9"),
        ("ring_seconds", "61"),
        ("answer_seconds", "5"),
        ("greeting_seconds", "1"),
        ("lead_seconds", "901"),
        ("held_seconds", "29"),
        ("kept_hours", "0"),
        ("kept_hours", "169"),
        ("latest_days", "91"),
    ],
)
def test_times_of_a_callback_have_bounds_and_the_field_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidRules, match=f"callback.{name}"):
        from_body(routing_form.read(filled(Rules()) | {f"callback.{name}": value}))


def test_the_history_names_what_differs() -> None:
    before = {"name": "Billing", "routing": {"strategy": "linear", "rings": [{"after_seconds": 30}]}}
    after = {"name": "Billing", "routing": {"strategy": "linear", "rings": [{"after_seconds": 60}], "weight": 5}}
    assert differences(before, after) == [
        ("routing.rings 1.after_seconds", "30", "60"),
        ("routing.weight", "–", "5"),
    ]
