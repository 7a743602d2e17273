"""Set-up steps, ports, and finding the system that runs."""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from careline.kernel.errors import InvalidInput, Unavailable
from careline.platform.settings import Settings
from careline.setup import archive, system
from careline.setup.doctor import State, examine
from careline.setup.steps import Say, Step, StepFailed, prepare

pytestmark = pytest.mark.integration


class Component:
    """Something that may be missing."""

    def __init__(self, present: bool = False) -> None:
        self.present = present
        self.installed = 0

    def step(self, install: Callable[[Say], None] | None = None, *, optional: bool = False) -> Step:
        def usual(tell: Say) -> None:
            tell("downloading, 3 MB")
            self.present = True
            self.installed += 1

        check = lambda: "1.0" if self.present else None  # noqa: E731
        return Step("thing", check, install or usual, "apt-get install thing", optional=optional)


def test_only_what_is_missing_is_installed_and_progress_is_told() -> None:
    there, missing, told = Component(True), Component(), list[str]()
    prepare([there.step(), missing.step()], told.append)
    assert (there.installed, missing.installed) == (0, 1)
    assert told[0] == "thing: installing"
    assert told[1] == "thing: downloading, 3 MB"
    assert told[2].startswith("thing: 1.0 ready after")


@pytest.mark.parametrize("error", [OSError("no route"), Unavailable("archive away"), RuntimeError("odd")])
def test_a_failed_step_names_itself_and_what_to_type(error: Exception) -> None:
    def fail(_: Say) -> None:
        raise error

    with pytest.raises(StepFailed) as failed:
        prepare([Component().step(fail)], lambda _: None)
    assert "step 'thing' failed" in failed.value.detail
    assert "apt-get install thing" in failed.value.detail


def test_a_step_that_changes_nothing_has_failed() -> None:
    with pytest.raises(StepFailed, match="still does not answer"):
        prepare([Component().step(lambda _: None)], lambda _: None)


def test_an_optional_step_may_fail_and_the_next_goes_on() -> None:
    def fail(_: Say) -> None:
        raise OSError("no route")

    after, told = Component(), list[str]()
    prepare([Component().step(fail, optional=True), after.step()], told.append)
    assert after.present
    assert any("going on without it" in line for line in told)


def test_a_taken_port_is_replaced_and_said(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        settings = Settings.load(tmp_path, {"CARELINE_WEB_PORT": str(port)})
        chosen, notes = system.choose_ports(settings, {"sip_port": 15999})
    assert chosen["web_port"] != port
    assert chosen["sip_port"] == 15999
    assert any(f"port {port} (web_port) is taken" in note for note in notes)
    assert len(set(chosen.values())) == len(chosen)


def test_a_udp_port_in_use_is_not_free() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", 0))
        port = busy.getsockname()[1]
        assert not system.port_free("127.0.0.1", port, udp=True)


def test_the_running_demo_is_the_one_that_commands_are_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path))
    assert system.active_home() == tmp_path
    demo = system.demo_home(tmp_path)
    settings = Settings.load(demo, {"CARELINE_WEB_PORT": "18123"})
    state = system.write_running(demo, "demo", settings, {"CARELINE_WEB_PORT": "18123"})
    assert state.alive
    assert system.active_home() == demo
    assert system.active_settings()[0].web_port == 18123
    # The same pid that began at another moment is another process.
    file = system.state_file(demo)
    file.write_text(json.dumps(dataclasses.asdict(state) | {"began": "1"}))
    assert system.active_home() == tmp_path


async def test_doctor_on_a_system_that_was_never_started(tmp_path: Path) -> None:
    findings = {f.component: f for f in await examine(Settings.load(tmp_path, {}), None)}
    assert findings["system"].state is State.OFF
    assert "careline demo" in findings["system"].advice
    assert findings["database"].state is State.OFF


async def test_doctor_names_a_setting_that_means_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELINE_WEB_PROT", "80")
    findings = await examine(Settings.load(tmp_path, {}), None)
    assert any(f.component == "settings" and "CARELINE_WEB_PROT" in f.detail for f in findings)


async def test_doctor_says_when_the_disk_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("careline.setup.doctor._DISK_FAULT", 1 << 62)
    findings = {f.component: f for f in await examine(Settings.load(tmp_path, {}), None)}
    assert findings["disk"].state is State.FAULT
    assert "free some space" in findings["disk"].advice


def test_a_backup_without_a_terminal_needs_its_secret_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    nothing = argparse.Namespace(key_file=None, passphrase_env=None)
    with pytest.raises(InvalidInput, match="--key-file"):
        archive.secret(nothing, confirm=True)
    monkeypatch.setenv("SECRET_OF_MINE", "correct horse battery")
    named = argparse.Namespace(key_file=None, passphrase_env="SECRET_OF_MINE")
    assert archive.secret(named, confirm=True).value == b"correct horse battery"
