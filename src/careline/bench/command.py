"""`careline bench`: run Asterisk's app_queue and Careline one after the other under the same load, and compare."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from careline.bench import hearing, live, routing, simulate
from careline.bench.figures import Figure, Report, quantile
from careline.bench.load import Calls, Load, cpu_seconds
from careline.bench.ours import NUMBER, WAITING, Ours
from careline.bench.peer import QUEUE_NUMBER, WAITING_NUMBER, Peer, peer_engine
from careline.bench.wire import Capture
from careline.kernel.errors import CarelineError
from careline.platform import logging as careline_logging
from careline.setup import components, tools
from careline.setup.steps import prepare, say
from careline.telephony.prompts.render import bundled

#: Benches of our own code alone: without Asterisk, without a peer.
ALONE = {"routing": routing.command, "simulate": simulate.command, "redflags": hearing.command, "live": live.command}

#: Calls a second: the two of the budget, and twice the rate at which app_queue was seen to bend.
RATES = (30, 60)
OVERLOAD = 160
WAITERS = 300
#: What an offer may take longer than app_queue's, median and p95, and what two equal figures differ by from run to run:
#: docs/decisions/0013.
OFFER_P50_MS, OFFER_P95_MS = 3.0, 10.0
NOISE = 1.1


class NoRight(CarelineError):
    """The bench needs the right to watch the loopback interface: run it as root, or with CAP_NET_RAW."""

    id = "bench-needs-packet-socket"


@dataclass(frozen=True)
class Offered:
    """One run at one rate."""

    calls: Calls
    waits: list[float]
    cpu_ms: float
    control_ms: float

    def ms(self, share: float) -> float | None:
        """A quantile of caller's INVITE to agent's INVITE, in milliseconds."""
        found = quantile(self.waits, share)
        return None if found is None else round(found * 1000, 2)


def command(options: argparse.Namespace) -> int:
    """Run one bench; 0 when every budget is kept."""
    careline_logging.setup("warning", "console")
    logging.getLogger("careline").setLevel(logging.ERROR)
    began = time.monotonic()
    if options.name in ALONE:
        return _finish(ALONE[options.name](options.quick), options.json, began)
    prepare([*components.run_steps(), *(s for s in tools.test_steps() if s.name == "sipp")])
    began = time.monotonic()
    # Ended from outside, it still ends what it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = asyncio.run(offer(options.quick) if options.name == "offer" else waiting(options.quick))
    return _finish(report, options.json, began)


def _finish(report: Report, file: str | None, began: float) -> int:
    print(report.table())
    print(f"\n{report.bench} took {time.monotonic() - began:.0f} s")
    if file:
        report.write(Path(file))
    return 0 if report.ok else 1


# --- offer --------------------------------------------------------------------------------------------------------


async def offer(quick: bool) -> Report:
    """Caller's INVITE to agent's INVITE, at several rates."""
    report = Report("offer")
    seconds = 3 if quick else 12
    rates = (10,) if quick else (*RATES, OVERLOAD)
    with _folders() as (load, peer, ours):
        peer.start(load)
        try:
            theirs = {rate: await asyncio.to_thread(_measure_peer, peer, load, rate, seconds) for rate in rates}
        finally:
            peer.stop()
        try:
            await ours.start(load)
            mine = {rate: await asyncio.to_thread(_measure_ours, ours, load, rate, seconds) for rate in rates}
        finally:
            await ours.stop()
    for rate in rates:
        report.figures += compare(rate, mine[rate], theirs[rate])
    return report


def compare(rate: int, mine: Offered, theirs: Offered) -> list[Figure]:
    """The figures of one rate, budgets of docs/decisions/0013: beyond the knee nobody is lost, a call costs no more."""
    at = f"at {rate} calls/s"
    beyond = rate > max(RATES)
    figures = [
        Figure(f"offer p50 {at}", mine.ms(0.5), theirs.ms(0.5), "ms", None if beyond else OFFER_P50_MS, margin=True),
        Figure(f"offer p95 {at}", mine.ms(0.95), theirs.ms(0.95), "ms", None if beyond else OFFER_P95_MS, margin=True),
        Figure(f"calls lost {at}", _missed(mine), _missed(theirs) or None, "%", 1.0 if _missed(theirs) else 0.0),
        Figure(f"Asterisk's processor time a call {at}", mine.cpu_ms, theirs.cpu_ms, "ms", NOISE),
    ]
    if mine.control_ms:
        figures.append(Figure(f"call control's processor time a call {at}", mine.control_ms, None, "ms"))
    return figures


def _missed(run: Offered) -> float:
    """The share of calls that were never offered to an agent, or did not come to a proper end."""
    good = min(len(run.waits), run.calls.completed)
    return round(100 * (1 - good / run.calls.placed), 2) if run.calls.placed else 100.0


def _measure_peer(peer: Peer, load: Load, rate: int, seconds: int) -> Offered:
    say(f"app_queue, {rate} calls/s for {seconds} s")
    with load.answering():
        return _measure(load, QUEUE_NUMBER, peer.sip_port, rate, seconds, peer.pids, [])


def _measure_ours(ours: Ours, load: Load, rate: int, seconds: int) -> Offered:
    say(f"Careline, {rate} calls/s for {seconds} s")
    with load.answering():
        return _measure(load, NUMBER, ours.settings.sip_port, rate, seconds, ours.pids, ours.control_pids)


def _measure(
    load: Load, number: str, port: int, rate: int, seconds: int, pids: list[int], control: list[int]
) -> Offered:
    count = rate * seconds
    before, control_before = cpu_seconds(pids), cpu_seconds(control)
    with _capture() as capture:
        calls = load.call(number, port, count=count, rate=rate, seconds=seconds + 25)
    cpu, control_cpu = cpu_seconds(pids) - before, cpu_seconds(control) - control_before
    waits = capture.waits(port, load.agent_port)
    return Offered(calls, waits, round(1000 * cpu / count, 2), round(1000 * control_cpu / count, 2))


def _capture() -> Capture:
    try:
        return Capture()
    except PermissionError as error:
        raise NoRight from error


# --- waiting ------------------------------------------------------------------------------------------------------


async def waiting(quick: bool) -> Report:
    """Processor time of Asterisk while callers wait with music."""
    report = Report("waiting")
    count, window = (20, 3) if quick else (WAITERS, 20)
    with _folders() as (load, peer, ours):
        peer.start(load)
        try:
            say(f"app_queue, {count} callers waiting")
            theirs = await asyncio.to_thread(
                _measure_waiting, load, WAITING_NUMBER, peer.sip_port, count, window, peer.pids
            )
        finally:
            peer.stop()
        try:
            await ours.start(load)
            say(f"Careline, {count} callers waiting")
            before = cpu_seconds(ours.control_pids)
            began = time.monotonic()
            mine = await asyncio.to_thread(
                _measure_waiting, load, WAITING, ours.settings.sip_port, count, window, ours.pids
            )
            control = 100 * (cpu_seconds(ours.control_pids) - before) / (time.monotonic() - began)
        finally:
            await ours.stop()
    report.figures = [
        Figure(f"Asterisk, {count} callers waiting with music", mine, theirs, "% of a core", NOISE),
        Figure(f"call control, {count} callers waiting, arrivals included", round(control, 1), None, "% of a core"),
    ]
    return report


def _measure_waiting(load: Load, number: str, port: int, count: int, window: int, pids: list[int]) -> float:
    with load.waiting(number, port, count) as callers:
        time.sleep(count / 40 + 5)  # everyone has arrived, and the first announcements are over
        if callers.poll() is not None:
            raise RuntimeError(f"the callers ended early: {(load.folder / 'callers.log').read_text()[-600:]}")
        before, began = cpu_seconds(pids), time.monotonic()
        time.sleep(window)
        return round(100 * (cpu_seconds(pids) - before) / (time.monotonic() - began), 1)


# --- both ---------------------------------------------------------------------------------------------------------


@contextmanager
def _folders() -> Iterator[tuple[Load, Peer, Ours]]:
    """Folders of the bench's own, removed at the end; kept and named when it fails."""
    sipp = tools.sipp()
    assert sipp is not None
    # Reachable by the unprivileged user that Asterisk and PostgreSQL run as, and short enough for their sockets.
    root = Path(tempfile.mkdtemp(prefix="careline-bench-"))
    root.chmod(0o755)
    try:
        for name in ("load", "peer", "music", "ours"):
            (root / name).mkdir()
        for file in (bundled() / "music").iterdir():
            shutil.copy(file, root / "music")
        load = Load(sipp, root / "load")
        peer = Peer(peer_engine(say), root / "peer", root / "music", 26060, 24000)
        yield load, peer, Ours.prepare(root / "ours")
    except BaseException:
        print(f"careline bench: what it left is in {root}", file=sys.stderr)
        raise
    if not os.environ.get("CARELINE_BENCH_KEEP"):
        shutil.rmtree(root, ignore_errors=True)
