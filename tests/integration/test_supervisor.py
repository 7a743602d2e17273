"""The supervisor with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from careline.platform.supervisor import NotReady, Process, Supervisor, leftover, rotate, start_time

pytestmark = pytest.mark.integration

#: Notes its start in a file, then waits; notes its end when it is asked to stop.
_SCRIPT = """
import os, signal, sys, time
book = open(sys.argv[1], "a", buffering=1)
def end(*_):
    book.write(f"end {sys.argv[2]}\\n"); os._exit(0)
signal.signal(signal.SIGTERM, end)
book.write(f"start {sys.argv[2]}\\n")
while True:
    time.sleep(60)
"""


def process(name: str, book: Path, **more: object) -> Process:
    async def started() -> bool:
        return book.exists() and f"start {name}" in book.read_text()

    return Process(name=name, argv=[sys.executable, "-c", _SCRIPT, str(book), name], ready=started, **more)  # type: ignore[arg-type]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_starts_in_order_and_stops_in_reverse(tmp_path: Path) -> None:
    book = tmp_path / "book"
    supervisor = Supervisor([process("one", book), process("two", book)], tmp_path)

    async def ready() -> None:
        supervisor.stop()

    await supervisor.run(ready)
    assert book.read_text().split("\n") == ["start one", "start two", "end two", "end one", ""]
    assert not list((tmp_path / "run").glob("*.pid"))


async def test_a_killed_process_is_started_again_and_said(tmp_path: Path) -> None:
    book, told = tmp_path / "book", list[str]()
    supervisor = Supervisor([process("one", book)], tmp_path, tell=told.append)
    up = asyncio.Event()

    async def ready() -> None:
        up.set()

    running = asyncio.create_task(supervisor.run(ready))
    async with asyncio.timeout(20):
        await up.wait()
    pid = leftover(tmp_path / "run/one.pid")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: book.exists() and book.read_text().count("start one") == 2)
    assert leftover(tmp_path / "run/one.pid") not in (None, pid)
    assert len(told) == 1
    assert "-9" in told[0]
    supervisor.stop()
    await running


async def test_says_the_end_of_the_log_when_a_process_cannot_start(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    book = tmp_path / "book"
    broken = Process(name="broken", argv=[sys.executable, "-c", "print('no key'); raise SystemExit(3)"], ready=never)
    with pytest.raises(NotReady, match="no key"):
        await Supervisor([process("one", book), broken], tmp_path).run()
    assert book.read_text() == "start one\nend one\n"


async def test_what_a_killed_supervisor_left_behind_is_replaced(tmp_path: Path) -> None:
    book = tmp_path / "book"
    first = Supervisor([process("one", book)], tmp_path)._children[0]
    first.start()
    await first.become_ready()
    assert first.popen is not None
    old = first.popen.pid
    second = Supervisor([process("one", book)], tmp_path)
    reaping = asyncio.create_task(asyncio.to_thread(first.popen.wait))

    async def ready() -> None:
        assert start_time(old) == ""
        await until(lambda: book.read_text().count("start one") == 2)
        assert leftover(tmp_path / "run/one.pid") not in (None, old)
        second.stop()

    await second.run(ready)
    await reaping
    assert book.read_text() == "start one\nend one\nstart one\nend one\n"


def test_a_reused_pid_is_not_taken_for_ours(tmp_path: Path) -> None:
    file = tmp_path / "x.pid"
    file.write_text(f"{os.getpid()} {start_time(os.getpid())}")
    assert leftover(file) == os.getpid()
    file.write_text(f"{os.getpid()} 1")
    assert leftover(file) is None


def test_a_long_log_is_rotated_under_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("a") as out:
        out.write("x" * 100)
        out.flush()
        rotate(path, limit=50)
        out.write("next")
    assert path.read_text() == "next"
    assert path.with_name("a.log.1").read_text() == "x" * 100
