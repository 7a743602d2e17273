"""What an installation gets without choosing anything: the safe side."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from careline.bootstrap import security_config
from careline.platform.settings import Settings
from careline.security.passwords import Hasher

pytestmark = pytest.mark.unit


def test_k7_a_second_factor_is_demanded_unless_it_is_a_demo() -> None:
    assert security_config(Settings(home=Path("/nowhere"))).mfa_required
    assert not security_config(Settings(home=Path("/nowhere"), demo=True)).mfa_required


def test_screens_lock_and_sessions_end() -> None:
    config = security_config(Settings(home=Path("/nowhere")))
    assert timedelta(minutes=5) <= config.idle_lock <= timedelta(minutes=15)
    assert config.session_life <= timedelta(hours=12)
    assert config.api_per_second > 0


def test_passwords_are_hashed_as_slowly_as_is_recommended() -> None:
    """OWASP: argon2id with 19 MiB and 2 passes, or more."""
    encoded = Hasher().hash_now("correct horse battery")
    kind, version, costs = encoded.split("$")[1:4]
    values = dict(part.split("=") for part in costs.split(","))
    assert (kind, version) == ("argon2id", "v=19")
    assert int(values["m"]) >= 19_456 and int(values["t"]) >= 2
