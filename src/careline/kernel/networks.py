"""Which addresses lie on the public internet. Pure.

Whatever asks another system on behalf of a tenant asks here first: an address inside the operator's own network is the
operator's to allow, not the tenant's.
"""

from __future__ import annotations

import ipaddress

#: The whole of IPv6 that is given out to networks (IANA, IPv6 Address Space, read 2026-11); the rest is for machines
#: among themselves, or wraps an IPv4 address (RFC 4291, RFC 6052) that would pass by the rules for IPv4.
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
#: Inside of it: 6to4 wraps an IPv4 address too (RFC 3056); the others are for protocols and for documentation.
_NOT_PUBLIC = tuple(ipaddress.IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


def is_public(address: str) -> bool:
    """Whether an address belongs to one machine on the public internet; False for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if found.is_multicast or not found.is_global:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return True
    return found in _GIVEN_OUT and not any(found in net for net in _NOT_PUBLIC)
