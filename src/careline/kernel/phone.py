"""Telephone numbers: one stored form (E.164), made the same way when writing and when looking something up."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult


@lru_cache(maxsize=8192)
def to_e164(raw: str | None, region: str = "US") -> str | None:
    """A number as people or trunks write it, in E.164 without its extension; None when it cannot be a number."""
    if not raw or len(raw) > 64:
        return None
    try:
        number = phonenumbers.parse(raw, region)
    except NumberParseException:
        return None
    # "Possible when dialled locally" is not enough: without its area code a number names nobody.
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


@lru_cache(maxsize=8192)
def pretty(e164: str | None, region: str = "US") -> str:
    """A stored number as people of the region read it: national form at home, international abroad."""
    if not e164:
        return ""
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return e164
    home = number.country_code == phonenumbers.country_code_for_region(region)
    form = PhoneNumberFormat.NATIONAL if home else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, form)


def is_premium(e164: str) -> bool:
    """Whether whoever rings a stored number pays extra for it: nobody's own telephone has such a number."""
    return phonenumbers.number_type(phonenumbers.parse(e164, None)) == PhoneNumberType.PREMIUM_RATE


def spoken(e164: str, region: str = "US") -> str:
    """A stored number digit by digit with pauses, to be read back: "5 5 5, 2 0 1, 0 0 0 1"."""
    groups = "".join(c if c.isdigit() else " " for c in pretty(e164, region)).split()
    return ", ".join(" ".join(group) for group in groups)
