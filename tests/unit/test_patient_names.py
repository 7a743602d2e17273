"""Names as they are said, misheard and mistyped; birth dates with one slip; the strict comparison for verification."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from careline.patients.matching import birth_date_slips, fit
from careline.patients.model import Grant, Phone, Record, Sought, Stated, UnknownRole
from careline.patients.names import fold, near, nicknames, words
from careline.patients.policy import InvalidPolicy, Policy, shipped
from careline.patients.verification import authority, compare, same_name, similar

pytestmark = pytest.mark.unit

BORN = date(1984, 3, 12)
TODAY = date(2026, 11, 23)


def record(given: str = "María", family: str = "García López", **columns: object) -> Record:
    values: dict[str, object] = {
        "id": uuid4(),
        "mrn": "LH-100200",
        "given": given,
        "middle": "",
        "family": family,
        "suffix": "",
        "preferred": "",
        "former_family": "",
        "birth_date": BORN,
        "street": "412 N Birch Street, Apt 3",
        "postal_code": "60614-1234",
        "email": "maria@example.org",
        "phones": (Phone(number="+13125550142", use="mobile", changed_at=datetime(2020, 1, 1, tzinfo=UTC)),),
        "member_ids": ("XKJ 884-201",),
        **columns,
    }
    return Record(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "folded"),
    [("María-José", "maria jose"), ("O'Brien", "obrien"), ("  Núñez ", "nunez"), ("SMITH, Jr.", "smith jr")],
)
def test_names_are_folded(written: str, folded: str) -> None:
    assert fold(written) == folded


def test_titles_and_generation_marks_tell_nobody_apart() -> None:
    assert words("Dr. Robert Smith, Jr.") == ("robert", "smith")


def test_nicknames_go_both_ways_and_stay_in_their_family() -> None:
    assert "bob" in nicknames("robert") and "robert" in nicknames("bob")
    assert "lupita" in nicknames("guadalupe")
    assert "bob" not in nicknames("maria")


@pytest.mark.parametrize(("a", "b"), [("catherine", "katherine"), ("schmidt", "schmitt"), ("gonzalez", "gonzales")])
def test_words_that_sound_alike_are_near(a: str, b: str) -> None:
    assert near(a, b)


@pytest.mark.parametrize(("a", "b"), [("maria", "robert"), ("ana", "ina"), ("garcia", "gomez")])
def test_different_words_are_not_near(a: str, b: str) -> None:
    assert not near(a, b)


def test_one_slip_of_a_birth_date() -> None:
    slips = birth_date_slips(date(1984, 3, 12))
    assert date(1984, 12, 3) in slips
    assert date(1948, 3, 12) in slips
    assert date(1984, 3, 21) in slips
    assert date(1984, 3, 12) not in slips
    assert date(1985, 3, 12) not in slips


@pytest.mark.parametrize(
    ("sought", "reason"),
    [
        (Sought(name="Maria Garcia"), "name-exact"),
        (Sought(name="Garcia Maria"), "name-swapped"),
        (Sought(name="Mari Garcia"), "name-nickname"),
        (Sought(name="Mariah Garsia"), "name-sounds"),
        (Sought(name="Garcia", birth_date=BORN), "name-part"),
        (Sought(mrn="lh100200"), "mrn"),
        (Sought(member_id="XKJ884201"), "member-id"),
        (Sought(name="Maria Garcia", birth_date=date(1984, 12, 3)), "birth-date-slip"),
    ],
)
def test_b1_search_finds_and_says_why(sought: Sought, reason: str) -> None:
    score, reasons = fit(record(), sought, phone=None)
    assert score > 0
    assert reason in reasons


def test_b1_a_better_fit_ranks_higher() -> None:
    exact = fit(record(), Sought(name="Maria Garcia", birth_date=BORN), phone=None)[0]
    slip = fit(record(), Sought(name="Maria Garcia", birth_date=date(1984, 12, 3)), phone=None)[0]
    sound = fit(record(), Sought(name="Mariah Garsia", birth_date=BORN), phone=None)[0]
    assert exact > sound > slip > 0


def test_b1_another_name_on_the_same_day_is_no_fit() -> None:
    assert fit(record(), Sought(name="Robert Stone", birth_date=BORN), phone=None) == (0, ())


@pytest.mark.parametrize(
    "said", ["Maria Garcia", "María García López", "garcia lopez, maria", "Mari Garcia", "Mariah Garsia Lopez"]
)
def test_a_stated_name_agrees_however_it_is_written(said: str) -> None:
    assert same_name(said, record(), [])


@pytest.mark.parametrize("said", ["Maria", "Garcia", "Maria Jones", "Robert Garcia", "Maria Garcia Stone", "", "?"])
def test_a_stated_name_that_is_not_wholly_this_patients_disagrees(said: str) -> None:
    assert not same_name(said, record(), [])


def test_a_misheard_name_is_not_let_through_where_a_twin_exists() -> None:
    jayden = record("Jayden", "Lee", household_id=(home := uuid4()))
    jaden = record("Jaden", "Lee", household_id=home)
    assert similar(jayden, jaden)
    assert same_name("Jaden Lee", jayden, [])
    assert not same_name("Jaden Lee", jayden, [jaden])
    assert same_name("Jayden Lee", jayden, [jaden])


def test_father_and_son_of_one_name_are_similar_and_strangers_are_not() -> None:
    home = uuid4()
    father = record("Robert", "Stone", birth_date=date(1960, 5, 1), household_id=home, suffix="Sr")
    son = record("Bob", "Stone", birth_date=date(1990, 7, 9), household_id=home, suffix="Jr")
    assert similar(father, son)
    assert not similar(father, record("Robert", "Stone", birth_date=date(1971, 1, 2)))


def test_b4_identifiers_agree_in_the_ways_people_say_them() -> None:
    stated = Stated(
        name="Maria Garcia",
        birth_date=BORN,
        phone="(312) 555/0142",
        postal_code="60614",
        street="412 Birch St.",
        mrn="lh 100200",
        email=" Maria@Example.org",
        member_id="xkj884201",
    )
    agreed, disagreed = compare(stated, record(), [])
    assert agreed == stated.given()
    assert disagreed == frozenset()


def test_b4_what_is_wrong_disagrees_and_what_was_not_stated_is_neither() -> None:
    stated = Stated(name="Maria Garcia", birth_date=date(1984, 3, 21), phone="312 555 0143", street="Birch Street")
    agreed, disagreed = compare(stated, record(), [])
    assert agreed == {"name"}
    assert disagreed == {"birth_date", "phone", "street"}


def test_an_empty_stored_value_agrees_with_nothing() -> None:
    bare = record(email="", postal_code="", street="", phones=(), member_ids=())
    stated = Stated(email=" ", postal_code="-", street="1 A", phone="anonymous", member_id="-")
    assert compare(stated, bare, [])[0] == frozenset()


def test_levels_need_what_the_policy_says() -> None:
    policy = shipped()
    assert policy.reached({"name", "birth_date"}) == 0
    assert policy.reached({"name", "postal_code", "mrn", "phone"}) == 0
    assert policy.reached({"name", "birth_date", "postal_code"}) == 1
    assert policy.reached({"name", "birth_date", "mrn", "street"}) == 1
    assert policy.reached({"name", "birth_date", "postal_code", "phone"}) == 2
    assert policy.needed("results") == 3
    assert policy.needed("something nobody listed") == 3
    assert policy.needed("emergency") == 0 and policy.needed("take-message") == 0


def test_the_shipped_policy_says_what_it_rests_on() -> None:
    assert "164.514(h)" in shipped().citation


def test_a_policy_that_stands_before_an_emergency_is_refused() -> None:
    body = {
        "name": "too strict",
        "valid_from": "2026-01-01T00:00:00Z",
        "citation": "our own",
        "levels": {},
        "actions": {"emergency": 1},
        "roles": {},
        "authorities": {},
        "minor": {"age": 18, "most_level": 1, "scope": []},
        "failures": {"most": 3, "hours": 24},
        "shared_number_from": 8,
    }
    with pytest.raises(InvalidPolicy):
        Policy.from_body(body)


def grant(**columns: object) -> Grant:
    values: dict[str, object] = {
        "id": uuid4(),
        "holder_name": "Elena García",
        "holder_phone": None,
        "role": "parent",
        "scope": frozenset({"schedule"}),
        "basis": "parent of a minor",
        "note": "",
        "valid_from": date(2020, 1, 1),
        "valid_until": None,
        "age_out": date(2030, 5, 1),
        "revoked_at": None,
        **columns,
    }
    return Grant(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("columns", "holds"),
    [
        ({}, True),
        ({"age_out": TODAY}, False),
        ({"valid_until": TODAY}, False),
        ({"valid_from": date(2026, 11, 24)}, False),
        ({"revoked_at": datetime(2026, 1, 1, tzinfo=UTC)}, False),
    ],
)
def test_b6_a_grant_holds_only_in_its_time(columns: dict[str, object], holds: bool) -> None:
    assert grant(**columns).holds(TODAY) is holds


def test_b6_a_proxy_has_the_scope_of_the_grant_and_nobody_else_has_any() -> None:
    child = record("Leo", birth_date=date(2018, 5, 1), grants=(grant(),))
    policy = shipped()
    mother = authority(policy, "parent", "Elena Garcia", child, TODAY)
    stranger = authority(policy, "parent", "Nora Stone", child, TODAY)
    assert (mother.scope, mother.limited_by) == (frozenset({"schedule"}), None)
    assert (stranger.most_level, stranger.limited_by) == (0, "no-grant")
    assert authority(policy, "spouse/family", "Elena Garcia", child, TODAY).most_level == 0
    assert authority(policy, "parent", None, child, TODAY).most_level == 0


def test_b6_a_minor_speaking_alone_is_limited_and_an_officer_has_no_right() -> None:
    child = record("Leo", birth_date=date(2012, 5, 1))
    assert authority(shipped(), "self", None, child, TODAY).limited_by == "minor"
    assert authority(shipped(), "law-enforcement", "Sgt. Pine", child, TODAY).most_level == 0
    with pytest.raises(UnknownRole):
        authority(shipped(), "wizard", None, child, TODAY)
