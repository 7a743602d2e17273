"""The private Asterisk's files: what is loaded, who is let in, where secrets lie; and choosing an engine."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from careline.kernel.errors import InvalidInput
from careline.telephony import apt, engine, modules
from careline.telephony.apt import Archive, FetchFailed
from careline.telephony.engine import Engine, NoEngine
from careline.telephony.instance import InstanceConfig, Ports, TrunkTrap, fingerprint, read_access, write_instance

pytestmark = pytest.mark.unit


@pytest.fixture
def fake_engine(tmp_path: Path) -> Engine:
    folder = tmp_path / "modules"
    folder.mkdir()
    for name in ("app_stasis", "chan_pjsip", "res_pjsip_refer", "chan_sip", "res_ari", "pbx_config"):
        (folder / f"{name}.so").touch()
    return Engine(version="22.10.1", argv=("/bin/true",), modules=folder, data=tmp_path, origin="test")


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.0/8", "0.0.0.0/0", "127.0.0.1/32"])
def test_a_trunk_known_by_the_proxys_address_is_refused(tmp_path: Path, fake_engine: Engine, source: str):
    config = InstanceConfig(home=tmp_path / "a", trunk_sources=("192.0.2.7", source))
    with pytest.raises(TrunkTrap):
        write_instance(config, fake_engine)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "config",
    [
        InstanceConfig(home=Path("/tmp/x"), trunk_sources=("trunk.example",)),
        InstanceConfig(home=Path("/tmp/" + "x" * 90)),
        InstanceConfig(home=Path("/tmp/with space")),
    ],
    ids=["name instead of address", "long path", "space"],
)
def test_what_asterisk_could_not_take_is_refused(fake_engine: Engine, config: InstanceConfig):
    with pytest.raises(InvalidInput):
        write_instance(config, fake_engine)


def test_files_are_private_and_secrets_stay_from_start_to_start(tmp_path: Path, fake_engine: Engine):
    config = InstanceConfig(home=tmp_path / "a", ports=Ports(http=18088))
    first = write_instance(config, fake_engine)
    again = write_instance(config, fake_engine)
    assert again == first == read_access(config.home)
    assert len(first.secret) >= 32
    assert first.ari == "http://127.0.0.1:18088/ari"
    for path in (config.home / "etc").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert stat.S_IMODE((config.home / "keys/sip.key").stat().st_mode) == 0o600


def test_the_fingerprint_follows_the_settings(tmp_path: Path, fake_engine: Engine):
    config = InstanceConfig(home=tmp_path / "a")
    write_instance(config, fake_engine)
    same = fingerprint(config, fake_engine)
    assert same == read_access(config.home).fingerprint
    other = InstanceConfig(home=tmp_path / "a", trunk_outbound="192.0.2.7")
    assert fingerprint(other, fake_engine) != same
    assert read_access(config.home).fingerprint == same, "asking must not write"


def test_control_interfaces_stay_on_loopback_whatever_sip_listens_on(tmp_path: Path, fake_engine: Engine):
    config = InstanceConfig(home=tmp_path / "a", bind="0.0.0.0", trunk_sources=("192.0.2.7",))
    write_instance(config, fake_engine)
    etc = config.home / "etc"
    assert "bindaddr = 127.0.0.1" in (etc / "http.conf").read_text()
    assert "bindaddr = 127.0.0.1" in (etc / "manager.conf").read_text()
    assert "bind = 0.0.0.0:5060" in (etc / "pjsip.conf").read_text()
    for path in etc.iterdir():
        assert "@" not in path.read_text().replace("@trunk", ""), f"{path.name} has a place that was not filled"


def test_only_listed_modules_are_loaded(tmp_path: Path, fake_engine: Engine):
    write_instance(InstanceConfig(home=tmp_path / "a"), fake_engine)
    loaded = (tmp_path / "a/etc/modules.conf").read_text()
    assert "autoload = no" in loaded
    assert "load = chan_pjsip.so" in loaded
    assert "chan_sip.so" not in loaded
    assert "res_pjsip_refer.so" not in loaded


def test_a_cached_engine_is_used_without_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "system_engine", lambda: None)
    monkeypatch.setattr(engine, "find_archive", lambda: pytest.fail("the network was asked"))
    home = tmp_path / "engine/asterisk-22.10.1-x86_64-linux-gnu"
    home.mkdir(parents=True)
    facts = {
        "modules_edition": modules.EDITION,
        "version": "22.10.1",
        "origin": "Debian sid",
        "library": "usr/lib/x86_64-linux-gnu",
        "loader": "ld-linux-x86-64.so.2",
        "modules": "usr/lib/x86_64-linux-gnu/asterisk/modules",
    }
    (home / "engine.json").write_text(json.dumps(facts))
    found = engine.get_engine(tmp_path)
    assert (found.version, found.major) == ("22.10.1", 22)
    assert found.argv[0] == str(home / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    (home / "engine.json").write_text(json.dumps({**facts, "modules_edition": "older"}))
    assert engine.find_engine(tmp_path) is None


def test_every_way_that_failed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = Archive("http://archive.example/packages", "Debian", "bookworm", None)
    tried: list[str] = []

    def fail(_cache: Path, _archive: Archive, suite: str, _progress: object) -> Engine:
        tried.append(suite)
        raise FetchFailed("download", "the network is down", "Try again.")

    monkeypatch.setattr(engine, "system_engine", lambda: None)
    monkeypatch.setattr(engine, "find_archive", lambda: archive)
    monkeypatch.setattr(engine, "fetch_engine", fail)
    with pytest.raises(NoEngine) as failed:
        engine.get_engine(tmp_path)
    assert tried == ["sid", "bullseye"]
    for words in ("sid: download: the network is down", "no Asterisk 20 or newer", "package manager"):
        assert words in failed.value.detail


def test_a_system_asterisk_comes_before_the_old_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own = Engine(version="20.6.0", argv=("/usr/sbin/asterisk",), modules=tmp_path, data=tmp_path, origin="system")
    archive = Archive("http://archive.example/packages", "Debian", "bookworm", None)

    def fail(*_: object) -> Engine:
        raise FetchFailed("download", "the network is down", "Try again.")

    monkeypatch.setattr(engine, "system_engine", lambda: own)
    monkeypatch.setattr(engine, "find_archive", lambda: archive)
    monkeypatch.setattr(engine, "fetch_engine", fail)
    assert engine.get_engine(tmp_path) is own


def test_a_machine_without_apt_is_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(apt.shutil, "which", lambda _: None)
    with pytest.raises(FetchFailed, match="apt-get is not on this machine"):
        apt.find_archive()
