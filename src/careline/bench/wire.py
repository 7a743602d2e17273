"""Times of SIP INVITEs as they cross the loopback interface, stamped by the kernel: nobody's own clockwork is trusted.

Needs the right to open a packet socket (root, or CAP_NET_RAW). The kernel filters, so that media cost nothing.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
import threading
from dataclasses import dataclass

_ETH_P_ALL = 0x0003
_SO_ATTACH_FILTER = 26
_SO_TIMESTAMPNS = 35
#: Classic BPF: IPv4, UDP, not a later fragment, payload beginning with "INVI".
_FILTER = (
    (0x28, 0, 0, 12), (0x15, 0, 8, 0x0800), (0x30, 0, 0, 23), (0x15, 0, 6, 17), (0x28, 0, 0, 20), (0x45, 4, 0, 0x1FFF),
    (0xB1, 0, 0, 14), (0x40, 0, 0, 22), (0x15, 0, 1, 0x494E5649), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0),
)  # fmt: skip
_FROM = re.compile(rb"^From:[^\r\n]*?<sips?:([^@>;]+)@", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Invite:
    """The first time an INVITE with this calling number went to this port."""

    number: str
    port: int
    at: float


class Capture:
    """Collects INVITEs on loopback while the `with` block runs."""

    def __init__(self) -> None:
        """Opens the socket; raises PermissionError without the right to."""
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        program = b"".join(struct.pack("HBBI", *line) for line in _FILTER)
        self._code = ctypes.create_string_buffer(program)
        attached = struct.pack("HL", len(_FILTER), ctypes.addressof(self._code))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attached)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self._socket.bind(("lo", 0))
        self._socket.settimeout(0.2)
        self._first: dict[tuple[str, int], float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Capture:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                packet, extra, _, _ = self._socket.recvmsg(2048, 64)
            except TimeoutError:
                if self._stop.is_set():
                    return
                continue
            parsed = parse(packet)
            if parsed:
                seconds, nanos = struct.unpack("ll", extra[0][2][:16])
                # Loopback shows every packet twice (leaving and arriving): the first counts.
                self._first.setdefault(parsed, seconds + nanos / 1e9)

    def waits(self, caller_port: int, agent_port: int) -> list[float]:
        """Seconds from each caller's INVITE to the switch until the first INVITE to an agent for it."""
        asked = {number: at for (number, port), at in self._first.items() if port == caller_port}
        offered = {number: at for (number, port), at in self._first.items() if port == agent_port}
        return [offered[number] - at for number, at in asked.items() if number in offered]


def parse(packet: bytes) -> tuple[str, int] | None:
    """The calling number and the destination port of an Ethernet frame with a SIP INVITE, or None."""
    header = (packet[14] & 15) * 4
    _, port = struct.unpack_from(">HH", packet, 14 + header)
    found = _FROM.search(packet[14 + header + 8 :])
    return (found.group(1).decode("ascii", "replace").lstrip("+"), port) if found else None
