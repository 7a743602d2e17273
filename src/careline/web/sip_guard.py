"""What a browser may say in SIP: one whole message a frame, in its own name, and only the methods a telephone needs.

The switch recognises telephones by the user name in `From`, and whatever it cannot recognise it may take for the
trunk when it comes from a known address. So every message is held to the granted user before it passes, and a frame
with anything hidden in it (a second message, a folded or bare line, a repeated header) does not pass at all.
"""

from __future__ import annotations

import re
from typing import Literal

from careline.kernel.errors import Forbidden

MAX_MESSAGE = 65_536
_KEEP_ALIVE = frozenset({"\r\n\r\n", "\r\n"})
_START = re.compile(r"(?:([A-Z]{3,10}) sips?:[^\s]+ SIP/2\.0|SIP/2\.0 [1-6]\d\d [^\r\n]*)")
_BARE = re.compile(r"(?<!\r)\n|\r(?!\n)")
_ADDRESS = re.compile(r'(?:"[^"\\<>]*"|[^"<>,]*)\s*<sips?:([^@;>:%\s]+)@[^<>\s]+>(;(?:[^<>"]|"[^"\\]*")*)?')
_USERNAME = re.compile(r'(?:^|[\s,])username="([^"\\]*)"', re.IGNORECASE)
_SHORT = {"f": "from", "t": "to", "m": "contact", "l": "content-length", "i": "call-id", "r": "refer-to"}
_METHODS = frozenset({"REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "INFO", "UPDATE", "PRACK", "OPTIONS"})
#: Headers that claim an identity or a way through the network; no browser telephone sends them.
_REFUSED = frozenset({"p-asserted-identity", "p-preferred-identity", "remote-party-id", "diversion", "path", "route"})
_ONCE = ("from", "to", "call-id", "cseq", "content-length")


class SipRefused(Forbidden):
    """This SIP message is not what this telephone may send."""

    id = "sip-refused"


def check(message: str, user: str, kind: Literal["agent", "caller"]) -> None:
    """Raise `SipRefused` (with a short `why`) unless this frame is one SIP message of the telephone `user`."""
    if message in _KEEP_ALIVE:
        return
    if len(message) > MAX_MESSAGE:
        raise _refused("too-long")
    head, blank, body = message.partition("\r\n\r\n")
    if not blank or _BARE.search(head) or "\x00" in head:
        raise _refused("malformed")
    first, *lines = head.split("\r\n")
    start = _START.fullmatch(first)
    if start is None:
        raise _refused("malformed")
    headers = _headers(lines)
    for name in _ONCE:
        if len(headers.get(name, ())) != 1:
            raise _refused("malformed")
    length = headers["content-length"][0]
    # More than one message in a frame would be read as several by the switch.
    if not length.isascii() or not length.isdigit() or int(length) != len(body.encode()):
        raise _refused("length")
    if _REFUSED & headers.keys():
        raise _refused("header")
    _check_identity(start.group(1), headers, user, kind)


def _headers(lines: list[str]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        # A line that begins with a blank continues the one before: no browser telephone folds.
        if not colon or not name or name[0] in " \t":
            raise _refused("malformed")
        name = name.strip().lower()
        headers.setdefault(_SHORT.get(name, name), []).append(value.strip())
    return headers


def _check_identity(method: str | None, headers: dict[str, list[str]], user: str, kind: str) -> None:
    if method is None:
        own = "to"  # a response: what we were called
    else:
        own = "from"
        if method not in _METHODS:
            raise _refused("method")
        if method == "INVITE" and kind == "agent" and ";tag=" not in headers["to"][0].rpartition(">")[2].lower():
            # Agents' calls out are made by call control, never by the browser itself.
            raise _refused("agent-invite")
        if method == "REGISTER" and _user(headers["to"][0]) != user:
            raise _refused("user")
    if _user(headers[own][0]) != user:
        raise _refused("user")
    for contact in headers.get("contact", ()):
        if contact != "*" and _user(contact) != user:
            raise _refused("user")
    for name in ("authorization", "proxy-authorization"):
        for value in headers.get(name, ()):
            if _USERNAME.findall(value) != [user]:
                raise _refused("user")


def _user(value: str) -> str:
    found = _ADDRESS.fullmatch(value)
    if found is None:
        raise _refused("address")
    return found.group(1)


def _refused(why: str) -> SipRefused:
    return SipRefused(why=why)
