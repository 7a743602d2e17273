"""`careline up` as a person starts it: everything comes up, survives a killed supervisor, and is stopped as a whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from careline.platform import postgres
from careline.platform.supervisor import start_time
from careline.setup import system
from careline.telephony.instance import Ports
from careline.testing.postgres import private_directory

pytestmark = pytest.mark.faults


class Installation:
    """A state folder of its own, and the command line on it."""

    def __init__(self, home: Path) -> None:
        ports = Ports.free()
        self.home = home
        self.env = {
            **os.environ,
            "CARELINE_HOME": str(home),
            "CARELINE_WEB_PORT": str(Ports.free().http),
            "CARELINE_SIP_PORT": str(ports.sip),
            "CARELINE_SIP_TLS_PORT": str(ports.sips),
            "CARELINE_ASTERISK_HTTP_PORT": str(ports.http),
            "CARELINE_ASTERISK_MANAGER_PORT": str(ports.ami),
            "CARELINE_RTP_FIRST_PORT": str(ports.rtp_first),
            "CARELINE_RTP_LAST_PORT": str(ports.rtp_last),
        }
        self.process: subprocess.Popen[str] | None = None

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command, to its end."""
        argv = [sys.executable, "-m", "careline.cli", *words]
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=120, check=False)

    def up(self) -> None:
        """Start, and wait until it says that it is up."""
        log = self.home / "up.log"
        with log.open("w") as out:
            argv = [sys.executable, "-m", "careline.cli", "up"]
            self.process = subprocess.Popen(argv, env=self.env, stdout=out, stderr=out, text=True)
        deadline = time.monotonic() + 90
        while "Ctrl-C stops everything" not in log.read_text():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    @property
    def running(self) -> system.Running:
        """What the start has written down."""
        found = system.read_running(self.home)
        assert found is not None
        return found

    @property
    def postgres_pid(self) -> int | None:
        """Our PostgreSQL's process."""
        server = postgres.attach(self.home)
        return server.pid if server else None

    @property
    def asterisk_pid(self) -> int:
        """Our Asterisk's process."""
        return int((self.home / "asterisk/run/asterisk.pid").read_text())

    def children(self) -> dict[str, int]:
        """Careline's own processes that run."""
        return system.leftover_processes(self.home, ("web", "callcontrol", "worker", "recorder"))


@pytest.fixture
def installation() -> Iterator[Installation]:
    with private_directory() as home:
        found = Installation(home)
        try:
            yield found
        finally:
            if found.process is not None and found.process.poll() is None:
                found.process.kill()
            if found.process is not None:
                found.process.wait()
            found.run("stop")


def gone(*pids: int | None) -> bool:
    """Whether these processes have ended, within a while."""
    deadline = time.monotonic() + 20
    while any(pid and start_time(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_up_is_whole_says_so_and_ctrl_c_stops_everything(installation: Installation) -> None:
    installation.up()
    with urllib.request.urlopen(f"{installation.running.url}/readyz", timeout=10) as answer:
        assert answer.status == 200
    assert "/setup" in (installation.home / "up.log").read_text()

    doctor = installation.run("doctor", "--json")
    report = json.loads(doctor.stdout)
    assert doctor.returncode == 0, report
    states = {f["component"]: f["state"] for f in report["findings"]}
    assert {states[name] for name in ("database", "switch", "web", "callcontrol", "worker", "recorder")} == {"ok"}
    assert "already" in installation.run("up").stderr

    pids = [installation.postgres_pid, installation.asterisk_pid, *installation.children().values()]
    assert len(pids) == 6
    assert installation.process is not None
    installation.process.send_signal(signal.SIGINT)
    assert installation.process.wait(60) == 0
    assert gone(*pids)
    assert installation.run("doctor").returncode == 0


def test_killing_the_supervisor_ends_no_call_and_the_next_start_adopts(installation: Installation) -> None:
    installation.up()
    database, asterisk, old = installation.postgres_pid, installation.asterisk_pid, installation.children()
    url = installation.running.url
    assert installation.process is not None
    installation.process.kill()
    installation.process.wait()
    assert database is not None
    assert start_time(database)
    assert start_time(asterisk)

    installation.up()
    assert (installation.postgres_pid, installation.asterisk_pid) == (database, asterisk)
    assert installation.running.url == url
    new = installation.children()
    assert set(new) == set(old)
    assert not set(new.values()) & set(old.values())
    assert gone(*old.values())


def test_a_killed_switch_and_a_killed_database_come_back_by_themselves(installation: Installation) -> None:
    installation.up()
    database, asterisk = installation.postgres_pid, installation.asterisk_pid
    assert database is not None
    os.kill(asterisk, signal.SIGKILL)
    os.kill(database, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while True:
        report = installation.run("doctor", "--json")
        if report.returncode == 0 and installation.asterisk_pid != asterisk:
            break
        assert time.monotonic() < deadline, report.stdout
        time.sleep(0.5)
    assert installation.postgres_pid not in (None, database)


def test_stop_ends_what_a_killed_supervisor_left(installation: Installation) -> None:
    installation.up()
    pids = [installation.postgres_pid, installation.asterisk_pid, *installation.children().values()]
    assert installation.process is not None
    installation.process.kill()
    installation.process.wait()
    assert installation.run("stop").returncode == 0
    assert gone(*pids)
