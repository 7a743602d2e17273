"""Names of browser telephones prove whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from careline.telephony.phones import _NAME
from careline.web.tickets import Tickets, WebKeyUnsafe

pytestmark = pytest.mark.unit


def test_a_name_belongs_to_its_holder_and_kind_alone() -> None:
    tickets = Tickets(b"k" * 32)
    name = tickets.name("agent", "session-1")
    assert name.startswith("s-")
    assert _NAME.fullmatch(name)
    assert tickets.kind_of(name, "session-1") == "agent"
    assert tickets.kind_of(name, "session-2") is None
    assert tickets.kind_of("w" + name[1:], "session-1") is None
    assert tickets.kind_of(name[:-1] + ("a" if name[-1] != "a" else "b"), "session-1") is None
    assert tickets.kind_of("s-", "session-1") is None
    assert Tickets(b"j" * 32).kind_of(name, "session-1") is None
    assert tickets.name("agent", "session-1") != name


def test_a_caller_cookie_is_ours_or_nothing() -> None:
    tickets = Tickets(b"k" * 32)
    cookie = tickets.sign(1_700_000_000)
    assert tickets.issued(cookie) == 1_700_000_000
    assert tickets.issued(cookie.replace("1700000000", "1900000000")) is None
    assert tickets.issued("") is None
    assert tickets.issued("x.y.z") is None


def test_the_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "web.key"
    name = Tickets.load(file).name("caller", "c")
    assert Tickets.load(file).kind_of(name, "c") == "caller"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(WebKeyUnsafe):
        Tickets.load(file)
