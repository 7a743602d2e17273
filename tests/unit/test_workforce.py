"""Staffing formulas against the published tables, and the simulated day against the formulas."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import mean, stdev

import pytest

from careline.bench.simulate import Case, exact, run
from careline.cli import main
from careline.queues.rules import ReserveLevel, Ring, Rules
from careline.reporting.model import Counts, ServiceLevel, service_level
from careline.workforce import model
from careline.workforce.simulate import OFFICE_DAY, Handling, Scenario, office, simulate

pytestmark = pytest.mark.unit

#: calls, seconds, handling, share, target -> erlangs, agents, service level, P(wait), ASA, occupancy (metrics.md §4).
ERLANG_C = [
    (100, 1800, 180, 0.8, 20, 10.000, 14, 0.8884, 0.1741, 7.84, 0.7143),
    (100, 1800, 600, 0.8, 20, 33.333, 40, 0.8473, 0.1907, 17.17, 0.8333),
    (240, 3600, 240, 0.8, 20, 16.000, 20, 0.8165, 0.2561, 15.36, 0.8000),
    (1000, 1800, 600, 0.8, 20, 333.333, 348, 0.8034, 0.3206, 13.12, 0.9579),
    (60, 1800, 300, 0.9, 30, 10.000, 15, 0.9381, 0.1020, 6.12, 0.6667),
    (20, 1800, 420, 0.8, 30, 4.667, 8, 0.9032, 0.1228, 15.48, 0.5833),
]
#: calls an hour, handling, target -> agents, occupancy, ASA (80 % in the target).
STAFFING = [
    (220, 270, 30, 21, 0.79, 13),
    (220, 420, 30, 31, 0.83, 18),
    (300, 300, 30, 30, 0.83, 15),
    (40, 600, 120, 9, 0.74, 81),
    (40, 900, 120, 13, 0.77, 86),
    (75, 720, 120, 19, 0.79, 44),
    (30, 660, 30, 9, 0.61, 24),
]
#: calls, seconds, handling, agents, patience -> P(abandon), P(wait), E[wait], occupancy, SL20 of offered, of answered.
ERLANG_A = [
    (100, 1800, 180, 10, 120, 0.1375, 0.4969, 16.50, 0.8625, 0.640, 0.743),
    (100, 1800, 180, 12, 120, 0.0616, 0.2798, 7.39, 0.7820, 0.822, 0.877),
    (240, 3600, 240, 16, 180, 0.1062, 0.5002, 19.12, 0.8938, 0.628, 0.703),
    (60, 1800, 300, 10, 90, 0.1604, 0.4129, 14.44, 0.8396, 0.680, 0.811),
    (1000, 1800, 600, 333, 180, 0.0288, 0.3687, 5.18, 0.9722, 0.884, 0.910),
]
RUNS, CALLS = 8, 4000
#: Student's t for eight runs, 99.9 % on both sides.
T = 5.408


@pytest.mark.parametrize("row", ERLANG_C)
def test_u6_erlang_c_table(row):
    calls, seconds, handle, share, target, erlangs, agents, level, waiting, asa, occupancy = row
    found = model.load(calls, seconds, handle)
    assert round(found, 3) == erlangs
    assert model.agents_needed(found, handle, share, target) == agents
    outlook = model.patient(found, agents, handle, target)
    assert round(outlook.service_level, 4) == level
    assert round(outlook.waiting, 4) == waiting
    assert round(outlook.wait, 2) == asa
    assert round(outlook.occupancy, 4) == occupancy


@pytest.mark.parametrize("row", STAFFING)
def test_u6_staffing_of_healthcare_lines(row):
    calls, handle, target, agents, occupancy, asa = row
    erlangs = model.load(calls, 3600, handle)
    assert model.agents_needed(erlangs, handle, 0.8, target) == agents
    outlook = model.patient(erlangs, agents, handle, target)
    assert (round(outlook.occupancy, 2), round(outlook.wait)) == (occupancy, asa)


@pytest.mark.parametrize("row", ERLANG_A)
def test_u6_erlang_a_table(row):
    calls, seconds, handle, agents, patience, abandoning, waiting, wait, occupancy, *_ = row
    outlook = model.impatient(calls / seconds, handle, agents, patience)
    assert round(outlook.abandoning, 4) == abandoning
    assert round(outlook.waiting, 4) == waiting
    assert round(outlook.wait, 2) == wait
    assert round(outlook.occupancy, 4) == occupancy


def test_erlang_b_and_what_is_beyond_the_tables():
    assert model.erlang_b(10, 10) == pytest.approx(0.2146, abs=1e-4)
    assert model.erlang_c(12, 10) == 1
    assert model.patient(12, 10, 180).wait == math.inf
    with pytest.raises(ValueError, match="service level"):
        model.agents_needed(10, 180, 1.0, 20)
    # Far more calls than agents: nothing overflows, and nearly everybody is lost.
    assert model.impatient(100.0, 600.0, 50, 60.0).abandoning == pytest.approx(1 - 50 / 60_000, abs=1e-3)


def within(figures: list[float], true: float, least: float) -> bool:
    """Whether the truth lies within the 99.9 % confidence bounds of some runs (or `least` of their mean)."""
    return abs(mean(figures) - true) <= max(least, T * stdev(figures) / math.sqrt(len(figures)))


@pytest.mark.parametrize("row", [ERLANG_C[0], ERLANG_C[2], ERLANG_C[4], ERLANG_C[5]])
def test_u6_the_router_on_a_virtual_clock_reproduces_erlang_c(row):
    calls, seconds, handle, _, target, _, agents, *_ = row
    case = Case(calls, seconds, handle, agents)
    true = exact(case, target)
    runs = [run(case, CALLS, seed, target) for seed in range(RUNS)]
    assert within([r.service_level for r in runs], true.service_level, 0.002)
    assert within([r.waiting for r in runs], true.waiting, 0.002)
    assert within([r.mean_wait for r in runs], true.wait, 0.1)
    assert within([r.occupancy for r in runs], true.occupancy, 0.002)
    assert mean(r.occupancy for r in runs) == pytest.approx(true.occupancy, rel=0.02)
    assert all(r.abandoned == 0 and r.left == 0 for r in runs)


@pytest.mark.parametrize("row", ERLANG_A)
def test_u6_the_router_on_a_virtual_clock_reproduces_erlang_a(row):
    calls, seconds, handle, agents, patience, abandoning, waiting, wait, occupancy, of_offered, of_answered = row
    runs = [run(Case(calls, seconds, handle, agents, patience), CALLS, seed) for seed in range(RUNS)]
    assert within([r.abandoning for r in runs], abandoning, 0.002)
    assert within([r.waiting for r in runs], waiting, 0.002)
    assert within([r.mean_wait for r in runs], wait, 0.1)
    assert within([r.occupancy for r in runs], occupancy, 0.002)
    assert within([r.service_level for r in runs], of_offered, 0.002)
    assert within([r.service_level_of_answered for r in runs], of_answered, 0.002)


def day(agents: int = 9, **more) -> Scenario:
    """A day at a clinic."""
    queues, people = office(agents)
    return Scenario(**{"queues": queues, "agents": people, "calls": 1000, "seed": 7} | more)


def test_every_call_of_a_day_comes_to_one_end():
    scenario = day(6, immediate=0.2, retries=0.4, callbacks=0.35, hours=OFFICE_DAY)
    tally = simulate(scenario)
    assert tally.offered == tally.answered + tally.abandoned + tally.called_back
    assert min(tally.abandoned, tally.called_back, tally.retried) > 10
    assert tally.left == 0
    assert simulate(scenario) == tally
    assert simulate(replace(scenario, seed=8)) != tally


def test_handling_times_have_the_mean_that_was_asked_for():
    tally = simulate(day(60, calls=20_000, handling=Handling(mean=200, spread=0.6), hours=OFFICE_DAY * 5))
    assert tally.handling / (tally.answered + tally.called_back) == pytest.approx(200, rel=0.02)


def test_the_simulated_day_is_measured_by_the_same_variants_as_the_real_one():
    tally = simulate(day(8))
    counts = Counts(
        presented=tally.offered,
        answered=tally.answered,
        answered_in_t=tally.in_target,
        abandoned=tally.abandoned,
        abandoned_in_t=tally.abandoned_in_target,
    )
    assert service_level(counts, ServiceLevel.NEGATIVE_ABANDON) == pytest.approx(100 * tally.service_level)
    assert service_level(counts, ServiceLevel.ONLY_HANDLED) == pytest.approx(100 * tally.service_level_of_answered)


@pytest.mark.parametrize(
    "rules",
    [
        Rules(strategy="ring-all"),
        Rules(strategy="round-robin"),
        Rules(rings=(Ring(after_seconds=30, language=False),)),
        Rules(reserve=(ReserveLevel(wait_above=20, wait_below=5),)),
        Rules(max_wait={"routine": 60.0}),
    ],
)
def test_any_rules_can_be_simulated(rules):
    scenario = day(5)
    queue = replace(scenario.queues[0], rules=rules)
    tally = simulate(replace(scenario, queues=[queue]))
    assert tally.offered == tally.answered + tally.abandoned
    assert tally.answered > 0


def test_rings_open_for_callers_although_nothing_else_happens():
    queues, people = office(1)
    closed = replace(
        queues[0], skills={"nobody-has-it": 1.0}, rules=Rules(rings=(Ring(after_seconds=30, drop=("nobody-has-it",)),))
    )
    # Somebody who could serve the first ring is signed on, and busy all day.
    never = replace(people[0], id=people[0].id.__class__(int=9), status="talking", skills={"nobody-has-it": 1.0})
    closed = replace(closed, members=closed.members | {never.id})
    tally = simulate(
        Scenario(queues=[closed], agents=[*people, never], calls=20, handling=Handling(mean=5), patience=None)
    )
    assert tally.answered == tally.offered > 5
    assert tally.speed_of_answer >= 30


def test_the_command_prints_a_table_and_refuses_nonsense(capsys):
    assert main(["simulate", "--calls", "300", "--days", "2", "--retries", "40"]) == 0
    table = capsys.readouterr().out
    assert "Erlang C" in table
    assert len([line for line in table.splitlines() if line.endswith(("%", "% <"))]) == 5
    assert main(["simulate", "--strategy", "magic"]) == 1
    assert "There is no strategy 'magic'" in capsys.readouterr().err
    assert main(["simulate", "--handle", "0"]) == 1
