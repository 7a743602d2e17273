"""Numbers, dates, times and amounts as people say them, put together from recordings: names of files in order. Pure.

English: "Tuesday, March third, twenty twenty-six at two thirty p m". Spanish: "martes tres de marzo de dos mil
veintiséis a las dos y media de la tarde" (days by cardinal but for the first, hours with their article: RAE).
"""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from careline.telephony.prompts.phrases import UnknownPrompt

#: The largest whole number that is put together.
LARGEST = 999_999


def number(value: int) -> list[str]:
    """A whole number from -999,999 to 999,999. Raises `UnknownPrompt` beyond."""
    if value < 0:
        return ["number-minus", *number(-value)]
    if value > LARGEST:
        raise UnknownPrompt("This number is too large to be said.")
    thousands, rest = divmod(value, 1000)
    pieces: list[str] = []
    if thousands == 1:
        pieces.append("number-thousand-even")
    elif thousands:
        pieces += [*_before_noun(thousands), "number-thousand"]
    if rest or not thousands:
        pieces += _below_thousand(rest)
    return pieces


def _below_thousand(value: int) -> list[str]:
    hundreds, rest = divmod(value, 100)
    if hundreds == 1 and rest == 0:
        return ["number-hundred-even"]
    found = [f"number-hundreds.{hundreds}"] if hundreds else []
    return [*found, f"number.{rest}"] if rest or not hundreds else found


def _before_noun(value: int) -> list[str]:
    """A number that a noun follows: Spanish shortens a final one (veintiún mil, treinta y un dólares)."""
    pieces = number(value)
    name, _, ones = pieces[-1].rpartition(".")
    if name == "number" and ones.endswith("1") and ones != "11":
        pieces[-1] = f"number-before.{ones}"
    return pieces


def digits(text: str) -> list[str]:
    """Every digit by itself."""
    return [f"number.{d}" for d in text if d.isdigit()]


def phone(text: str) -> list[str]:
    """A telephone number in the groups people hear it in: 3-3-4 for ten digits of the North American plan."""
    plain = [d for d in text if d.isdigit()]
    if len(plain) == 11 and plain[0] == "1":
        plain = plain[1:]
    size = 3 if len(plain) == 10 else 2 if len(plain) % 2 == 0 else 3
    cuts = [0, 3, 6, 10] if len(plain) == 10 else [*range(0, len(plain), size), len(plain)]
    pieces: list[str] = []
    for start, end in pairwise(cuts):
        if pieces:
            pieces.append("silence")
        pieces += [f"number.{d}" for d in plain[start:end]]
    return pieces


def day(value: date, lang: str, *, today: date | None = None) -> list[str]:
    """A date with its weekday; the year only when it is not this one (unknown `today`: always)."""
    found = [f"weekday.{value.isoweekday()}"]
    if lang == "es":
        found += ["ordinal.1" if value.day == 1 else f"number.{value.day}", f"month.{value.month}"]
    else:
        found += [f"month.{value.month}", f"ordinal.{value.day}"]
    if today is None or value.year != today.year:
        found += ["date-of", *number(value.year)] if lang == "es" else _year(value.year)
    return found


def _year(value: int) -> list[str]:
    """English years: nineteen eighty-four, nineteen oh five, two thousand six, twenty twenty-six."""
    century, rest = divmod(value, 100)
    if rest == 0 or (century % 10 == 0 and rest < 10) or not 1000 <= value <= 9999:
        return number(value)
    return [f"number.{century}", f"minute-past.{rest}" if rest < 10 else f"number.{rest}"]


def clock(value: time, lang: str) -> list[str]:
    """A time of day by the twelve-hour clock, with the part of the day as each language says it."""
    if value.minute == 0 and value.hour in (0, 12):
        return ["time.noon" if value.hour else "time.midnight"]
    found = [f"hour.{(value.hour - 1) % 12 + 1}"]
    if 0 < value.minute < 10 or value.minute in (15, 30):
        found.append(f"minute-past.{value.minute}")
    elif value.minute:
        found += ["minute-past.and", f"number.{value.minute}"] if lang == "es" else [f"number.{value.minute}"]
    return [*found, _part(value.hour, lang)]


def _part(hour: int, lang: str) -> str:
    bounds: tuple[tuple[int, str], ...]
    if lang == "es":
        bounds = ((6, "early"), (12, "morning"), (20, "afternoon"), (24, "night"))
    else:
        bounds = ((12, "morning"), (24, "afternoon"))
    return "time." + next(name for until, name in bounds if hour < until)


def money(amount: str) -> list[str]:
    """An amount of US dollars and cents. Raises `UnknownPrompt` when it is not one."""
    try:
        value = Decimal(amount).quantize(Decimal("0.01"))
    except InvalidOperation as error:
        raise UnknownPrompt("This is not an amount.") from error
    sign = ["number-minus"] if value < 0 else []
    dollars, cents = divmod(int(abs(value) * 100), 100)
    found = []
    if dollars or not cents:
        found += [*_before_noun(dollars), "money.dollar" if dollars == 1 else "money.dollars"]
    if cents:
        found += ["money.and"] if found else []
        found += [*_before_noun(cents), "money.cent" if cents == 1 else "money.cents"]
    return [*sign, *found]


def _optional(text: object) -> date | None:
    return date.fromisoformat(str(text)) if text else None


def pieces(kind: str, params: dict[str, object], lang: str) -> list[str]:
    """The recordings of one value: `number`, `ordinal`, `digits`, `phone`, `date`, `time`, `money` or `minutes`.

    Raises `UnknownPrompt` for a value that is not of its kind.
    """
    try:
        match kind:
            case "number":
                return number(int(str(params["number"])))
            case "ordinal":
                rank = int(str(params["number"]))
                return [f"ordinal.{rank}"] if 1 <= rank <= 31 else number(rank)
            case "digits":
                return digits(str(params["text"]))
            case "phone":
                return phone(str(params["text"]))
            case "date":
                return day(date.fromisoformat(str(params["date"])), lang, today=_optional(params.get("today")))
            case "time":
                return clock(time.fromisoformat(str(params["time"])), lang)
            case "money":
                return money(str(params["amount"]))
            case "minutes":
                count = int(str(params["number"]))
                return ["number-before.1", "minute"] if count == 1 else [*_before_noun(count), "minutes"]
            case _:
                raise UnknownPrompt("There is no such kind of value.")
    except (KeyError, ValueError) as error:
        raise UnknownPrompt("This value cannot be said.") from error
