"""The benches' arithmetic: ratios, budgets, quantiles, and reading an INVITE off the wire."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from careline.bench import live
from careline.bench.browsers import Screen
from careline.bench.command import Offered, compare
from careline.bench.figures import Figure, Report, quantile
from careline.bench.load import Calls
from careline.bench.peer import chosen_modules
from careline.bench.routing import Scene, agents_become_free, calls_come
from careline.bench.wire import parse

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("ours", "peer", "budget", "ratio", "ok"),
    [
        (8.0, 10.0, 0.8, 0.8, True),
        (8.1, 10.0, 0.8, 0.81, False),
        (5.0, None, 6.0, None, True),
        (7.0, None, 6.0, None, False),
        (None, 10.0, 1.0, None, False),
        (3.0, 2.0, None, 1.5, None),
    ],
)
def test_a_budget_is_of_the_ratio_and_without_a_peer_of_the_figure(
    ours: float | None, peer: float | None, budget: float | None, ratio: float | None, ok: bool | None
) -> None:
    figure = Figure("x", ours, peer, "ms", budget)
    assert (figure.ratio, figure.ok) == (ratio, ok)


@pytest.mark.parametrize(
    ("ours", "peer", "ok"), [(5.0, 2.0, True), (5.1, 2.0, False), (None, 2.0, False), (1.0, None, False)]
)
def test_a_margin_is_what_we_may_be_over_the_peer(ours: float | None, peer: float | None, ok: bool) -> None:
    figure = Figure("x", ours, peer, "ms", 3.0, margin=True)
    assert figure.ok is ok
    assert "<= +3 ms" in Report("offer", [figure]).table()


def test_the_offer_is_held_against_app_queue_of_the_same_run() -> None:
    def run(ms: float) -> Offered:
        return Offered(Calls(placed=100, completed=100, seconds=1.0), [ms / 1000] * 100, 1.0, 1.0)

    kept = {f.name: f.ok for f in compare(60, run(5.9), run(3.0))}
    assert kept["offer p50 at 60 calls/s"] and kept["offer p95 at 60 calls/s"]
    late = {f.name: f.ok for f in compare(60, run(6.5), run(3.0))}
    assert late["offer p50 at 60 calls/s"] is False
    beyond = {f.name: f.ok for f in compare(160, run(90), run(3.0))}
    assert beyond["offer p50 at 160 calls/s"] is None and beyond["calls lost at 160 calls/s"] is True


def test_the_report_is_written_as_documented(tmp_path: Path) -> None:
    report = Report("offer", [Figure("offer p50", 2.0, 1.0, "ms", 1.0)])
    report.write(tmp_path / "out.json")
    body = json.loads((tmp_path / "out.json").read_text())
    assert set(body) == {"bench", "date", "machine", "figures"}
    assert body["figures"] == [
        {
            "name": "offer p50",
            "ours": 2.0,
            "peer": 1.0,
            "ratio": 2.0,
            "unit": "ms",
            "budget": 1.0,
            "margin": False,
            "ok": False,
        }
    ]
    assert not report.ok
    assert "NOT KEPT" in report.table()


def test_w3_the_routing_bench_measures_decisions_of_a_big_floor() -> None:
    scene = Scene(agents=40, waiting=200, queues=10)
    before = len(scene.router.calls)
    assert len(agents_become_free(scene, 50)) == 50
    assert len(scene.router.calls) == before == 200
    times = calls_come(scene, 50)
    assert len(times) == 50
    assert min(times) > 0


def test_w3_the_same_seed_makes_the_same_floor() -> None:
    one, two = Scene(agents=20, waiting=50, queues=5), Scene(agents=20, waiting=50, queues=5)
    assert one.router.calls == two.router.calls
    assert one.queues == two.queues


def test_a_screen_notes_when_it_showed_each_caller_and_each_offer() -> None:
    screen = Screen()
    for now, text in (
        (1.0, '{"seq":1,"topic":"hello","data":null}'),
        (2.0, '{"seq":2,"topic":"queues","data":[{"name":"Other","waiting":9},{"name":"Waiting","waiting":1}]}'),
        (3.0, '{"seq":3,"topic":"board","data":{"queues":[{"name":"Waiting","waiting":3}]}}'),
        (4.0, '{"seq":4,"topic":"me","data":{"offer":{"call_id":"a","line":"Main"}}}'),
        (5.0, '{"seq":5,"topic":"me","data":{"offer":{"call_id":"a","line":"Main"}}}'),
        (6.0, '{"seq":6,"topic":"me","data":{"offer":null}}'),
    ):
        screen.told(text, "Waiting", now)
    assert screen.offers == [("a", 4.0)]
    # Two callers who came together are shown together; the fourth never was.
    assert screen.delays([1.5, 2.5, 2.75, 2.9]) == [0.5, 0.5, 0.25]


def test_a_screen_that_never_showed_a_caller_keeps_no_budget() -> None:
    told, blind = Screen(grew=[(1, 10.02)], offers=[("a", 10.03)]), Screen()
    found = live.report(live.Size(ready=1), [10.0], [("d-bench0", "leg", 10.0)], [told, blind], {"web": 12.0})
    figures = {figure.name: figure for figure in found.figures}
    assert figures["one more waits, on 2 screens: p95"].ours == 20.0
    assert figures["a call rings, on the agent's: p95"].ours == 30.0
    assert figures["not shown at all, of 3"].ours == 1
    assert not found.ok
    assert live.report(live.Size(ready=1), [10.0], [("d-bench0", "leg", 10.0)], [told], {}).ok


def test_quantiles() -> None:
    values = [float(n) for n in range(100)]
    assert [quantile(values, share) for share in (0.5, 0.95, 1.0)] == [50.0, 95.0, 99.0]
    assert quantile([], 0.5) is None


def test_a_call_that_was_never_offered_or_did_not_end_well_is_lost() -> None:
    mine = Offered(Calls(placed=100, completed=90, seconds=1.0), [0.001] * 100, 1.0, 1.0)
    theirs = Offered(Calls(placed=100, completed=100, seconds=1.0), [0.001] * 100, 1.0, 0.0)
    lost = next(f for f in compare(30, mine, theirs) if f.name.startswith("calls lost"))
    assert (lost.ours, lost.ok) == (10.0, False)


def _frame(payload: bytes, port: int) -> bytes:
    udp = struct.pack(">HHHH", 27100, port, 8 + len(payload), 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, b"\x7f\0\0\2", b"\x7f\0\0\1")
    return b"\0" * 12 + b"\x08\0" + ip + udp + payload


def test_an_invite_on_the_wire_gives_number_and_port() -> None:
    invite = b'INVITE sip:d-1@127.0.0.3 SIP/2.0\r\nVia: x\r\nFrom: "A" <sip:+13125550001@127.0.0.1>;tag=1\r\n\r\n'
    assert parse(_frame(invite, 27000)) == ("13125550001", 27000)
    assert parse(_frame(b"INVITE sip:x SIP/2.0\r\n\r\n", 27000)) is None


def test_the_peer_loads_what_its_list_says() -> None:
    assert chosen_modules(["app_queue", "chan_sip", "res_pjsip_session", "res_pjsip_notify"]) == [
        "app_queue",
        "res_pjsip_session",
    ]
