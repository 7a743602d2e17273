"""Numbers, dates, times and amounts are said as people say them, in English and Spanish."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.telephony.prompts import values
from careline.telephony.prompts.catalogue import catalogue, names, ordinal
from careline.telephony.prompts.phrases import UnknownPrompt

pytestmark = pytest.mark.unit


def said(pieces: list[str], lang: str) -> str:
    texts = catalogue().recordings(lang)
    return " ".join(texts[p] for p in pieces if p != "silence")


@pytest.mark.parametrize(
    ("value", "english", "spanish"),
    [
        (0, "zero", "cero"),
        (21, "twenty-one", "veintiuno"),
        (100, "one hundred", "cien"),
        (101, "one hundred one", "ciento uno"),
        (555, "five hundred fifty-five", "quinientos cincuenta y cinco"),
        (1000, "one thousand", "mil"),
        (1999, "one thousand nine hundred ninety-nine", "mil novecientos noventa y nueve"),
        (21_000, "twenty-one thousand", "veintiún mil"),
        (131_011, "one hundred thirty-one thousand eleven", "ciento treinta y un mil once"),
        (-5, "minus five", "menos cinco"),
    ],
)
def test_numbers(value: int, english: str, spanish: str) -> None:
    assert said(values.number(value), "en") == english
    assert said(values.number(value), "es") == spanish


@pytest.mark.parametrize(
    ("day", "english", "spanish"),
    [
        (date(2026, 3, 3), "Tuesday March third twenty twenty-six", "martes tres de marzo de dos mil veintiséis"),
        (
            date(2027, 1, 1),
            "Friday January first twenty twenty-seven",
            "viernes primero de enero de dos mil veintisiete",
        ),
        (
            date(2005, 8, 31),
            "Wednesday August thirty-first two thousand five",
            "miércoles treinta y uno de agosto de dos mil cinco",
        ),
        (
            date(1984, 12, 20),
            "Thursday December twentieth nineteen eighty-four",
            "jueves veinte de diciembre de mil novecientos ochenta y cuatro",
        ),
        (
            date(1907, 2, 12),
            "Tuesday February twelfth nineteen oh seven",
            "martes doce de febrero de mil novecientos siete",
        ),
    ],
)
def test_dates(day: date, english: str, spanish: str) -> None:
    assert said(values.day(day, "en"), "en") == english
    assert said(values.day(day, "es"), "es") == spanish


def test_the_present_year_is_not_said() -> None:
    assert said(values.day(date(2026, 3, 3), "en", today=date(2026, 1, 9)), "en") == "Tuesday March third"


@pytest.mark.parametrize(
    ("wall", "english", "spanish"),
    [
        (time(0, 0), "midnight", "la medianoche"),
        (time(0, 5), "twelve oh five a m", "las doce y cinco de la madrugada"),
        (time(9, 15), "nine fifteen a m", "las nueve y cuarto de la mañana"),
        (time(12, 0), "noon", "el mediodía"),
        (time(13, 30), "one thirty p m", "la una y media de la tarde"),
        (time(20, 47), "eight forty-seven p m", "las ocho y cuarenta y siete de la noche"),
    ],
)
def test_times(wall: time, english: str, spanish: str) -> None:
    assert said(values.clock(wall, "en"), "en") == english
    assert said(values.clock(wall, "es"), "es") == spanish


@pytest.mark.parametrize(
    ("amount", "english", "spanish"),
    [
        ("1", "one dollar", "un dólar"),
        ("21.01", "twenty-one dollars and one cent", "veintiún dólares con un centavo"),
        ("0.50", "fifty cents", "cincuenta centavos"),
        ("0", "zero dollars", "cero dólares"),
        ("1250", "one thousand two hundred fifty dollars", "mil doscientos cincuenta dólares"),
    ],
)
def test_amounts(amount: str, english: str, spanish: str) -> None:
    assert said(values.money(amount), "en") == english
    assert said(values.money(amount), "es") == spanish


def test_a_telephone_number_is_said_in_groups() -> None:
    pieces = values.phone("+1 555 201 0042")
    assert [p == "silence" for p in pieces].count(True) == 2
    assert pieces.index("silence") == 3
    assert said(pieces, "en") == "five five five two zero one zero zero four two"


def test_ranks() -> None:
    assert [ordinal(n, "en") for n in (1, 12, 20, 23, 30, 31)] == [
        "first", "twelfth", "twentieth", "twenty-third", "thirtieth", "thirty-first"
    ]  # fmt: skip
    assert [ordinal(n, "es") for n in (1, 3, 10, 11)] == ["primero", "tercero", "décimo", "once"]


@given(st.integers(-values.LARGEST, values.LARGEST), st.sampled_from(["en", "es"]))
def test_every_number_has_its_recordings(value: int, lang: str) -> None:
    assert set(values.number(value)) <= names(lang)


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)), st.times(), st.sampled_from(["en", "es"]))
def test_every_date_and_time_has_its_recordings(day: date, wall: time, lang: str) -> None:
    assert set(values.day(day, lang) + values.clock(wall, lang)) <= names(lang)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("number", {"number": "many"}),
        ("number", {"number": 10_000_000}),
        ("date", {"date": "yesterday"}),
        ("time", {}),
        ("money", {"amount": "free"}),
        ("colour", {"text": "blue"}),
    ],
)
def test_what_cannot_be_said_is_refused(kind: str, params: dict[str, object]) -> None:
    with pytest.raises(UnknownPrompt):
        values.pieces(kind, params, "en")
