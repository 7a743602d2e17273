"""Registers the agents' telephones, from the very port where sipp will answer for all of them afterwards."""

from __future__ import annotations

import hashlib
import re
import secrets
import socket


def register(user: str, password: str, source: tuple[str, int], registrar: tuple[str, int]) -> None:
    """REGISTER one telephone over UDP with digest authentication. Raises RuntimeError when it is refused."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(source)
        sock.settimeout(5)
        call_id, uri = secrets.token_hex(8), f"sip:{registrar[0]}:{registrar[1]}"
        answer = _ask(sock, user, source, registrar, call_id, 1, "")
        if not answer.startswith("SIP/2.0 401"):
            raise RuntimeError(f"the switch did not ask {user} for a password: {answer.splitlines()[0]}")
        asked = answer.split("WWW-Authenticate:", 1)[1].split("\r\n")[0]
        challenge = dict(re.findall(r'(\w+)="?([^",\r\n]+)"?', asked))
        cnonce = secrets.token_hex(8)
        secret = _md5(f"{user}:{challenge['realm']}:{password}")
        proof = _md5(f"{secret}:{challenge['nonce']}:00000001:{cnonce}:auth:{_md5('REGISTER:' + uri)}")
        header = (
            f'Authorization: Digest username="{user}", realm="{challenge["realm"]}", nonce="{challenge["nonce"]}", '
            f'uri="{uri}", response="{proof}", algorithm=MD5, qop=auth, nc=00000001, cnonce="{cnonce}"'
        )
        if "opaque" in challenge:
            header += f', opaque="{challenge["opaque"]}"'
        answer = _ask(sock, user, source, registrar, call_id, 2, header + "\r\n")
        if not answer.startswith("SIP/2.0 200"):
            raise RuntimeError(f"{user} could not register: {answer.splitlines()[0]}")


def _ask(
    sock: socket.socket,
    user: str,
    source: tuple[str, int],
    registrar: tuple[str, int],
    call_id: str,
    seq: int,
    more: str,
) -> str:
    here, there = f"{source[0]}:{source[1]}", f"{registrar[0]}:{registrar[1]}"
    sock.sendto(
        (
            f"REGISTER sip:{there} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{secrets.token_hex(6)};rport\r\n"
            f"From: <sip:{user}@{there}>;tag={call_id[:6]}\r\nTo: <sip:{user}@{there}>\r\nCall-ID: {call_id}\r\n"
            f"CSeq: {seq} REGISTER\r\nContact: <sip:{user}@{here}>\r\nExpires: 600\r\nMax-Forwards: 70\r\n{more}"
            "Content-Length: 0\r\n\r\n"
        ).encode(),
        registrar,
    )
    while True:
        answer = sock.recv(8192).decode(errors="replace")
        # The switch may ask whether we are there before it answers; only the answer counts.
        if answer.startswith("SIP/2.0") and not answer.startswith("SIP/2.0 1") and f"CSeq: {seq} REGISTER" in answer:
            return answer


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
