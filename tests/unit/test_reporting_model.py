"""The figures reproduce published vectors of each variant (one hour, seven different service levels)."""

from __future__ import annotations

import pytest

from careline.reporting.model import (
    AbandonRate,
    Counts,
    ServiceLevel,
    abandon_rate,
    average_handle_time,
    average_speed_of_answer,
    genesys_service_level,
    service_level,
    without_short_calls,
)

pytestmark = pytest.mark.unit

HOUR = Counts(
    presented=100, answered=85, answered_in_t=70, abandoned=12, abandoned_in_t=8, short_abandoned=5, flow_out=3
)
#: Cisco's published example: 70 answered in T, 10 abandoned in T, 20 exceeded.
CISCO = Counts(presented=100, answered=90, answered_in_t=70, abandoned=10, abandoned_in_t=10)


@pytest.mark.parametrize(
    ("counts", "variant", "expected"),
    [
        (HOUR, ServiceLevel.ONLY_HANDLED, 82.35),
        (HOUR, ServiceLevel.ASTERISK_SL2, 80.41),
        (HOUR, ServiceLevel.WITHOUT_ABANDON, 76.09),
        (HOUR, ServiceLevel.POSITIVE_ABANDON, 78.00),
        (HOUR, ServiceLevel.NEGATIVE_ABANDON, 70.00),
        (CISCO, ServiceLevel.WITHOUT_ABANDON, 77.78),
        (CISCO, ServiceLevel.NEGATIVE_ABANDON, 70.00),
        (CISCO, ServiceLevel.POSITIVE_ABANDON, 80.00),
    ],
)
def test_t3_every_variant_of_the_service_level_from_one_set_of_counters(
    counts: Counts, variant: ServiceLevel, expected: float
) -> None:
    level = service_level(counts, variant)
    assert level is not None
    assert round(level, 2) == expected


@pytest.mark.parametrize(
    ("flow_out", "short", "abandons", "expected"),
    [
        (False, True, True, 72.16),
        (False, False, True, 76.09),
        (False, True, False, 82.35),
        (False, False, False, 87.50),
        (True, True, True, 70.00),
        (True, False, True, 73.68),
        (True, True, False, 79.55),
        (True, False, False, 84.34),
    ],
)
def test_t3_genesys_with_its_three_switches(flow_out: bool, short: bool, abandons: bool, expected: float) -> None:
    level = genesys_service_level(HOUR, flow_out=flow_out, short_abandons=short, abandons=abandons)
    assert level is not None
    assert round(level, 2) == expected


@pytest.mark.parametrize(
    ("variant", "expected"), [(AbandonRate.OF_PRESENTED, 12.00), (AbandonRate.WITHOUT_SHORT, 7.61)]
)
def test_t3_abandonment_in_its_variants(variant: AbandonRate, expected: float) -> None:
    rate = abandon_rate(HOUR, variant)
    assert rate is not None
    assert round(rate, 2) == expected


def test_the_default_variant_counts_everyone_who_was_presented() -> None:
    assert service_level(HOUR) == pytest.approx(70.0)
    assert abandon_rate(HOUR) == pytest.approx(12.0)


def test_nothing_is_said_before_the_first_call() -> None:
    empty = Counts()
    assert all(service_level(empty, variant) is None for variant in ServiceLevel)
    assert all(abandon_rate(empty, variant) is None for variant in AbandonRate)
    assert average_speed_of_answer(empty) is None
    assert average_handle_time(handled_seconds=0, handled=0) is None


def test_t3_short_calls_as_cisco_takes_them() -> None:
    """Five callers of the hour who hung up at once: in no numerator and no denominator."""
    short = without_short_calls(HOUR)
    assert (short.presented, short.abandoned, short.abandoned_in_t) == (95, 7, 3)
    levels = {v: service_level(short, v) for v in ServiceLevel}
    assert levels[ServiceLevel.NEGATIVE_ABANDON] == pytest.approx(100 * 70 / 95)
    assert levels[ServiceLevel.POSITIVE_ABANDON] == pytest.approx(100 * 73 / 95)
    assert levels[ServiceLevel.WITHOUT_ABANDON] == pytest.approx(100 * 70 / 92)
    assert levels[ServiceLevel.WITHOUT_ABANDON] == service_level(HOUR, ServiceLevel.WITHOUT_ABANDON)


def test_t3_every_figure_has_a_name_of_its_own() -> None:
    names = [v.value for v in (*ServiceLevel, *AbandonRate)]
    assert len(names) == len(set(names)) == 7


def test_averages() -> None:
    counts = Counts(presented=4, answered=3, answered_wait_seconds=42.0)
    assert average_speed_of_answer(counts) == pytest.approx(14.0)
    assert average_handle_time(handled_seconds=900, handled=3) == pytest.approx(300.0)
