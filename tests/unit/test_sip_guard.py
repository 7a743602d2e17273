"""What a browser may say in SIP: its own name only, one whole message, nothing hidden."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.web.sip_guard import SipRefused, check

pytestmark = pytest.mark.unit

ME = "s-abcdefghabcdefghabcdefgh"


def message(
    start: str = "REGISTER sip:careline.invalid SIP/2.0",
    *,
    sender: str = f"<sip:{ME}@careline.invalid>;tag=x",
    to: str = f"<sip:{ME}@careline.invalid>",
    contact: str | None = f'<sip:{ME}@r4nd.invalid;transport=ws>;+sip.ice;+sip.instance="<urn:uuid:1-2>";expires=60',
    more: str = "",
    body: str = "",
    length: int | None = None,
) -> str:
    """A message as the telephone in the page would write it."""
    lines = [
        start,
        "Via: SIP/2.0/WS r4nd.invalid;branch=z9hG4bK1",
        f"To: {to}",
        f"From: {sender}",
        "Call-ID: c1",
        "CSeq: 1 REGISTER",
    ]
    if contact:
        lines.append(f"Contact: {contact}")
    if more:
        lines.append(more)
    lines.append(f"Content-Length: {len(body.encode()) if length is None else length}")
    return "\r\n".join(lines) + "\r\n\r\n" + body


CREDENTIALS = f'Authorization: Digest algorithm=MD5, username="{ME}", realm="careline", response="00"'
INVITE = "INVITE sip:+15555550100@careline.invalid SIP/2.0"


def why(text: str, kind: str = "agent") -> str:
    """The reason for the refusal."""
    with pytest.raises(SipRefused) as refused:
        check(text, ME, kind)  # type: ignore[arg-type]
    return str(refused.value.facts["why"])


@pytest.mark.parametrize(
    "text",
    [
        message(),
        message(more=CREDENTIALS),
        message(contact="*"),
        message("SIP/2.0 200 OK", sender="<sip:+15555550123@vm>;tag=9", to=f"<sip:{ME}@127.0.0.1>;tag=a"),
        message("SIP/2.0 486 Busy Here", sender='"Line" <sip:careline@vm>;tag=9', to=f"<sip:{ME}@127.0.0.1>;tag=a"),
        message("BYE sip:careline@vm:5060;transport=ws SIP/2.0", to="<sip:+15555550123@vm>;tag=4", contact=None),
        message("INVITE sip:careline@vm SIP/2.0", to="<sip:+15555550123@vm>;tag=4", body="v=0\r\ns=é\r\n"),
        "\r\n\r\n",
        "\r\n",
    ],
)
def test_a_telephone_may_speak_in_its_own_name(text: str) -> None:
    check(text, ME, "agent")


def test_a_caller_may_call_and_an_agent_may_not() -> None:
    call = message(INVITE, to="<sip:+15555550100@careline.invalid>")
    check(call, ME, "caller")
    assert why(call) == "agent-invite"
    # A tag in the address, not beside it, does not make it part of a call.
    assert why(message(INVITE, to="<sip:+15555550100;tag=1@careline.invalid>")) in ("agent-invite", "address")


OTHER = "<sip:d-someone@careline.invalid>;tag=x"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (message(sender=OTHER), "user"),
        (message(to=OTHER), "user"),
        (message(contact="<sip:d-someone@r4nd.invalid>"), "user"),
        (message(contact=f"<sip:{ME}@a.invalid>, <sip:d-someone@b.invalid>"), "address"),
        (message(more='Authorization: Digest username="d-someone", realm="careline"'), "user"),
        (message(more=f'Authorization: Digest username="{ME}", username="d-someone"'), "user"),
        (message(more=f'Proxy-Authorization: Digest nonce="{ME}"'), "user"),
        (message("SIP/2.0 200 OK", sender=f"<sip:{ME}@x>", to=OTHER), "user"),
        # The quoted name is not the address.
        (message(sender=f'"<sip:{ME}@careline.invalid>" <sip:d-someone@careline.invalid>;tag=x'), "address"),
        (message(sender=f"<sip:%73{ME[1:]}@careline.invalid>;tag=x"), "address"),
        (message(sender=f"sip:{ME}@careline.invalid;tag=x"), "address"),
        (message(sender="<tel:+15555550100>;tag=x"), "address"),
        # Repeated, folded, bare and missing lines.
        (message(more=f"From: <sip:{ME}@careline.invalid>;tag=y"), "malformed"),
        (message(more="f: <sip:d-someone@careline.invalid>;tag=y"), "malformed"),
        (message(more="From : <sip:d-someone@careline.invalid>;tag=y"), "malformed"),
        (message(more="X-Note: a\r\n folded: b"), "malformed"),
        (message(more="X-Note: a\nFrom: <sip:d-someone@careline.invalid>"), "malformed"),
        (message(more="X-Note: a\rFrom: <sip:d-someone@careline.invalid>"), "malformed"),
        (message(more="X-Note: \x00"), "malformed"),
        (message().replace("Content-Length: 0\r\n", ""), "malformed"),
        (message("\r\nREGISTER sip:careline.invalid SIP/2.0"), "malformed"),
        (message("register sip:careline.invalid SIP/2.0"), "malformed"),
        ("hello", "malformed"),
        # A second message behind the first.
        (message() + message(sender=OTHER), "length"),
        (message(body="v=0", length=0), "length"),
        (message(length=99), "length"),
        (message().replace("Content-Length: 0", "Content-Length: ٠"), "length"),
        (message("MESSAGE sip:x@careline.invalid SIP/2.0"), "method"),
        (message("REFER sip:x@careline.invalid SIP/2.0"), "method"),
        (message("SUBSCRIBE sip:x@careline.invalid SIP/2.0"), "method"),
        (message(more="P-Asserted-Identity: <sip:+15555550100@x>"), "header"),
        (message(more="Route: <sip:somewhere.example;lr>"), "header"),
        ("X" * 70_000, "too-long"),
    ],
)
def test_nothing_else_passes(text: str, reason: str) -> None:
    assert why(text) == reason


@given(st.text(max_size=400))
def test_any_text_is_refused_or_harmless(text: str) -> None:
    if text not in ("\r\n", "\r\n\r\n"):
        with pytest.raises(SipRefused):
            check(text, ME, "agent")


@given(st.integers(0, len(message()) - 1), st.characters(codec="latin-1"))
def test_no_single_change_gives_another_name(position: int, character: str) -> None:
    changed = message()[:position] + character + message()[position + 1 :]
    try:
        check(changed, ME, "agent")
    except SipRefused:
        return
    # It passed: then it still speaks for this telephone alone.
    assert changed.count(f"sip:{ME}@") == 3
