"""Settings: file, environment, refusals, and that the document says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from careline.platform.settings import (
    ENVIRONMENT_ONLY,
    Settings,
    SettingsError,
    markdown,
    options,
    unknown_variables,
)

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def load(home: Path, text: str = "", **env: str) -> Settings:
    (home / "careline.toml").write_text(text)
    return Settings.load(home, env)


def test_everything_has_a_default_and_listens_on_loopback(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.web_host == settings.sip_host == "127.0.0.1"
    assert settings.url == "http://127.0.0.1:8080"
    assert not settings.demo and settings.trunk_sources == ()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    text = 'web_port = 8443\nlog_format = "json"\ntrunk_sources = ["192.0.2.1"]\n'
    settings = load(tmp_path, text, CARELINE_WEB_PORT="9000", CARELINE_DEMO="yes")
    assert (settings.web_port, settings.log_format, settings.demo) == (9000, "json", True)
    assert settings.trunk_sources == ("192.0.2.1",)
    listed = load(tmp_path, text, CARELINE_TRUNK_SOURCES="192.0.2.7, 192.0.2.8")
    assert listed.trunk_sources == ("192.0.2.7", "192.0.2.8")


@pytest.mark.parametrize(
    ("text", "env", "says"),
    [
        ("web_prot = 80", {}, "did you mean web_port"),
        ('web_port = "80"', {}, "web_port must be number"),
        ("web_port = true", {}, "web_port must be number"),
        ("web_port = 70000", {}, "port number"),
        ("web_port =", {}, "not valid TOML"),
        ('log_format = "xml"', {}, "one of auto, json, console"),
        ('trunk_sources = "192.0.2.1"', {}, "list of texts"),
        ('trunk_sources = ["127.0.0.1"]', {}, "must not contain"),
        ('web_tls_certificate = "c.pem"', {}, "belong together"),
        ("rtp_first_port = 20000", {}, "below"),
        ("", {"CARELINE_WEB_PORT": "many"}, "whole number"),
        ("", {"CARELINE_DEMO": "maybe"}, "true or false"),
        ("", {"CARELINE_CONFIG": "/nowhere/careline.toml"}, "not a file"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, env: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load(tmp_path, text, **env)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    settings = load(tmp_path, CARELINE_TRUNK_PASSWORD="hunter2", CARELINE_DATABASE_URL="postgresql://a:s3cret@h/db")
    assert "hunter2" not in repr(settings) and "s3cret" not in repr(settings)


def test_typing_errors_in_variables_are_found() -> None:
    env = {"CARELINE_WEB_PROT": "1", "CARELINE_WEB_PORT": "1", "CARELINE_HOME": "/x", "PATH": "/bin"}
    assert unknown_variables(env) == ["CARELINE_WEB_PROT"]


def test_the_document_is_the_code() -> None:
    assert markdown() in (ROOT / "docs" / "settings.md").read_text("utf-8")


def test_every_variable_the_program_reads_is_documented() -> None:
    known = {f"CARELINE_{o.name.upper()}" for o in options()} | set(ENVIRONMENT_ONLY)
    # In the environment: telephony has channel variables of the same form inside Asterisk.
    pattern = r"environ\w*(?:\.get\(|\.pop\(|\[)\"(CARELINE_[A-Z_]*[A-Z])\""
    read = {name for file in (ROOT / "src").rglob("*.py") for name in re.findall(pattern, file.read_text("utf-8"))}
    read |= set(re.findall(r"\$\{?(CARELINE_[A-Z_]*[A-Z])", (ROOT / "careline").read_text("utf-8")))
    assert {"CARELINE_HOME", "CARELINE_PYTHON"} <= read, "nothing was found: this test would prove nothing"
    assert read - known == set()
