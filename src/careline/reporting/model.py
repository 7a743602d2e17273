"""What the figures mean: raw counters first, then every named variant of service level and abandonment.

The same hour is anything from 70 to 87.5 % depending on the variant, so a figure never travels without its name.
The names and formulas are those of the products that use them; docs/metrics.md lists them with their sources.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What happened to the calls presented to a queue. The clock of each starts at its entry into the queue."""

    #: Entries into the queue: answered + abandoned + flowed out + still waiting.
    presented: int = 0
    answered: int = 0
    #: Answered within the threshold T.
    answered_in_t: int = 0
    #: The caller hung up while waiting.
    abandoned: int = 0
    #: Abandoned within T (the short ones included).
    abandoned_in_t: int = 0
    #: Abandoned so soon that nobody could have answered.
    short_abandoned: int = 0
    #: Left the queue alive in another way: voicemail, another queue, closed by a supervisor.
    flow_out: int = 0
    #: Seconds that the answered calls waited, together.
    answered_wait_seconds: float = 0.0


class ServiceLevel(StrEnum):
    """A named way to say how many callers were served in time."""

    #: Answered within T, of those presented. Careline's own choice: it hides nobody.
    NEGATIVE_ABANDON = "negative-abandon"
    #: Answered or abandoned within T, of those presented.
    POSITIVE_ABANDON = "positive-abandon"
    #: Answered within T, of those presented less those who abandoned within T.
    WITHOUT_ABANDON = "without-abandon"
    #: Answered within T, of those answered.
    ONLY_HANDLED = "only-handled"
    #: Answered or abandoned within T, of those answered or abandoned.
    ASTERISK_SL2 = "asterisk-sl2"


class AbandonRate(StrEnum):
    """A named way to say how many callers gave up."""

    #: Abandoned, of those presented.
    OF_PRESENTED = "of-presented"
    #: Abandoned without the short ones, of answered plus that.
    WITHOUT_SHORT = "without-short"


def percent(part: float, whole: float) -> float | None:
    """`part` of `whole` in per cent; None when there is nothing to divide by."""
    return None if whole <= 0 else 100.0 * part / whole


def service_level(counts: Counts, variant: ServiceLevel = ServiceLevel.NEGATIVE_ABANDON) -> float | None:
    """The service level in per cent, None before the first call."""
    c = counts
    match variant:
        case ServiceLevel.NEGATIVE_ABANDON:
            return percent(c.answered_in_t, c.presented)
        case ServiceLevel.POSITIVE_ABANDON:
            return percent(c.answered_in_t + c.abandoned_in_t, c.presented)
        case ServiceLevel.WITHOUT_ABANDON:
            return percent(c.answered_in_t, c.presented - c.abandoned_in_t)
        case ServiceLevel.ONLY_HANDLED:
            return percent(c.answered_in_t, c.answered)
        case ServiceLevel.ASTERISK_SL2:
            return percent(c.answered_in_t + c.abandoned_in_t, c.answered + c.abandoned)


def without_short_calls(counts: Counts) -> Counts:
    """The counters as Cisco takes them: an abandon so short that nobody could have answered is in no numerator and no
    denominator (ICM guide, "short calls"). Short abandons lie within T."""
    c = counts
    return replace(
        c,
        presented=c.presented - c.short_abandoned,
        abandoned=c.abandoned - c.short_abandoned,
        abandoned_in_t=c.abandoned_in_t - c.short_abandoned,
        short_abandoned=0,
    )


def genesys_service_level(counts: Counts, *, flow_out: bool, short_abandons: bool, abandons: bool) -> float | None:
    """Genesys's service level with its three switches, literally: short abandons go twice when both are off."""
    c = counts
    whole = c.answered + c.abandoned
    whole += c.flow_out if flow_out else 0
    whole -= 0 if short_abandons else c.short_abandoned
    whole -= 0 if abandons else c.abandoned
    return percent(c.answered_in_t, whole)


def abandon_rate(counts: Counts, variant: AbandonRate = AbandonRate.OF_PRESENTED) -> float | None:
    """The share of callers who gave up, in per cent."""
    match variant:
        case AbandonRate.OF_PRESENTED:
            return percent(counts.abandoned, counts.presented)
        case AbandonRate.WITHOUT_SHORT:
            gave_up = counts.abandoned - counts.short_abandoned
            return percent(gave_up, counts.answered + gave_up)


def average_speed_of_answer(counts: Counts) -> float | None:
    """ASA: the mean wait of answered calls, in seconds."""
    return None if counts.answered == 0 else counts.answered_wait_seconds / counts.answered


def average_handle_time(*, handled_seconds: float, handled: int) -> float | None:
    """AHT: talk, hold and wrap-up of each handling, divided by the number of handlings, in seconds."""
    return None if handled == 0 else handled_seconds / handled
